//! Dates for calendar programs: iCalendar (RFC 5545), all-day events.

use std::fmt::Write as _;

use longlead_model::Date;

/// A day to be shown in calendars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Names the event for good: a calendar that has it already moves it instead of adding it
    /// once more.
    pub uid: String,
    /// The day.
    pub date: Date,
    /// One line.
    pub summary: String,
    /// More to read; lines are separated by line feeds.
    pub description: String,
    /// Words to filter by.
    pub categories: Vec<String>,
}

/// The longest line in octets, its line break left out (RFC 5545, section 3.1).
const LINE_OCTETS_MAX: usize = 75;

/// The events as a calendar named `name`, as they stand on the day `as_of`.
///
/// The same input gives the same bytes. Events are all-day and leave the day free. Their
/// sequence number grows with `as_of`, so that a later calendar replaces an earlier one.
pub fn write(name: &str, as_of: Date, events: &[Event]) -> String {
    let mut text = String::new();
    line(&mut text, "BEGIN:VCALENDAR");
    line(&mut text, "VERSION:2.0");
    line(&mut text, "PRODID:-//Longlead//Longlead//EN");
    line(&mut text, "CALSCALE:GREGORIAN");
    line(&mut text, "METHOD:PUBLISH");
    line(&mut text, &format!("X-WR-CALNAME:{}", escaped(name)));
    for event in events {
        write_event(&mut text, as_of, event);
    }
    line(&mut text, "END:VCALENDAR");
    text
}

fn write_event(text: &mut String, as_of: Date, event: &Event) {
    let day = |date: Date| {
        // Only years of four digits can be written.
        format!("{:04}{:02}{:02}", date.year().clamp(1, 9999), date.month(), date.day())
    };
    let next = event.date.tomorrow().unwrap_or(event.date);
    line(text, "BEGIN:VEVENT");
    line(text, &format!("UID:{}", escaped(&event.uid)));
    line(text, &format!("DTSTAMP:{}T000000Z", day(as_of)));
    line(text, &format!("SEQUENCE:{}", sequence(as_of)));
    line(text, &format!("DTSTART;VALUE=DATE:{}", day(event.date)));
    line(text, &format!("DTEND;VALUE=DATE:{}", day(next)));
    line(text, &format!("SUMMARY:{}", escaped(&event.summary)));
    if !event.description.is_empty() {
        line(text, &format!("DESCRIPTION:{}", escaped(&event.description)));
    }
    if !event.categories.is_empty() {
        let categories: Vec<String> = event.categories.iter().map(|it| escaped(it)).collect();
        line(text, &format!("CATEGORIES:{}", categories.join(",")));
    }
    line(text, "TRANSP:TRANSPARENT");
    line(text, "END:VEVENT");
}

/// Days since the beginning of 2000: a number that never falls from one export to a later one.
fn sequence(as_of: Date) -> i32 {
    (as_of - Date::constant(2000, 1, 1)).get_days().max(0)
}

/// Text as a value (RFC 5545, section 3.3.11), without what no value can hold.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(character);
            }
            '\n' => out.push_str("\\n"),
            '\t' => out.push(character),
            character if character.is_control() => {}
            _ => out.push(character),
        }
    }
    out
}

/// One content line, folded so that no line is too long and no character is cut.
fn line(text: &mut String, content: &str) {
    let mut octets = 0;
    for character in content.chars() {
        if octets + character.len_utf8() > LINE_OCTETS_MAX {
            text.push_str("\r\n ");
            // The space that marks a continuation counts.
            octets = 1;
        }
        octets += character.len_utf8();
        let _ = text.write_char(character);
    }
    text.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn event(summary: &str) -> Event {
        Event {
            uid: "decide:light-sensor@coldtrack".into(),
            date: Date::constant(2027, 1, 31),
            summary: summary.into(),
            description: String::new(),
            categories: Vec::new(),
        }
    }

    #[test]
    fn an_event_has_all_that_calendars_ask_for() {
        let event = Event {
            description: "Gates design of rev C; target\nDoor-open alerts".into(),
            categories: vec!["decision".into(), "hardware, late".into()],
            ..event("Decide: light sensor, yes or no?")
        };
        let text = write("Coldtrack", Date::constant(2026, 11, 23), &[event]);
        expect![[r#"
            BEGIN:VCALENDAR
            VERSION:2.0
            PRODID:-//Longlead//Longlead//EN
            CALSCALE:GREGORIAN
            METHOD:PUBLISH
            X-WR-CALNAME:Coldtrack
            BEGIN:VEVENT
            UID:decide:light-sensor@coldtrack
            DTSTAMP:20261123T000000Z
            SEQUENCE:9823
            DTSTART;VALUE=DATE:20270131
            DTEND;VALUE=DATE:20270201
            SUMMARY:Decide: light sensor\, yes or no?
            DESCRIPTION:Gates design of rev C\; target\nDoor-open alerts
            CATEGORIES:decision,hardware\, late
            TRANSP:TRANSPARENT
            END:VEVENT
            END:VCALENDAR
        "#]]
        .assert_eq(&text.replace("\r\n", "\n"));
        assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
    }

    #[test]
    fn long_lines_are_folded_between_characters_and_unfold_to_what_they_were() {
        let summary = "Zulassung für Größe und Kälte – ✓ ".repeat(9);
        let text = write("c", Date::constant(2026, 11, 23), &[event(&summary)]);
        assert!(text.split("\r\n").all(|line| line.len() <= LINE_OCTETS_MAX));
        let unfolded = text.replace("\r\n ", "");
        assert!(unfolded.contains(&format!("SUMMARY:{summary}\r\n")));
    }

    #[test]
    fn no_text_can_break_out_of_its_line() {
        let text = write("c", Date::constant(2026, 11, 23), &[event("a\r\nEND:VEVENT\u{7}\\;,")]);
        assert!(text.contains("SUMMARY:a\\nEND:VEVENT\\\\\\;\\,\r\n"));
        assert_eq!(text.matches("\r\nEND:VEVENT").count(), 1);
    }

    #[test]
    fn a_later_export_has_a_greater_sequence() {
        let of = |day| sequence(Date::constant(2026, 11, day));
        assert!(of(24) > of(23));
    }
}
