//! The devices' own certificate authority.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, PublicKeyData, SerialNumber,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::OffsetDateTime;

use super::der;
use super::request::Request;
use crate::front::Registry;

/// For how many days the certificate of a device holds.
pub const DEVICE_DAYS: i64 = 90;

/// For how many days the authority itself holds: twenty years.
const AUTHORITY_DAYS: i64 = 7305;

/// So much earlier than they were made do certificates hold: devices' clocks may be behind.
const SLACK: SignedDuration = SignedDuration::from_hours(24);

/// For how many days a certificate of the server holds that the authority made.
const SERVER_DAYS: i64 = 365;

/// Why the authority can't be opened, or a certificate not be made.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// A file can't be read or written.
    #[error("{file:?} can't be read or written")]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The authority's key or certificate isn't one, or they don't belong together.
    #[error("the key and certificate of the devices' authority in {folder:?} are damaged")]
    Authority {
        /// Where they are.
        folder: PathBuf,
    },
    /// One of the authority's files is there, and the other isn't.
    #[error(
        "{file:?} is missing, which belongs to the other file of the devices' authority: take it \
         from a backup, or move the other away to found a new authority, which no device knows"
    )]
    Missing {
        /// The file that isn't there.
        file: PathBuf,
    },
    /// A request for a certificate can't be read, or isn't signed with the key that it is for.
    #[error("{0}")]
    Request(&'static str),
    /// A request names another device than the one that asks.
    #[error("the request is for {named:?}, and {serial:?} asks")]
    Name {
        /// The common name of the request.
        named: String,
        /// Who asks.
        serial: String,
    },
    /// A serial number can't be a common name.
    #[error("{0:?} can't be the name of a certificate")]
    Serial(String),
    /// A certificate can't be made.
    #[error("a certificate can't be made")]
    Make(#[source] rcgen::Error),
    /// The system gives no random numbers, or TLS isn't to be had.
    #[error("certificates can't be used: {0}")]
    Tls(String),
}

/// The authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// What a device was let in by when it asked for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A claim token.
    Claim,
    /// The certificate that it left the factory with.
    Factory,
    /// The certificate that it has.
    Rotation {
        /// Since when that holds.
        since: Timestamp,
    },
}

/// A certificate that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// The device.
    pub serial: String,
    /// The certificate's own number, in hexadecimal.
    pub number: String,
    /// Since when it holds, in whole seconds. The certificate itself says a day earlier, since the
    /// clocks of devices may be behind.
    pub since: Timestamp,
    /// Until when it holds.
    pub until: Timestamp,
    /// What the device was let in by.
    pub by: Proof,
    /// The certificate and that of the authority, in PEM.
    pub chain: String,
}

/// What the other end of a connection shows of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    /// A certificate of the authority.
    Device {
        /// The device.
        serial: String,
        /// Since when it holds: when it was issued.
        since: Timestamp,
        /// Until when it holds.
        until: Timestamp,
    },
    /// A certificate from the factory, good for enrolment only.
    Factory {
        /// The device.
        serial: String,
        /// Until when it holds.
        until: Timestamp,
    },
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("pem", &self.pem).finish_non_exhaustive()
    }
}

impl Presented {
    /// Whether it is good still: it hasn't expired, and its device wasn't revoked since.
    pub(crate) fn holds(&self, registry: &dyn Registry, now: Timestamp) -> bool {
        match self {
            Presented::Device { serial, since, until } => {
                *until > now && registry.revoked(serial).is_none_or(|revoked| revoked < *since)
            }
            // Only a person lets a device in again that was revoked.
            Presented::Factory { serial, until } => {
                *until > now && registry.revoked(serial).is_none()
            }
        }
    }

    /// Until when it holds.
    pub(super) fn until(&self) -> Timestamp {
        match self {
            Presented::Device { until, .. } | Presented::Factory { until, .. } => *until,
        }
    }
}

impl Authority {
    /// Opens the authority in a folder, or founds one there. Its key is in `device-ca.key`, which
    /// only its owner may read, its certificate in `device-ca.pem`.
    ///
    /// # Errors
    /// Its files can't be read, written or understood, or one of them is missing.
    pub fn open(folder: &Path, now: Timestamp) -> Result<Authority, IdentityError> {
        let failed = |source| IdentityError::File { file: folder.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let (key_file, pem_file) = (folder.join("device-ca.key"), folder.join("device-ca.pem"));
        let damaged = || IdentityError::Authority { folder: folder.to_owned() };
        let (key, pem) = match (read(&key_file)?, read(&pem_file)?) {
            (Some(key), Some(pem)) => (KeyPair::from_pem(&key).map_err(|_| damaged())?, pem),
            (None, None) => {
                let key = KeyPair::generate().map_err(IdentityError::Make)?;
                let params = authority_params(&new_name()?, now)?;
                let pem = params.self_signed(&key).map_err(IdentityError::Make)?.pem();
                write_new(&key_file, 0o600, &key.serialize_pem())?;
                write_new(&pem_file, 0o644, &pem)?;
                (key, pem)
            }
            // Another authority in its place would lock every device out.
            (None, Some(_)) => return Err(IdentityError::Missing { file: key_file }),
            (Some(_), None) => return Err(IdentityError::Missing { file: pem_file }),
        };
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| damaged())?;
        let own = der::Certificate::read(&der).ok_or_else(damaged)?;
        let name = own.common_name().ok_or_else(damaged)?;
        if own.key.info != key.subject_public_key_info() {
            return Err(damaged());
        }
        let issuer = Issuer::new(authority_params(name, now)?, key);
        Ok(Authority { issuer, pem, der })
    }

