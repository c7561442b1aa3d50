//! Writes records as TOML in one canonical form.

use std::fmt::Write as _;

use toml_writer::{TomlKeyBuilder, TomlStringBuilder, TomlWrite as _};

use crate::bundle::{Bundle, natural_id};
use crate::field::Field as _;
use crate::kind::Kind;
use crate::node::{Node, Source, Table, Value};

/// One source for each kind that has records; records in the order of their ids.
pub(crate) fn export(bundle: &Bundle) -> Vec<Source> {
    let mut sources = Vec::new();
    if let Some(Node { value: Value::Table(table), .. }) = bundle.settings.encode() {
        let mut text = String::from("[settings]\n");
        write_fields(&mut text, &table);
        sources.push(Source { name: "settings.toml".to_owned(), text });
    }
    for kind in Kind::ALL {
        let records = bundle.records.encode(*kind);
        if records.is_empty() {
            continue;
        }
        let mut text = String::new();
        if written_in_lines(*kind) {
            write_lines(&mut text, *kind, records);
        } else {
            write_blocks(&mut text, *kind, records);
        }
        sources.push(Source { name: format!("{kind}.toml"), text });
    }
    sources
}

/// Short records that come by the dozen read best as lines of a table.
fn written_in_lines(kind: Kind) -> bool {
    matches!(kind, Kind::BomLine | Kind::Link | Kind::Rate | Kind::Actual)
}

fn without_natural_id(kind: Kind, node: Node) -> Table {
    let Value::Table(mut table) = node.value else {
        return Table::default();
    };
    if natural_id(kind, &table).as_deref() == table.text("id") {
        table.remove("id");
    }
    table
}

fn write_lines(text: &mut String, kind: Kind, records: Vec<(&str, Node)>) {
    let _ = writeln!(text, "{kind} = [");
    for (_, node) in records {
        text.push_str("    ");
        write_table(text, &without_natural_id(kind, node));
        text.push_str(",\n");
    }
    text.push_str("]\n");
}

fn write_blocks(text: &mut String, kind: Kind, records: Vec<(&str, Node)>) {
    for (index, (_, node)) in records.into_iter().enumerate() {
        if index > 0 {
            text.push('\n');
        }
        let _ = writeln!(text, "[[{kind}]]");
        write_fields(text, &without_natural_id(kind, node));
    }
}

pub(crate) fn write_fields(text: &mut String, table: &Table) {
    for (key, _, node) in table.iter() {
        let _ = text.key(TomlKeyBuilder::new(key).as_default());
        text.push_str(" = ");
        write_node(text, node);
        text.push('\n');
    }
}

fn write_node(text: &mut String, node: &Node) {
    match &node.value {
        Value::Text(value) => {
            let _ = text.value(TomlStringBuilder::new(value).as_default());
        }
        Value::Integer(value) => {
            let _ = write!(text, "{value}");
        }
        Value::Float(value) => {
            let _ = text.value(*value);
        }
        Value::Boolean(value) => {
            let _ = write!(text, "{value}");
        }
        Value::Date(value) => {
            let _ = write!(text, "{value}");
        }
        Value::Array(items) => write_array(text, items),
        Value::Table(table) => write_table(text, table),
    }
}

/// A value as it stands after `=`.
#[cfg(test)]
pub(crate) fn value_text(node: &Node) -> String {
    let mut text = String::new();
    write_node(&mut text, node);
    text
}

fn write_array(text: &mut String, items: &[Node]) {
    // Lists of tables are long: one item a line.
    let lines = items.len() > 1 && items.iter().any(|item| matches!(item.value, Value::Table(_)));
    text.push('[');
    for (index, item) in items.iter().enumerate() {
        match (lines, index) {
            (true, _) => text.push_str("\n    "),
            (false, 0) => {}
            (false, _) => text.push_str(", "),
        }
        write_node(text, item);
        if lines {
            text.push(',');
        }
    }
    text.push_str(if lines { "\n]" } else { "]" });
}

fn write_table(text: &mut String, table: &Table) {
    if table.is_empty() {
        text.push_str("{}");
        return;
    }
    text.push_str("{ ");
    for (index, (key, _, node)) in table.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let _ = text.key(TomlKeyBuilder::new(key).as_default());
        text.push_str(" = ");
        write_node(text, node);
    }
    text.push_str(" }");
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(node: &Node, expect: Expect) {
        expect.assert_eq(&value_text(node));
    }

    fn table(fields: &[(&str, Node)]) -> Node {
        let mut table = Table::default();
        for (name, node) in fields {
            table.set(name, node.clone());
        }
        Node::new(Value::Table(table))
    }

    #[test]
    fn values_are_written_so_that_people_can_read_them() {
        let list = |items: &[Node]| Node::new(Value::Array(items.to_vec()));
        let whole = |number| Node::new(Value::Integer(number));
        check(&list(&[]), expect!["[]"]);
        check(&list(&[whole(1), whole(-2)]), expect!["[1, -2]"]);
        check(&table(&[]), expect!["{}"]);
        check(
            &table(&[("a b", whole(1)), ("c", Node::text("d"))]),
            expect![[r#"{ "a b" = 1, c = "d" }"#]],
        );
        let one = table(&[("a", whole(1))]);
        check(&list(std::slice::from_ref(&one)), expect!["[{ a = 1 }]"]);
        check(
            &list(&[one.clone(), one]),
            expect![[r#"
            [
                { a = 1 },
                { a = 1 },
            ]"#]],
        );
    }

    #[test]
    fn numbers_and_texts_are_written_in_full() {
        for (number, wanted) in
            [(0.1, "0.1"), (1.0, "1.0"), (f64::NAN, "nan"), (f64::NEG_INFINITY, "-inf")]
        {
            assert_eq!(value_text(&Node::new(Value::Float(number))), wanted);
        }
        for text in ["plain", "it's", "\"", "'\"", "a\nb", "\r", "\t", "\0", "\'\'\'\"\"\"\\"] {
            let written = format!("it = {}", value_text(&Node::text(text)));
            let read: toml::Table = written.parse().unwrap();
            assert_eq!(read["it"].as_str(), Some(text), "{written}");
        }
    }
}
