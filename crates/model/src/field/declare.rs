//! Declares records and words: one declaration gives fields, codec, schema and references.

use serde_json::{Value as Json, json};

use crate::diagnostic::{Code, nearest, shown};
use crate::field::Decoder;
use crate::node::{Node, Value};

/// Declares structs that are fields or records: fields, codec, schema and references in one.
macro_rules! shapes {
    ($(
        $(#[doc = $doc:literal])+
        struct $name:ident {
            $( $(#[doc = $field_doc:literal])+ $field:ident: $ty:ty $(= $default:expr)?, )*
        }
    )*) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name { $( $(#[doc = $field_doc])+ pub $field: $ty, )* }

        impl $crate::field::Field for $name {
            const EXAMPLE: &'static str = "{ … }";

            fn decode(
                node: &$crate::node::Node,
                decoder: &mut $crate::field::Decoder<'_>,
            ) -> Option<Self> {
                let $crate::node::Value::Table(table) = &node.value else {
                    decoder.mistyped(node, "a table", "{ … }");
                    return None;
                };
                decoder.known_only(table, <Self as $crate::field::Field>::fields());
                $( let $field = decoder.field::<$ty>(
                    table, node.span, stringify!($field),
                    $crate::field::absent_value!($ty $(, $default)?),
                ); )*
                Some($name { $( $field: $field?, )* })
            }

            fn encode(&self) -> Option<$crate::node::Node> {
                let mut table = $crate::node::Table::default();
                $( if let Some(node) = $crate::field::encoded!(self.$field, $ty $(, $default)?) {
                    table.set(stringify!($field), node);
                } )*
                Some($crate::node::Node::new($crate::node::Value::Table(table)))
            }

            fn schema() -> serde_json::Value {
                let mut properties = serde_json::Map::new();
                let mut required: Vec<&str> = Vec::new();
                $(
                    let mut schema = <$ty as $crate::field::Field>::schema();
                    $crate::field::describe(&mut schema, concat!($($field_doc),+));
                    properties.insert(stringify!($field).to_owned(), schema);
                    if $crate::field::absent_value!($ty $(, $default)?).is_none() {
                        required.push(stringify!($field));
                    }
                )*
                serde_json::json!({
                    "type": "object",
                    "description": concat!($($doc),+).trim(),
                    "properties": properties,
                    "required": required,
                    "additionalProperties": false,
                })
            }

            fn fields() -> &'static [&'static str] {
                &[$(stringify!($field)),*]
            }

            fn title(&self) -> Option<&str> {
                None$(.or($crate::field::own_title!(self, $field)))*
            }

            fn visit<'a>(
                &'a self,
                path: &mut Vec<$crate::node::PathStep<'a>>,
                visitor: &mut $crate::field::Visitor<'_>,
            ) {
                $(
                    path.push($crate::node::PathStep::Key(stringify!($field)));
                    $crate::field::Field::visit(&self.$field, path, visitor);
                    path.pop();
                )*
            }
        }
    )* };
}

/// The field that is called `title`.
macro_rules! own_title {
    ($record:ident, title) => {
        Some($record.title.as_str())
    };
    ($record:ident, $field:ident) => {
        None
    };
}

/// What a missing field means: its declared default, or what its type says.
macro_rules! absent_value {
    ($ty:ty) => {
        <$ty as $crate::field::Field>::absent()
    };
    ($ty:ty, $default:expr) => {{
        let default: $ty = $default;
        Some(default)
    }};
}

/// A field as it is written, unless it is left out because it holds what its absence means.
macro_rules! encoded {
    ($value:expr, $ty:ty) => {
        $crate::field::Field::encode(&$value)
    };
    ($value:expr, $ty:ty, $default:expr) => {{
        let default: $ty = $default;
        // An empty list where the default is another has to be written.
        let empty = || $crate::node::Node::new($crate::node::Value::Array(Vec::new()));
        ($value != default).then(|| $crate::field::Field::encode(&$value).unwrap_or_else(empty))
    }};
}

/// Declares a choice between words.
macro_rules! words {
    ($(
        $(#[doc = $doc:literal])+
        enum $name:ident { $( $(#[doc = $word_doc:literal])+ $variant:ident = $word:literal, )* }
    )*) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $( $(#[doc = $word_doc])+ $variant, )* }

        impl $name {
            /// The word as it is written in a bundle.
            pub fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $word, )* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl $crate::field::Field for $name {
            const EXAMPLE: &'static str = {
                let words: &[&str] = &[$(concat!("\"", $word, "\"")),*];
                words[0]
            };
            fn decode(
                node: &$crate::node::Node,
                decoder: &mut $crate::field::Decoder<'_>,
            ) -> Option<Self> {
                let text = match &node.value {
                    $crate::node::Value::Text(text) => text.as_str(),
                    _ => "",
                };
                match text {
                    $( $word => Some($name::$variant), )*
                    _ => {
                        $crate::field::refuse_word(decoder, node, text, &[$($word),*]);
                        None
                    }
                }
            }
            fn encode(&self) -> Option<$crate::node::Node> {
                Some($crate::node::Node::text(self.as_str()))
            }
            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),*] })
            }
        }
    )* };
}

pub(crate) fn refuse_word(decoder: &mut Decoder<'_>, node: &Node, text: &str, words: &[&str]) {
    let message = match &node.value {
        Value::Text(_) => format!("\"{}\" is not one of {}", shown(text), words.join(", ")),
        _ => format!("one of {} is expected here, not {}", words.join(", "), node.describe()),
    };
    let help = match nearest(text, words.iter().copied()) {
        Some(word) => format!("did you mean \"{word}\"?"),
        None => format!("write \"{}\"", words.first().copied().unwrap_or_default()),
    };
    decoder.refuse(Code::WrongValue, node.span, message, help);
}

/// Adds a description to a schema, unless it has one that says more.
pub(crate) fn describe(schema: &mut Json, doc: &str) {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), json!(doc.trim()));
    }
}

pub(crate) use {absent_value, encoded, own_title, shapes, words};
