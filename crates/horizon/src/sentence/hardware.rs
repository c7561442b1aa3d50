//! Sentences about parts, builds, certificates and revisions.

use longlead_model::Kind;

use super::{Segment, Vocabulary, day, text};
use crate::reason::Reason;

impl Vocabulary<'_> {
    pub(super) fn of_hardware(&self, reason: &Reason) -> Vec<Segment> {
        match reason {
            Reason::NeedsPart { build, revision, part, quantity } => vec![
                text(format!("{quantity} × ")),
                self.named(Kind::Part, part.as_str()),
                text(if quantity == "1" { " is" } else { " are" }),
                text(format!(" on the {} of ", self.term("bom", "BOM"))),
                self.named(Kind::Revision, revision.as_str()),
                text(" for "),
                self.named(Kind::Build, build.as_str()),
            ],
            Reason::BestOffer { .. } => self.best_offer(reason),
            Reason::Ordered { order, placed, promised, received } => {
                let state = match (received, promised) {
                    (Some(received), _) => format!("arrived on {}", day(*received)),
                    (None, Some(promised)) => format!("is promised for {}", day(*promised)),
                    (None, None) => "isn't promised yet".to_owned(),
                };
                vec![
                    text("order "),
                    self.named(Kind::Order, order.as_str()),
                    text(format!(" was placed on {} and {state}", day(*placed))),
                ]
            }
            Reason::BuildOrder { build, stage, quantity, after } => {
                let (id, stage) = (build.to_string(), stage.clone());
                let order = match after {
                    Some(after) => format!(" of {quantity} units comes after {after}"),
                    None => format!(" of {quantity} units is the first build"),
                };
                vec![Segment::Record { kind: Kind::Build, id, text: stage }, text(order)]
            }
            Reason::Demanded { .. } => self.demanded(reason),
            Reason::Certified { certificate, expires } => {
                let until = expires.map_or(String::new(), |on| format!(" until {}", day(on)));
                vec![
                    text(format!("{} ", self.term("certificate", "certificate"))),
                    self.named(Kind::Certificate, certificate.as_str()),
                    text(format!(" holds{until}")),
                ]
            }
            Reason::Shipped { market, time } => vec![
                text("shipping to "),
                self.named(Kind::Market, market.as_str()),
                text(format!(" takes {time}")),
            ],
            Reason::Freezes { revision, on } => {
                let has_frozen = *on < self.as_of;
                let freeze = self.term("specification-freeze", "specification freeze");
                let what = if has_frozen { "specification" } else { freeze };
                let verb = if has_frozen { "froze on" } else { "is on" };
                vec![
                    text(format!("the {what} of ")),
                    self.named(Kind::Revision, revision.as_str()),
                    text(format!(" {verb} {}", day(*on))),
                ]
            }
            _ => Vec::new(),
        }
    }

    fn best_offer(&self, reason: &Reason) -> Vec<Segment> {
        let Reason::BestOffer { offer, supplier, part, lead_time, from_stock, offers } = reason
        else {
            return Vec::new();
        };
        let way = if *from_stock { " ships from stock " } else { " delivers " };
        let named = if *from_stock {
            String::new()
        } else {
            format!(" ({})", self.term("lead-time", "lead time"))
        };
        let choice = if *offers > 1 {
            format!(", the soonest of {offers} offers")
        } else {
            ", the only offer".to_owned()
        };
        let (id, lead_time) = (offer.to_string(), lead_time.clone());
        vec![
            self.named(Kind::Supplier, supplier.as_str()),
            text(way),
            self.named(Kind::Part, part.as_str()),
            text(" in "),
            Segment::Record { kind: Kind::Offer, id, text: lead_time },
            text(named),
            text(choice),
        ]
    }

    fn demanded(&self, reason: &Reason) -> Vec<Segment> {
        let Reason::Demanded { market, regime, by, .. } = reason else {
            return Vec::new();
        };
        let mut said = vec![
            self.named(Kind::Market, market.as_str()),
            text(" demands "),
            self.named(Kind::Regime, regime.as_str()),
        ];
        for (position, capability) in by.iter().enumerate() {
            let joint = if position == 0 { " because the board has " } else { " and " };
            said.extend([text(joint), self.named(Kind::Capability, capability.as_str())]);
        }
        said
    }
}
