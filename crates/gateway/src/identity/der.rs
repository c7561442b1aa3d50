//! What this crate reads of certificates (RFC 5280) and of requests for them (RFC 2986): as much of
//! DER as that takes, borrowed from the bytes. Whatever isn't as these standards say is `None`.

use rustls::pki_types::SignatureVerificationAlgorithm;

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_ID: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const PRINTABLE_STRING: u8 = 0x13;
const IA5_STRING: u8 = 0x16;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// The version of a certificate: context-specific, 0.
const VERSION: u8 = 0xa0;

/// `id-at-commonName`, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

/// Something that is signed.
#[derive(Clone, Copy, Debug)]
struct Signed<'d> {
    /// What is signed, with its tag and length.
    message: &'d [u8],
    /// The same without them.
    inner: &'d [u8],
    algorithm: &'d [u8],
    signature: &'d [u8],
}

/// A public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key<'d> {
    /// The whole `SubjectPublicKeyInfo`, with its tag and length.
    pub(super) info: &'d [u8],
    /// Its algorithm with parameters, without tag and length.
    pub(super) algorithm: &'d [u8],
    /// The bits of the key.
    pub(super) bits: &'d [u8],
}

/// A request for a certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'d> {
    signed: Signed<'d>,
    subject: &'d [u8],
    pub(super) key: Key<'d>,
}

/// A certificate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Certificate<'d> {
    signed: Signed<'d>,
    /// Who has signed it: the name as it is encoded.
    pub(super) issuer: &'d [u8],
    /// The first second at which it holds, since 1970.
    pub(super) since: i64,
    /// The last second at which it holds, since 1970.
    pub(super) until: i64,
    /// Whose it is: the name as it is encoded.
    pub(super) subject: &'d [u8],
    pub(super) key: Key<'d>,
}

impl<'d> Request<'d> {
    pub(super) fn read(der: &'d [u8]) -> Option<Request<'d>> {
        let signed = signed(der)?;
        let mut rest = signed.inner;
        next(&mut rest, INTEGER)?;
        let subject = next(&mut rest, SEQUENCE)?;
        let key = key(&mut rest)?;
        Some(Request { signed, subject, key })
    }

    /// Whether it is signed with the key that it is for.
    pub(super) fn is_sound(&self) -> bool {
        self.signed.is_by(self.key)
    }

    pub(super) fn common_name(&self) -> Option<&'d str> {
        common_name(self.subject)
    }
}

impl<'d> Certificate<'d> {
    pub(super) fn read(der: &'d [u8]) -> Option<Certificate<'d>> {
        let signed = signed(der)?;
        let mut rest = signed.inner;
        // Version 1 has no version.
        if rest.first() == Some(&VERSION) {
            next(&mut rest, VERSION)?;
        }
        next(&mut rest, INTEGER)?;
        next(&mut rest, SEQUENCE)?;
        let issuer = next(&mut rest, SEQUENCE)?;
        let mut validity = next(&mut rest, SEQUENCE)?;
        let since = instant(&mut validity)?;
        let until = instant(&mut validity)?;
        let subject = next(&mut rest, SEQUENCE)?;
        let key = key(&mut rest)?;
        Some(Certificate { signed, issuer, since, until, subject, key })
    }

    /// Whether this is signed with a key.
    pub(super) fn is_by(&self, key: Key<'_>) -> bool {
        self.signed.is_by(key)
    }

    pub(super) fn common_name(&self) -> Option<&'d str> {
        common_name(self.subject)
    }
}

impl Signed<'_> {
    fn is_by(&self, key: Key<'_>) -> bool {
        let fits = |it: &&&dyn SignatureVerificationAlgorithm| {
            it.signature_alg_id().as_ref() == self.algorithm
                && it.public_key_alg_id().as_ref() == key.algorithm
        };
        let all = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
        all.iter()
            .filter(fits)
            .any(|it| it.verify_signature(key.bits, self.message, self.signature).is_ok())
    }
}

/// `SEQUENCE { what is signed, algorithm, signature }`, and nothing after it.
fn signed(der: &[u8]) -> Option<Signed<'_>> {
    let mut whole = der;
    let mut rest = next(&mut whole, SEQUENCE)?;
    let (inner, message) = next_with_head(&mut rest, SEQUENCE)?;
    let algorithm = next(&mut rest, SEQUENCE)?;
    let signature = bits(&mut rest)?;
    (whole.is_empty() && rest.is_empty()).then_some(Signed { message, inner, algorithm, signature })
}

fn key<'d>(rest: &mut &'d [u8]) -> Option<Key<'d>> {
    let (mut inner, info) = next_with_head(rest, SEQUENCE)?;
    let algorithm = next(&mut inner, SEQUENCE)?;
    let bits = bits(&mut inner)?;
    inner.is_empty().then_some(Key { info, algorithm, bits })
}

/// A bit string of whole bytes.
fn bits<'d>(rest: &mut &'d [u8]) -> Option<&'d [u8]> {
    next(rest, BIT_STRING)?.strip_prefix(&[0])
}