    /// Its certificate in PEM, which devices trust.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate.
    pub(super) fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// Makes the certificate that a device asks for, which holds from `now` on. Only the key of the
    /// request is taken from it.
    ///
    /// # Errors
    /// The request is for another device, or the serial number can't be a name.
    pub fn issue(
        &self,
        request: &Request,
        serial: &str,
        by: Proof,
        now: Timestamp,
    ) -> Result<Issued, IdentityError> {
        if let Some(named) = request.named()
            && named != serial
        {
            let (named, serial) = (named.to_owned(), serial.to_owned());
            return Err(IdentityError::Name { named, serial });
        }
        if serial.is_empty() || serial.len() > 64 || serial.chars().any(char::is_control) {
            return Err(IdentityError::Serial(serial.to_owned()));
        }
        let since = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let until = later(since, DEVICE_DAYS);
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        let (params, number) = leaf_params(serial, usage, since, until)?;
        let certificate = params.signed_by(request, &self.issuer).map_err(IdentityError::Make)?;
        let chain = [certificate.pem().as_str(), &self.pem].concat();
        Ok(Issued { serial: serial.to_owned(), number, since, until, by, chain })
    }

    /// A certificate for the server itself, for a listener that has no other.
    ///
    /// # Errors
    /// A name is none of a host, or there are no random numbers.
    pub fn server(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), IdentityError> {
        let key = KeyPair::generate().map_err(IdentityError::Make)?;
        let usage = ExtendedKeyUsagePurpose::ServerAuth;
        let (mut params, _) = leaf_params("longlead", usage, now, later(now, SERVER_DAYS))?;
        let named = CertificateParams::new(names.to_vec()).map_err(IdentityError::Make)?;
        params.subject_alt_names = named.subject_alt_names;
        let certificate = params.signed_by(&key, &self.issuer).map_err(IdentityError::Make)?;
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        Ok((vec![certificate.der().clone(), self.der.clone()], key.into()))
    }

    /// What a chain that TLS has verified says of who shows it. A certificate of another authority
    /// than this one is one from the factory, since only those are trusted beside it.
    pub fn presented(&self, chain: &[CertificateDer<'_>]) -> Option<Presented> {
        let leaf = der::Certificate::read(chain.first()?)?;
        let own = der::Certificate::read(&self.der)?;
        let serial = leaf.common_name()?.to_owned();
        // By the last second of the year 9999 factories say that a certificate never expires (RFC
        // 5280, section 4.1.2.5), which is later than any instant here.
        let until = Timestamp::from_second(leaf.until).unwrap_or(Timestamp::MAX);
        if leaf.issuer != own.subject || !leaf.is_by(own.key) {
            return Some(Presented::Factory { serial, until });
        }
        let since = Timestamp::from_second(leaf.since).ok()?.checked_add(SLACK).ok()?;
        Some(Presented::Device { serial, since, until })
    }
}

fn authority_params(name: &str, now: Timestamp) -> Result<CertificateParams, IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = instant(later(now, -1))?;
    params.not_after = instant(later(now, AUTHORITY_DAYS))?;
    Ok(params)
}

/// A name for a new authority. A number in it keeps two apart where both are trusted.
fn new_name() -> Result<String, IdentityError> {
    let (number, _) = random_number()?;
    Ok(format!("Longlead devices {}", number.get(..8).unwrap_or(&number)))
}

fn leaf_params(
    name: &str,
    usage: ExtendedKeyUsagePurpose,
    now: Timestamp,
    until: Timestamp,
) -> Result<(CertificateParams, String), IdentityError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    params.use_authority_key_identifier_extension = true;
    params.not_before = instant(now.checked_sub(SLACK).unwrap_or(now))?;
    params.not_after = instant(until)?;
    let (number, bytes) = random_number()?;
    params.serial_number = Some(SerialNumber::from_slice(&bytes));
    Ok((params, number))
}

fn later(now: Timestamp, days: i64) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(24 * days)).unwrap_or(now)
}

fn instant(at: Timestamp) -> Result<OffsetDateTime, IdentityError> {
    let instant = OffsetDateTime::from_unix_timestamp(at.as_second());
    instant.map_err(|error| IdentityError::Tls(error.to_string()))
}

/// A random number of 127 bits, in hexadecimal and as it stands in a certificate.
fn random_number() -> Result<(String, [u8; 16]), IdentityError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| IdentityError::Tls(error.to_string()))?;
    // Positive, and with its first byte in place.
    if let Some(first) = bytes.first_mut() {
        *first = *first & 0x7f | 0x40;
    }
    Ok((hexadecimal(&bytes), bytes))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(file: &Path) -> Result<Option<String>, IdentityError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(IdentityError::File { file: file.to_owned(), source }),
    }
}

fn write_new(file: &Path, mode: u32, text: &str) -> Result<(), IdentityError> {
    let written = || {
        // Under another name, so that what has the right one is whole.
        let fresh = file.with_added_extension("new");
        let gone = fs::remove_file(&fresh);
        gone.or_else(|it| if it.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(it) })?;
        let new = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh);
        let mut new = new?;
        new.write_all(text.as_bytes())?;
        new.sync_all()?;
        fs::rename(&fresh, file)?;
        let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    written().map_err(|source| IdentityError::File { file: file.to_owned(), source })
}
