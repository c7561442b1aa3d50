//! Ids: typed slugs. A `PartId` can't be passed where a `TeamId` is meant.

use std::borrow::Borrow;
use std::fmt;

use crate::kind::Kind;

/// The longest id, in bytes.
pub const ID_LENGTH_MAX: usize = 120;

/// Why a text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text is empty.
    #[error("an id can't be empty")]
    Empty,
    /// The text is longer than [`ID_LENGTH_MAX`].
    #[error("an id has at most {ID_LENGTH_MAX} characters, this one has {0}")]
    TooLong(usize),
    /// The text has a character that ids don't have.
    #[error(
        "an id has only a-z, 0-9, `-`, `_` and `.`, and starts with a letter or digit; {0:?} is not allowed there"
    )]
    Character(char),
    /// The text has a colon, which only derived activities have.
    #[error("`:` is kept for the ids of derived activities, such as `launch:geofence`")]
    Derived,
}

fn check_slug(text: &str, colon: bool) -> Result<(), IdError> {
    if text.len() > ID_LENGTH_MAX {
        return Err(IdError::TooLong(text.len()));
    }
    let mut at_start = true;
    for character in text.chars() {
        let plain = character.is_ascii_lowercase() || character.is_ascii_digit();
        match character {
            ':' if !colon => return Err(IdError::Derived),
            ':' if !at_start => at_start = true,
            '-' | '_' | '.' if !at_start => {}
            _ if plain => at_start = false,
            _ => return Err(IdError::Character(character)),
        }
    }
    if at_start { Err(IdError::Empty) } else { Ok(()) }
}

/// A slug near to `text`: lower case, spaces to hyphens, anything else dropped.
///
/// ```
/// assert_eq!(longlead_model::slug_from("Door-open alerts!"), "door-open-alerts");
/// ```
pub fn slug_from(text: &str) -> String {
    let mut slug = String::new();
    for character in text.chars() {
        let character = character.to_ascii_lowercase();
        let plain = character.is_ascii_lowercase() || character.is_ascii_digit();
        if plain || (matches!(character, '_' | '.') && !slug.is_empty()) {
            slug.push(character);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
        if slug.len() >= ID_LENGTH_MAX {
            break;
        }
    }
    let trimmed = slug.trim_end_matches(['-', '_', '.']).len();
    slug.truncate(trimmed);
    if slug.is_empty() { "x".to_owned() } else { slug }
}

macro_rules! ids {
    ($( $(#[doc = $doc:literal])+ $name:ident of $kind:ident $(colon $colon:literal)?; )*) => { $(
        $(#[doc = $doc])+
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The kind of record that this id names.
            pub const KIND: Kind = Kind::$kind;
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                check_slug(&text, false $(|| $colon)?)?;
                Ok($name(text))
            }
        }
        impl TryFrom<&str> for $name {
            type Error = IdError;
            fn try_from(text: &str) -> Result<Self, IdError> {
                Self::try_from(text.to_owned())
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    )* };
}

ids! {
    /// Names a product.
    ProductId of Product;
    /// Names a hardware revision.
    RevisionId of Revision;
    /// Names a capability of hardware.
    CapabilityId of Capability;
    /// Names a software feature.
    FeatureId of Feature;
    /// Names a firmware or cloud release.
    ReleaseId of Release;
    /// Names a decision.
    DecisionId of Decision;
    /// Names an activity or a milestone, authored (`pick-lab`) or derived (`launch:geofence`).
    ActivityId of Activity colon true;
    /// Names a milestone.
    MilestoneId of Milestone;
    /// Names a link between two activities.
    LinkId of Link;
    /// Names what really happened to an activity: the activity's own id.
    ActualId of Actual colon true;
    /// Names a calendar.
    CalendarId of Calendar;
    /// Names a team, a lab or another shared resource.
    TeamId of Team;
    /// Names a risk.
    RiskId of Risk;
    /// Names a group of correlated activities.
    CorrelationId of Correlation;
    /// Names a part.
    PartId of Part;
    /// Names a supplier.
    SupplierId of Supplier;
    /// Names a supplier's offer of a part.
    OfferId of Offer;
    /// Names a line of a bill of materials.
    BomLineId of BomLine;
    /// Names a build.
    BuildId of Build;
    /// Names an order placed with a supplier.
    OrderId of Order;
    /// Names a market.
    MarketId of Market;
    /// Names a body of rules.
    RegimeId of Regime;
    /// Names a certificate.
    CertificateId of Certificate;
    /// Names a stakeholder.
    StakeholderId of Stakeholder;
    /// Names a requirement.
    RequirementId of Requirement;
    /// Names a success criterion.
    CriterionId of Criterion;
    /// Names a concept of the glossary.
    TermId of Term;
    /// Names an assumption.
    AssumptionId of Assumption;
    /// Names an exchange rate.
    RateId of Rate;
    /// Names a stream of readings, and its contract.
    ContractId of Contract;
    /// Names a scenario.
    ScenarioId of Scenario;
}

impl ActivityId {
    /// The id of an activity that follows from facts: a verb, then what it acts on.
    pub fn derived(verb: &str, parts: &[&str]) -> ActivityId {
        ActivityId(format!("{verb}:{}", parts.join(":")))
    }

    /// True if the activity follows from facts and isn't authored.
    pub fn is_derived(&self) -> bool {
        self.0.contains(':')
    }
}

impl From<&MilestoneId> for ActivityId {
    fn from(id: &MilestoneId) -> Self {
        ActivityId(id.0.clone())
    }
}

impl From<&ActualId> for ActivityId {
    fn from(id: &ActualId) -> Self {
        ActivityId(id.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_slugs_and_only_activities_may_be_derived() {
        assert!(PartId::try_from("nrf9161-laca").is_ok());
        assert_eq!(PartId::try_from("nRF9161"), Err(IdError::Character('R')));
        assert_eq!(PartId::try_from("-x"), Err(IdError::Character('-')));
        assert_eq!(PartId::try_from(""), Err(IdError::Empty));
        assert_eq!(PartId::try_from("launch:x"), Err(IdError::Derived));
        assert!(ActivityId::try_from("launch:geofence").is_ok());
        assert_eq!(ActivityId::try_from("launch:"), Err(IdError::Empty));
    }

    #[test]
    fn a_slug_made_from_any_text_is_valid() {
        for text in ["", "  ", "Ünïcode ✓", "A/B: c", "---", "a..", "9 lives"] {
            let slug = slug_from(text);
            assert!(PartId::try_from(slug.as_str()).is_ok(), "{text:?} gave {slug:?}");
        }
    }
}
