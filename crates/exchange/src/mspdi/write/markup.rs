//! Elements and escaped text.

use std::fmt::{Display, Write as _};

/// XML text in the making.
#[derive(Debug)]
pub(super) struct Markup {
    text: String,
    depth: usize,
}

impl Markup {
    pub(super) fn new() -> Markup {
        let text = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n".to_owned();
        Markup { text, depth: 0 }
    }

    pub(super) fn finish(self) -> String {
        self.text
    }

    pub(super) fn open(&mut self, name: &str) {
        self.indent();
        let _ = writeln!(self.text, "<{name}>");
        self.depth += 1;
    }

    pub(super) fn open_with(&mut self, name: &str, attribute: &str) {
        self.indent();
        let _ = writeln!(self.text, "<{name} {attribute}>");
        self.depth += 1;
    }

    pub(super) fn close(&mut self, name: &str) {
        self.depth = self.depth.saturating_sub(1);
        self.indent();
        let _ = writeln!(self.text, "</{name}>");
    }

    /// An element with the items of a list, or nothing if there are none.
    pub(super) fn group<T>(&mut self, name: &str, items: &[T], write: impl Fn(&mut Markup, &T)) {
        if items.is_empty() {
            return;
        }
        self.open(name);
        for item in items {
            write(self, item);
        }
        self.close(name);
    }

    pub(super) fn value(&mut self, name: &str, value: impl Display) {
        self.indent();
        let _ = write!(self.text, "<{name}>");
        escape(&mut self.text, &value.to_string());
        let _ = writeln!(self.text, "</{name}>");
    }

    pub(super) fn some(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.value(name, value);
        }
    }

    pub(super) fn filled(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.value(name, text);
        }
    }

    pub(super) fn flag(&mut self, name: &str, truth: bool) {
        self.value(name, u8::from(truth));
    }

    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push('\t');
        }
    }
}

fn escape(out: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // Left bare, a reader would turn it into a line feed.
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
    }
}
