//! `longlead schema`: JSON Schema, so that editors complete and check bundles.

use longlead_model::{bundle_schema, record_schema};

use crate::args::SchemaArguments;
use crate::command::Answer;
use crate::output::json;

pub(crate) fn run(arguments: &SchemaArguments) -> Answer {
    Answer::fine(json::text(&arguments.kind.map_or_else(bundle_schema, record_schema)))
}
