//! Amounts are in units that convert, and aren't negative where that makes no sense.

use std::collections::BTreeMap;

use super::{Facts, keys};
use crate::diagnostic::{Code, Diagnostic};
use crate::id::CapabilityId;
use crate::quantity::Quantity;
use crate::record::{Criterion, Feature, Regime, Revision};
use crate::unit::Unit;
use crate::value::Level;

type Levels = BTreeMap<CapabilityId, Level>;

impl Facts<'_> {
    pub(super) fn revision(&mut self, revision: &Revision) {
        self.provides(&revision.provides);
        self.works("design", revision.design.as_ref());
    }

    pub(super) fn feature(&mut self, feature: &Feature) {
        self.levels("requires", &feature.requires);
        self.works("work", feature.work.as_ref());
    }

    pub(super) fn provides(&mut self, levels: &Levels) {
        self.levels("provides", levels);
    }

    /// What is provided and required is in the unit of the capability.
    fn levels(&mut self, field: &str, levels: &Levels) {
        for (capability, level) in levels {
            let path = keys(&[field, capability.as_str()]);
            if let Level::Amount(amount) = level
                && let Some(diagnostic) = negative(amount)
            {
                self.tell(&path, diagnostic);
            }
            let meant = self.bundle.records.capabilities.get(capability);
            let mismatch =
                meant.and_then(|meant| level_mismatch(capability, meant.unit.as_ref(), level));
            if let Some(diagnostic) = mismatch {
                self.tell(&path, diagnostic);
            }
        }
    }

    pub(super) fn regime(&mut self, regime: &Regime) {
        self.works("work", Some(&regime.work));
        if let Some(validity) = &regime.validity {
            self.time(&["validity"], validity);
        }
    }

    /// A quantity that is a length of time.
    pub(super) fn time(&mut self, path: &[&str], quantity: &Quantity) {
        let dimension = quantity.unit().dimension();
        let diagnostic = if dimension == "time" {
            negative(quantity)
        } else {
            let message = format!("{quantity} measures {dimension}, and a length of time is meant");
            let diagnostic = Diagnostic::error(Code::UnitMismatch, message);
            Some(diagnostic.help("write, for example, \"3 a\" or \"18 mo\""))
        };
        if let Some(diagnostic) = diagnostic {
            self.tell(&keys(path), diagnostic);
        }
    }

    pub(super) fn criterion(&mut self, criterion: &Criterion) {
        let (Some(least), Some(most)) = (&criterion.at_least, &criterion.at_most) else {
            return;
        };
        match least.compare(most) {
            Ok(order) if order.is_gt() => {
                let message = format!("nothing is at least {least} and at most {most}");
                self.refuse(
                    "at_most",
                    Code::EmptyInterval,
                    message,
                    "swap the two, or correct one",
                );
            }
            Ok(_) => {}
            Err(error) => {
                let help = error.help();
                self.refuse("at_most", Code::UnitMismatch, error, &help);
            }
        }
    }
}

fn negative(amount: &Quantity) -> Option<Diagnostic> {
    let value = amount.value();
    let is_wrong = value.is_sign_negative() && !value.is_zero() && !amount.unit().has_negatives();
    is_wrong.then(|| {
        let dimension = amount.unit().dimension();
        Diagnostic::error(Code::NegativeValue, format!("{amount} is negative"))
            .help(format!("write zero or more: no {dimension} is below zero"))
    })
}

fn level_mismatch(
    capability: &CapabilityId,
    meant: Option<&Unit>,
    level: &Level,
) -> Option<Diagnostic> {
    let (message, help) = match (meant, level.unit()) {
        (Some(unit), Some(given)) if !given.converts_to(unit) => (
            format!("{level} can't be told in {unit}, the unit of `{capability}`"),
            format!(
                "{given} measures {}, {unit} measures {}: write an amount in {unit}",
                given.dimension(),
                unit.dimension(),
            ),
        ),
        (None, Some(given)) => (
            format!("`{capability}` has no unit, so it is there or it isn't"),
            format!("write true, or give the capability unit = \"{given}\""),
        ),
        (Some(unit), None) if *level == Level::Present(true) => (
            format!("`{capability}` is an amount, and none is given"),
            format!("write how much, such as \"100 {unit}\""),
        ),
        _ => return None,
    };
    Some(Diagnostic::error(Code::UnitMismatch, message).help(help))
}
