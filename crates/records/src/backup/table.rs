//! Which tables and columns a backup has.

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    Text,
    Integer,
}

/// A table of the backup.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Holds)],
    /// What makes the order of its rows the same each time.
    pub(super) order: &'static [&'static str],
}

impl Table {
    pub(super) fn column_names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| (*name).to_owned()).collect()
    }
}

macro_rules! table {
    ($name:ident by $($order:ident),+: $($column:ident $holds:ident),+ $(,)?) => {
        Table {
            name: stringify!($name),
            columns: &[$((stringify!($column), Holds::$holds)),+],
            order: &[$(stringify!($order)),+],
        }
    };
}

/// In an order in which no row refers to one that comes later.
pub(super) const TABLES: &[Table] = &[
    table!(counter by name: name Text, last Integer),
    table!(change_set by sequence:
        sequence Integer, at_us Integer, actor Text, app_user Integer, token Integer, why Text,
        hash Text),
    table!(change by sequence, ordinal:
        sequence Integer, ordinal Integer, kind Text, id Text, text_before Text, text_after Text),
    table!(journal_head by id: id Integer, sequence Integer, at_us Integer, hash Text),
    table!(organisation by id: id Integer, name Text, kind Text),
    table!(app_user by id:
        id Integer, email Text, email_key Text, name Text, role Text, organisation Integer,
        discipline Text, password_hash Text, disabled Integer, created_us Integer,
        seen_us Integer),
    table!(token by id:
        id Integer, secret_hash Text, app_user Integer, name Text, scopes Text,
        created_us Integer, expires_us Integer, seen_us Integer, revoked_us Integer),
    table!(share by id:
        id Integer, organisation Integer, kind Text, record Text, level Text, created_by Text,
        at_us Integer),
    table!(audit by id:
        id Integer, at_us Integer, actor Text, app_user Integer, token Integer, event Text,
        detail Text, client Text),
    table!(forecast by id: id Integer, sequence Integer, at_us Integer, as_of Text),
    table!(forecast_item by forecast, ordinal:
        forecast Integer, ordinal Integer, item Text, body Text),
    table!(draft by id:
        id Text, owner Integer, title Text, changes Text, shared Integer, updated_us Integer,
        version Integer),
    table!(device_change by id:
        id Integer, at_us Integer, actor Text, app_user Integer, token Integer, why Text,
        origin Text),
    table!(device by id:
        id Integer, serial Text, product Text, revision Text, build Text, lot Text, market Text, carrier Text,
        firmware Text, owner Integer, gateway Text,
        state Text, state_us Integer, since_us Integer, version Integer),
    table!(device_version by device, number:
        device Integer, number Integer, since_us Integer, until_us Integer, said Integer,
        change Integer, written Integer, superseded Integer, product Text, revision Text, build Text, lot Text, market Text, carrier Text,
        firmware Text, owner Integer, gateway Text),
    table!(device_event by id:
        id Integer, device Integer, kind Text, at_us Integer, cause Text, source Text, note Text,
        change Integer, retracted Integer),
    table!(device_claim by id:
        id Integer, device Integer, secret_hash Text, made_us Integer, actor Text,
        app_user Integer, token Integer, expires_us Integer, key_hash Text, used_us Integer,
        void_us Integer),
    table!(device_certificate by id:
        id Integer, device Integer, number Text, proof Text, since_us Integer, until_us Integer),
    table!(device_revocation by id:
        id Integer, device Integer, at_us Integer, actor Text, app_user Integer, token Integer,
        why Text),
    table!(device_command by id:
        id Integer, device Integer, name Text, payload Text, made_us Integer, actor Text,
        app_user Integer, token Integer, why Text, expires_us Integer, state Text,
        state_us Integer),
    table!(device_count by product, revision, firmware, market, carrier, state, owner:
        product Text, revision Text, firmware Text, market Text, carrier Text, state Text,
        owner Integer, n Integer),
];

/// The tables that a backup leaves out, on purpose.
#[cfg(test)]
const LEFT_OUT: &[&str] = &[
    "answer",
    "commit_key",
    "device_import",
    "device_import_event",
    "device_import_row",
    "migration",
    "one_time",
    "session",
    "sign_in_failure",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[tokio::test]
    async fn every_column_of_the_database_is_backed_up_or_left_out_on_purpose() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let sql = "SELECT m.name, c.name, c.type FROM sqlite_schema m \
                   JOIN pragma_table_info(m.name) c WHERE m.type = 'table'";
        let mut found = Vec::new();
        for row in store.rows(sql, &[]).await.unwrap() {
            let table = row.text(0).unwrap();
            if !LEFT_OUT.contains(&table.as_str()) {
                found.push((table, row.text(1).unwrap(), row.text(2).unwrap()));
            }
        }
        let mut known = Vec::new();
        for table in TABLES {
            for (column, holds) in table.columns {
                let holds = match holds {
                    Holds::Text => "TEXT",
                    Holds::Integer => "INTEGER",
                };
                known.push((table.name.to_owned(), (*column).to_owned(), holds.to_owned()));
            }
        }
        found.sort();
        known.sort();
        assert_eq!(found, known);
    }
}
