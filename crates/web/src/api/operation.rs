//! What an API route does, as data: its parameters, bodies and answers. The OpenAPI document is
//! made from it, and so is what the route lets through, so that neither can tell anything else.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value as Json, json};

/// What a route does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// A name for generated clients: `listRecords`.
    pub(crate) id: &'static str,
    pub(crate) tag: Tag,
    pub(crate) summary: &'static str,
    pub(crate) description: &'static str,
    pub(crate) query: &'static [Parameter],
    /// Whether names of fields are query parameters too.
    pub(crate) fields_in_query: bool,
    pub(crate) headers: &'static [Parameter],
    pub(crate) body: Option<Body>,
    pub(crate) answers: &'static [Answer],
    /// Problems besides those that every route may answer with.
    pub(crate) refusals: &'static [(u16, &'static str)],
}

impl Operation {
    /// An operation that is still to be described.
    pub(crate) const NEW: Operation = Operation {
        id: "",
        tag: Tag::Records,
        summary: "",
        description: "",
        query: &[],
        fields_in_query: false,
        headers: &[],
        body: None,
        answers: &[],
        refusals: &[],
    };
}

/// The groups in which operations are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tag {
    Records,
    Changes,
    Fleet,
    Insights,
    WhatIf,
    About,
}

impl Tag {
    pub(crate) const ALL: &'static [Tag] =
        &[Tag::Records, Tag::Changes, Tag::Fleet, Tag::Insights, Tag::WhatIf, Tag::About];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Tag::Records => "Records",
            Tag::Changes => "Changes",
            Tag::Fleet => "Fleet",
            Tag::Insights => "Insights",
            Tag::WhatIf => "What if",
            Tag::About => "About the API",
        }
    }

    pub(crate) fn doc(self) -> &'static str {
        match self {
            Tag::Records => {
                "The facts: features, revisions, parts, offers, decisions and the rest."
            }
            Tag::Changes => "The journal: who changed what, when and why, and change sets.",
            Tag::Fleet => {
                "The devices in the field: what each is and was, and what happened to it."
            }
            Tag::Insights => {
                "What follows from the facts: dates, decisions, what is foreseen, why."
            }
            Tag::WhatIf => "What would follow from other facts. Nothing is stored.",
            Tag::About => "This description.",
        }
    }
}

/// A parameter of the query, of the path, or a header.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) schema: fn() -> Json,
    pub(crate) required: bool,
}

impl Parameter {
    pub(crate) const fn new(
        name: &'static str,
        schema: fn() -> Json,
        what: &'static str,
    ) -> Parameter {
        Parameter { name, what, schema, required: false }
    }
}

/// The schema of a body, with the schemas that it refers to put among the components.
pub(crate) type SchemaOf = fn(&mut Schemas) -> Json;

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Body {
    pub(crate) media: &'static str,
    pub(crate) schema: SchemaOf,
    pub(crate) example: fn() -> Json,
}

/// JSON, as bodies and answers have it.
pub(crate) const JSON: &str = "application/json";

/// A partial change by RFC 7396.
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// An answer that isn't a problem.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) what: &'static str,
    /// None if the answer has no body.
    pub(crate) schema: Option<SchemaOf>,
    pub(crate) media: &'static str,
    pub(crate) headers: &'static [Header],
}

impl Answer {
    pub(crate) const fn new(status: u16, what: &'static str, schema: SchemaOf) -> Answer {
        Answer { status, what, schema: Some(schema), media: JSON, headers: &[] }
    }

    pub(crate) const fn empty(status: u16, what: &'static str) -> Answer {
        Answer { status, what, schema: None, media: JSON, headers: &[] }
    }

    /// An answer that is text of another media type.
    pub(crate) const fn text(status: u16, what: &'static str, media: &'static str) -> Answer {
        Answer { status, what, schema: Some(|_| json!({ "type": "string" })), media, headers: &[] }
    }

    pub(crate) const fn with(mut self, headers: &'static [Header]) -> Answer {
        self.headers = headers;
        self
    }
}

/// Headers of answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Header {
    ETag,
    Location,
    Sequence,
}

impl Header {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Header::ETag => "ETag",
            Header::Location => "Location",
            Header::Sequence => "Longlead-Sequence",
        }
    }

    pub(crate) fn doc(self) -> &'static str {
        match self {
            Header::ETag => "The version of what is answered, for `If-Match` and `If-None-Match`.",
            Header::Location => "Where it is.",
            Header::Sequence => "The last change set that the answer knows of.",
        }
    }
}

/// Collects the schemas of types under `#/components/schemas`.
#[derive(Debug)]
pub(crate) struct Schemas {
    generator: SchemaGenerator,
    /// For bodies: what has a default may be left out of them, though answers always tell it.
    of_bodies: SchemaGenerator,
}

impl Schemas {
    pub(crate) fn new() -> Schemas {
        let settings = SchemaSettings::draft2020_12().with(|settings| {
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
        });
        Schemas {
            generator: settings.clone().for_serialize().into_generator(),
            of_bodies: settings.for_deserialize().into_generator(),
        }
    }

    pub(crate) fn of<T: JsonSchema>(&mut self) -> Json {
        self.generator.subschema_for::<T>().to_value()
    }

    /// The schema under a name, made when it is asked for first.
    pub(crate) fn named(&mut self, name: &str, make: impl FnOnce(&mut Schemas) -> Json) -> Json {
        if !self.generator.definitions().contains_key(name) {
            let schema = make(self);
            self.generator.definitions_mut().insert(name.to_owned(), schema);
        }
        json!({ "$ref": format!("#/components/schemas/{name}") })
    }

    pub(crate) fn into_definitions(mut self) -> serde_json::Map<String, Json> {
        let mut definitions = self.of_bodies.take_definitions(true);
        definitions.extend(self.generator.take_definitions(true));
        definitions
    }
}

/// The schema of a type in answers.
pub(crate) fn of<T: JsonSchema>(schemas: &mut Schemas) -> Json {
    schemas.of::<T>()
}

/// The schema of a type in bodies of requests.
pub(crate) fn body_of<T: JsonSchema>(schemas: &mut Schemas) -> Json {
    schemas.of_bodies.subschema_for::<T>().to_value()
}

pub(crate) fn text() -> Json {
    json!({ "type": "string" })
}

/// Text on one line, as names are.
pub(crate) fn line() -> Json {
    json!({ "type": "string", "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$" })
}

pub(crate) fn day() -> Json {
    json!({ "type": "string", "format": "date" })
}

pub(crate) fn number() -> Json {
    json!({ "type": "integer", "minimum": 0, "maximum": i64::MAX })
}

pub(crate) fn truth() -> Json {
    json!({ "type": "boolean" })
}
