//! CBOR (RFC 8949) to values, one element of the outermost array at a time.

use std::borrow::Cow;

use super::Limits;
use super::tree::{NODES_MAX, Node};
use super::writer::Fault;

/// Reads a data item and gives each element of its array, or the one value that it is.
pub(super) fn each<'a>(
    payload: &'a [u8],
    limits: &Limits,
    take: &mut dyn FnMut(Node<'a>),
) -> Result<(), Fault> {
    let mut reader = Reader { rest: payload, left: NODES_MAX };
    reader.document(limits.depth, take).map_err(|fault| {
        let place = payload.len() - reader.rest.len();
        format!("it is no sound CBOR: {fault}, before byte {place}").into()
    })
}

struct Reader<'a> {
    rest: &'a [u8],
    /// How many values may still come in this element.
    left: usize,
}

/// The first bytes of an item. `argument` is `None` where the length isn't told in advance.
#[derive(Clone, Copy)]
struct Head {
    major: u8,
    info: u8,
    argument: Option<u64>,
}

const BREAK: u8 = 0xff;

impl<'a> Reader<'a> {
    fn document(&mut self, depth: usize, take: &mut dyn FnMut(Node<'a>)) -> Result<(), Fault> {
        let mut head = self.head()?;
        while head.major == 6 {
            head = self.head()?;
        }
        if head.major == 4 {
            let mut count = head.argument;
            while self.goes_on(&mut count)? {
                self.left = NODES_MAX;
                take(self.node(depth)?);
            }
        } else {
            take(self.item(head, depth)?);
        }
        if self.rest.is_empty() { Ok(()) } else { Err("more follows its end".into()) }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let taken =
            usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = taken.ok_or("it breaks off")?;
        self.rest = rest;
        Ok(taken)
    }

    fn head(&mut self) -> Result<Head, Fault> {
        let first = self.take(1)?.first().copied().unwrap_or(0);
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..24 => Some(u64::from(info)),
            24..28 => {
                let bytes = self.take(1 << (info - 24))?;
                Some(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
            }
            31 if matches!(major, 2..=5 | 7) => None,
            _ => return Err(format!("{first:#04x} starts no item").into()),
        };
        Ok(Head { major, info, argument })
    }

    /// Whether another item of a run follows.
    fn goes_on(&mut self, count: &mut Option<u64>) -> Result<bool, Fault> {
        if let Some(count) = count {
            let goes_on = *count > 0;
            *count = count.saturating_sub(1);
            return Ok(goes_on);
        }
        let ends = *self.rest.first().ok_or("it breaks off")? == BREAK;
        if ends {
            self.take(1)?;
        }
        Ok(!ends)
    }

    fn node(&mut self, depth: usize) -> Result<Node<'a>, Fault> {
        let head = self.head()?;
        self.item(head, depth)
    }

    fn item(&mut self, head: Head, depth: usize) -> Result<Node<'a>, Fault> {
        self.left = self.left.checked_sub(1).ok_or("it has too many values")?;
        let within = || depth.checked_sub(1).ok_or("it is nested too deeply");
        match (head.major, head.argument) {
            (0, Some(number)) => {
                Ok(i64::try_from(number).map_or(Node::Unsigned(number), Node::Integer))
            }
            (1, Some(number)) => {
                let number = i64::try_from(number).map_err(|_| "an integer is below -2⁶³")?;
                Ok(Node::Integer(-1 - number))
            }
            (2, _) => self.bytes(head).map(Node::Bytes),
            (3, _) => self.text(head).map(Node::Text),
            (4, mut count) => {
                let (mut nodes, depth) = (Vec::new(), within()?);
                while self.goes_on(&mut count)? {
                    nodes.push(self.node(depth)?);
                }
                Ok(Node::List(nodes))
            }
            (5, mut count) => {
                let (mut members, depth) = (Vec::new(), within()?);
                while self.goes_on(&mut count)? {
                    let key = self.key()?;
                    members.push((key, self.node(depth)?));
                }
                Ok(Node::Map(members))
            }
            // A tag says what its item means: the one of a time is a time where a time stands.
            (6, Some(_)) => self.node(within()?),
            (7, Some(argument)) => simple(head.info, argument),
            _ => Err("a break stands where an item should".into()),
        }
    }

    /// A key: a text, or an integer as SenML has them, which is given in decimal.
    fn key(&mut self) -> Result<Cow<'a, str>, Fault> {
        let head = self.head()?;
        match self.item(head, 1)? {
            Node::Text(text) => Ok(text),
            Node::Integer(number) => Ok(number.to_string().into()),
            _ => Err("a key is neither text nor integer".into()),
        }
    }

    fn bytes(&mut self, head: Head) -> Result<Cow<'a, [u8]>, Fault> {
        if let Some(length) = head.argument {
            return self.take(length).map(Cow::Borrowed);
        }
        let mut bytes = Vec::new();
        while self.goes_on(&mut None)? {
            let part = self.head()?;
            match part.argument {
                Some(length) if part.major == head.major => bytes.extend(self.take(length)?),
                _ => return Err("a text in parts has a part that is none".into()),
            }
        }
        Ok(Cow::Owned(bytes))
    }

    fn text(&mut self, head: Head) -> Result<Cow<'a, str>, Fault> {
        let not_utf8 = "a text is not UTF-8";
        match self.bytes(head)? {
            Cow::Borrowed(bytes) => Ok(std::str::from_utf8(bytes).map_err(|_| not_utf8)?.into()),
            Cow::Owned(bytes) => Ok(String::from_utf8(bytes).map_err(|_| not_utf8)?.into()),
        }
    }
}

fn simple(info: u8, argument: u64) -> Result<Node<'static>, Fault> {
    match (info, argument) {
        (20, _) => Ok(Node::Bool(false)),
        (21, _) => Ok(Node::Bool(true)),
        (22 | 23, _) => Ok(Node::Null),
        (25, bits) => Ok(Node::Float(half(bits))),
        (26, bits) => Ok(Node::Float(f32::from_bits(u32::try_from(bits).unwrap_or(0)).into())),
        (27, bits) => Ok(Node::Float(f64::from_bits(bits))),
        _ => Err(format!("the simple value {argument} has no meaning").into()),
    }
}

/// A number of 16 bits, as RFC 8949, appendix D, decodes it.
fn half(bits: u64) -> f64 {
    let exponent = i32::try_from(bits >> 10 & 0x1f).unwrap_or(0);
    let mantissa = f64::from(u16::try_from(bits & 0x3ff).unwrap_or(0));
    let magnitude = match exponent {
        0 => mantissa * f64::powi(2.0, -24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (mantissa + 1024.0) * f64::powi(2.0, exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}
