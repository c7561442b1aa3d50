use crate::field::{shapes, words};
use crate::id::*;
use crate::quantity::Quantity;
use crate::unit::Unit;
use crate::value::Share;

shapes! {
    /// What a stream of readings holds: agreed once between those who send and those who ask.
    struct Contract {
        /// Name of the stream, and of its table: lower case letters, digits and `_`.
        id: ContractId,
        /// Name as people say it.
        title: String,
        /// Who answers for it.
        owner: Option<StakeholderId>,
        /// Other names under which devices send the stream.
        sent_as: Vec<String>,
        /// The field that names the device, where the connection doesn't tell it.
        device_from: Option<String>,
        /// What a reading holds.
        fields: Vec<ContractField>,
        /// What happens to a reading with a field that isn't listed.
        unknown_fields: UnknownFields = UnknownFields::Quarantine,
        /// The time between two readings of a device, for example "10 s" or "15 min".
        cadence: Option<Quantity>,
        /// The share of the readings due that is to arrive.
        objective: Option<Share>,
        /// How long after it was taken a reading may arrive and still count as timely.
        allowed_lateness: Option<Quantity>,
        /// How long readings are kept; left out, for ever.
        retention: Option<Quantity>,
    }

    /// A field of a stream's readings.
    struct ContractField {
        /// Name of the field, and of its column: lower case letters, digits and `_`.
        name: String,
        /// What it holds.
        kind: FieldKind = FieldKind::Float,
        /// The unit in which it is kept; values in another unit are converted.
        unit: Option<Unit>,
        /// The lowest value that can be true, in the unit of the field.
        low: Option<f64>,
        /// The highest value that can be true, in the unit of the field.
        high: Option<f64>,
        /// Whether every reading must have it.
        required: bool = false,
        /// Whether it tells something of a person.
        personal: bool = false,
        /// Other names under which devices send it.
        sent_as: Vec<String>,
        /// What it means.
        note: Option<String>,
    }
}

words! {
    /// What a field holds.
    enum FieldKind {
        /// A number with decimals: a measurement.
        Float = "float",
        /// A whole number.
        Integer = "integer",
        /// A whole number that only rises, until it starts again: uptime, energy, frames.
        Counter = "counter",
        /// True or false.
        Boolean = "boolean",
        /// Text.
        Text = "text",
    }

    /// What happens to a reading with a field that its contract doesn't list.
    enum UnknownFields {
        /// It goes to quarantine whole, until the contract is mended.
        Quarantine = "quarantine",
        /// It is stored; what isn't listed is kept as JSON in the column `unknown`.
        Keep = "keep",
    }
}
