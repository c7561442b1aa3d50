//! What is bought and built can be bought and built.

use super::{Facts, item};
use crate::diagnostic::{Code, Diagnostic};
use crate::record::{Build, Offer, Rate};

impl Facts<'_> {
    pub(super) fn offer(&mut self, offer: &Offer) {
        for (index, pair) in offer.prices.windows(2).enumerate() {
            if let [before, price] = pair
                && before.quantity >= price.quantity
            {
                let message = format!(
                    "the price from {} on is listed after the price from {} on",
                    price.quantity, before.quantity
                );
                let diagnostic = Diagnostic::error(Code::Contradiction, message);
                let diagnostic = diagnostic.help("list prices from the smallest quantity on");
                self.tell(&item("prices", index + 1), diagnostic);
            }
        }
        if offer.order_multiple == 0 {
            let message = format!("offer `{}` sells in multiples of nothing", offer.id);
            self.refuse("order_multiple", Code::OutOfRange, message, "write 1 or more");
        }
    }

    pub(super) fn build(&mut self, build: &Build) {
        self.works("work", Some(&build.work));
        self.works("test", build.test.as_ref());
        if build.weekly_rate == Some(0) {
            let message = format!("build `{}` makes nothing in a week", build.id);
            let help = "write 1 or more, or leave `weekly_rate` out";
            self.refuse("weekly_rate", Code::OutOfRange, message, help);
        }
    }

    pub(super) fn rate(&mut self, rate: &Rate) {
        if rate.rate.is_zero() {
            let message = format!("one {} is worth nothing at this rate", rate.from);
            self.refuse("rate", Code::OutOfRange, message, "write what it is worth, above zero");
        }
        if rate.from == rate.to {
            let message = format!("a rate from {} to itself joins nothing", rate.from);
            self.refuse("to", Code::Contradiction, message, "name two currencies");
        }
    }
}