/// The common name of a name, if it has one and only one: of two, nobody could say who is meant.
fn common_name(name: &[u8]) -> Option<&str> {
    let mut rest = name;
    let mut found = None;
    while !rest.is_empty() {
        let mut set = next(&mut rest, SET)?;
        while !set.is_empty() {
            let mut pair = next(&mut set, SEQUENCE)?;
            if next(&mut pair, OBJECT_ID)? != COMMON_NAME {
                continue;
            }
            let (tag, value, _) = any(&mut pair)?;
            if found.is_some() || ![UTF8_STRING, PRINTABLE_STRING, IA5_STRING].contains(&tag) {
                return None;
            }
            found = Some(std::str::from_utf8(value).ok()?);
        }
    }
    found
}

/// An instant, in seconds since 1970. UTC times are those of 1950 until 2049.
fn instant(rest: &mut &[u8]) -> Option<i64> {
    let (tag, value, _) = any(rest)?;
    let text = std::str::from_utf8(value).ok()?;
    let whole = match tag {
        UTC_TIME if text.get(..2)? >= "50" => format!("19{text}"),
        UTC_TIME => format!("20{text}"),
        GENERALIZED_TIME => text.to_owned(),
        _ => return None,
    };
    let told = jiff::civil::DateTime::strptime("%Y%m%d%H%M%SZ", &whole).ok()?;
    // The last hours of the year 9999 are no instants of `jiff`, but they stand in certificates.
    Some(told.duration_since(jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0)).as_secs())
}

/// The contents of the next element, which must have this tag.
fn next<'d>(rest: &mut &'d [u8], tag: u8) -> Option<&'d [u8]> {
    next_with_head(rest, tag).map(|it| it.0)
}

fn next_with_head<'d>(rest: &mut &'d [u8], tag: u8) -> Option<(&'d [u8], &'d [u8])> {
    let (found, contents, whole) = any(rest)?;
    (found == tag).then_some((contents, whole))
}

/// The next element: its tag, its contents, and all of it.
fn any<'d>(rest: &mut &'d [u8]) -> Option<(u8, &'d [u8], &'d [u8])> {
    let all = *rest;
    let (&tag, after) = all.split_first()?;
    let (&first, mut after) = after.split_first()?;
    let length = match first {
        0..=0x7f => usize::from(first),
        // At most four bytes tell a length here, in as few as it takes.
        0x81..=0x84 => {
            let (told, later) = after.split_at_checked(usize::from(first & 0x7f))?;
            after = later;
            let length = told.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
            let is_shortest = told.first() != Some(&0) && length > 0x7f;
            is_shortest.then_some(length)?
        }
        _ => return None,
    };
    let (contents, later) = after.split_at_checked(length)?;
    *rest = later;
    Some((tag, contents, all.get(..all.len() - later.len())?))
}

#[cfg(test)]
mod tests {
    use super::{Certificate, Request, any};

    #[test]
    fn an_element_is_read_as_the_standard_says() {
        let long = [&[0x30, 0x81, 0x80][..], &[7; 0x80]].concat();
        for (bytes, length) in [
            (&[0x30, 0][..], Some(0)),
            (&[0x30, 2, 1, 1], Some(2)),
            (&long, Some(0x80)),
            (&[], None),
            (&[0x30], None),
            (&[0x30, 3, 1, 1], None),
            // Without an end, which only BER has.
            (&[0x30, 0x80, 0, 0], None),
            // Longer than it takes.
            (&[0x30, 0x81, 1, 1], None),
            (&[0x30, 0x82, 0, 1, 1], None),
            (&[0x30, 0x85, 1, 0, 0, 0, 0], None),
            (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], None),
        ] {
            let mut rest = bytes;
            assert_eq!(any(&mut rest).map(|it| it.1.len()), length, "{bytes:?}");
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_never_sound() {
        let key = rcgen::KeyPair::generate().expect("a key");
        let mut params = rcgen::CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "CT-1");
        let request = params.serialize_request(&key).expect("a request");
        let whole: &[u8] = request.der();
        let read = Request::read(whole).expect("it is one");
        assert_eq!((read.is_sound(), read.common_name()), (true, Some("CT-1")));
        for end in 0..whole.len() {
            assert!(Request::read(&whole[..end]).is_none(), "{end}");
        }
        for place in 0..whole.len() {
            let mut changed = whole.to_vec();
            changed[place] ^= 1;
            assert!(!Request::read(&changed).is_some_and(|it| it.is_sound()), "{place}");
        }
        let certificate = params.self_signed(&key).expect("a certificate");
        let read = Certificate::read(certificate.der()).expect("it is one");
        assert_eq!((read.common_name(), read.is_by(read.key)), (Some("CT-1"), true));
        assert_eq!(read.issuer, read.subject);
        // The year 4096, by which rcgen means for ever.
        assert_eq!(read.until, 67_090_118_400);
        // The last second of the year 9999, by which RFC 5280 does.
        let never = 253_402_300_799;
        params.not_after = time::OffsetDateTime::from_unix_timestamp(never).expect("in range");
        let certificate = params.self_signed(&key).expect("a certificate");
        assert_eq!(Certificate::read(certificate.der()).map(|it| it.until), Some(never));
    }
}
