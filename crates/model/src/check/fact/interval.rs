//! What ends doesn't end before it starts, and what has happened has happened.

use super::{Facts, item};
use crate::diagnostic::{Code, Diagnostic};
use crate::record::{Activity, Actual, Calendar, Certificate, Order};

impl Facts<'_> {
    pub(super) fn activity(&mut self, activity: &Activity) {
        let earliest_start = ("start_no_earlier_than", activity.start_no_earlier_than);
        let start = ("must_start_on", activity.must_start_on);
        let latest_start = ("start_no_later_than", activity.start_no_later_than);
        let earliest_finish = ("finish_no_earlier_than", activity.finish_no_earlier_than);
        let finish = ("must_finish_on", activity.must_finish_on);
        let latest_finish = ("finish_no_later_than", activity.finish_no_later_than);
        for (from, to) in [
            (earliest_start, latest_start),
            (earliest_start, start),
            (start, latest_start),
            (earliest_start, latest_finish),
            (earliest_start, finish),
            (start, latest_finish),
            (start, finish),
            (earliest_finish, latest_finish),
            (earliest_finish, finish),
            (finish, latest_finish),
        ] {
            self.interval(from, to);
        }
        self.works("work", Some(&activity.work));
    }

    pub(super) fn calendar(&mut self, calendar: &Calendar) {
        let id = self.id;
        if id == "elapsed" {
            let message = "`elapsed` is the calendar that is always there";
            self.refuse("id", Code::DuplicateId, message, "give yours another id");
        }
        if calendar.week.is_empty() {
            let message = format!("calendar `{id}` never works");
            let help = "list the days worked: week = [\"mon\", \"tue\"]";
            self.refuse("week", Code::EmptyInterval, message, help);
        }
        for (index, closure) in calendar.shutdowns.iter().enumerate() {
            if closure.from > closure.to {
                let message = format!(
                    "the shutdown ends on {}, before it starts on {}",
                    closure.to, closure.from
                );
                let diagnostic = Diagnostic::error(Code::EmptyInterval, message);
                let diagnostic = diagnostic.help("swap the two dates, or correct one");
                self.tell(&item("shutdowns", index), diagnostic);
            }
        }
    }

    pub(super) fn actual(&mut self, actual: &Actual) {
        self.interval(("started", actual.started), ("finished", actual.finished));
        let id = self.id;
        if actual.finished.is_some() && actual.remaining.is_some() {
            let message = format!("`{id}` has finished and still has something remaining");
            let help = "keep `finished` or `remaining`, not both";
            self.refuse("remaining", Code::Contradiction, message, help);
        }
        if actual.started.is_none() && actual.finished.is_none() {
            let message = format!("the actual of `{id}` says neither that it started nor finished");
            self.refuse("id", Code::MissingField, message, "add `started = 2026-11-02`");
        }
        let Some(as_of) = self.bundle.settings.as_of else {
            return;
        };
        for (field, date) in [("started", actual.started), ("finished", actual.finished)] {
            if date.is_some_and(|date| date > as_of) {
                let message = format!("`{id}` is said to have {field} after the as-of day {as_of}");
                let help = "what hasn't happened yet is no actual; move `as_of` or remove the date";
                self.refuse(field, Code::Contradiction, message, help);
            }
        }
    }

    pub(super) fn certificate(&mut self, certificate: &Certificate) {
        self.interval(("issued", Some(certificate.issued)), ("expires", certificate.expires));
    }

    pub(super) fn order(&mut self, order: &Order) {
        let placed = ("placed", Some(order.placed));
        self.interval(placed, ("promised", order.promised));
        self.interval(placed, ("received", order.received));
        if order.received.is_some() && order.remaining.is_some() {
            let message =
                format!("order `{}` has arrived and still has something remaining", order.id);
            let help = "keep `received` or `remaining`, not both";
            self.refuse("remaining", Code::Contradiction, message, help);
        }
    }
}
