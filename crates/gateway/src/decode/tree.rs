//! A JSON or CBOR value.

use std::borrow::Cow;

/// How many values one reading, or one envelope of readings, may be made of.
pub(super) const NODES_MAX: usize = 1 << 18;

/// A value of a document. Texts without an escape lie in the payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node<'a> {
    Null,
    Bool(bool),
    Integer(i64),
    Unsigned(u64),
    Float(f64),
    Text(Cow<'a, str>),
    Bytes(Cow<'a, [u8]>),
    List(Vec<Node<'a>>),
    Map(Vec<(Cow<'a, str>, Node<'a>)>),
}

impl<'a> Node<'a> {
    /// The member of a map.
    pub(super) fn get(&self, key: &str) -> Option<&Node<'a>> {
        let Node::Map(members) = self else { return None };
        members.iter().find(|it| it.0 == key).map(|it| &it.1)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Node::Text(text) = self { Some(text) } else { None }
    }

    /// A number that is whole and not negative.
    pub(super) fn as_unsigned(&self) -> Option<u64> {
        match self {
            Node::Integer(number) => u64::try_from(*number).ok(),
            Node::Unsigned(number) => Some(*number),
            _ => None,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a float is asked for")]
    pub(super) fn as_float(&self) -> Option<f64> {
        match self {
            Node::Integer(number) => Some(*number as f64),
            Node::Unsigned(number) => Some(*number as f64),
            Node::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// As JSON, to be kept and sent again.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::new();
        self.write(&mut json);
        json
    }

    fn write(&self, json: &mut Vec<u8>) {
        match self {
            Node::Null => json.extend(b"null"),
            Node::Bool(bool) => json.extend(bool.to_string().bytes()),
            Node::Integer(number) => json.extend(number.to_string().bytes()),
            Node::Unsigned(number) => json.extend(number.to_string().bytes()),
            Node::Float(number) if number.is_finite() => json.extend(format!("{number:?}").bytes()),
            // JSON has no word for them; as a text they end in a reason again.
            Node::Float(number) => json.extend(format!("\"{number}\"").bytes()),
            Node::Text(text) => write_text(text, json),
            Node::Bytes(bytes) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                write_text(&hex, json);
            }
            Node::List(nodes) => {
                json.push(b'[');
                for (place, node) in nodes.iter().enumerate() {
                    json.extend((place > 0).then_some(b','));
                    node.write(json);
                }
                json.push(b']');
            }
            Node::Map(members) => {
                json.push(b'{');
                for (place, (key, node)) in members.iter().enumerate() {
                    json.extend((place > 0).then_some(b','));
                    write_text(key, json);
                    json.push(b':');
                    node.write(json);
                }
                json.push(b'}');
            }
        }
    }
}

fn write_text(text: &str, json: &mut Vec<u8>) {
    json.extend(serde_json::Value::from(text).to_string().bytes());
}
