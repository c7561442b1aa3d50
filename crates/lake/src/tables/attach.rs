//! What other readers of DuckLake expect of a catalog beyond what our library keeps in it, so that
//! DuckDB attaches it: columns that DuckLake 1.0 has, tables that stay empty here, and the entries
//! that say of which version the catalog is. Others may read; what they would write, we wouldn't
//! know of.

use std::path::Path;

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection};

/// Columns that a table of the catalog must have: table, column, type.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("ducklake_snapshot", "next_catalog_id", "BIGINT"),
    ("ducklake_snapshot", "next_file_id", "BIGINT"),
    ("ducklake_schema", "schema_uuid", "VARCHAR"),
    ("ducklake_table", "table_uuid", "VARCHAR"),
    ("ducklake_data_file", "file_order", "BIGINT"),
    ("ducklake_data_file", "file_format", "VARCHAR DEFAULT 'parquet'"),
    ("ducklake_delete_file", "format", "VARCHAR DEFAULT 'parquet'"),
];

/// Tables that are there, and empty, and what fills the columns from then on and in what is there.
const REST: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS ducklake_column_mapping(mapping_id BIGINT, table_id BIGINT, \
     type VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_name_mapping(mapping_id BIGINT, column_id BIGINT, \
     source_name VARCHAR, target_field_id BIGINT, parent_column BIGINT, is_partition BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_macro(schema_id BIGINT, macro_id BIGINT, \
     macro_name VARCHAR, begin_snapshot BIGINT, end_snapshot BIGINT)",
    "CREATE TABLE IF NOT EXISTS ducklake_macro_impl(macro_id BIGINT, impl_id BIGINT, \
     dialect VARCHAR, sql VARCHAR, type VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_macro_parameters(macro_id BIGINT, impl_id BIGINT, \
     column_id BIGINT, parameter_name VARCHAR, parameter_type VARCHAR, default_value VARCHAR, \
     default_value_type VARCHAR)",
    "CREATE TABLE IF NOT EXISTS ducklake_file_variant_stats(data_file_id BIGINT, \
     table_id BIGINT, column_id BIGINT, variant_path VARCHAR, shredded_type VARCHAR, \
     column_size_bytes BIGINT, value_count BIGINT, null_count BIGINT, min_value VARCHAR, \
     max_value VARCHAR, contains_nan BIGINT, extra_stats VARCHAR)",
    "CREATE TRIGGER IF NOT EXISTS longlead_snapshot AFTER INSERT ON ducklake_snapshot BEGIN \
     UPDATE ducklake_snapshot SET \
     next_catalog_id = 1 + max(coalesce((SELECT max(schema_id) FROM ducklake_schema), 0), \
     coalesce((SELECT max(table_id) FROM ducklake_table), 0)), \
     next_file_id = 1 + coalesce((SELECT max(data_file_id) FROM ducklake_data_file), 0) \
     WHERE snapshot_id = NEW.snapshot_id; END",
    "CREATE TRIGGER IF NOT EXISTS longlead_schema AFTER INSERT ON ducklake_schema BEGIN \
     UPDATE ducklake_schema SET schema_uuid = UUID WHERE rowid = NEW.rowid; END",
    "CREATE TRIGGER IF NOT EXISTS longlead_table AFTER INSERT ON ducklake_table BEGIN \
     UPDATE ducklake_table SET table_uuid = UUID WHERE rowid = NEW.rowid; END",
    "UPDATE ducklake_snapshot SET next_catalog_id = 1000, next_file_id = 1000 \
     WHERE next_catalog_id IS NULL",
    "UPDATE ducklake_schema SET schema_uuid = UUID WHERE schema_uuid IS NULL",
    "UPDATE ducklake_table SET table_uuid = UUID WHERE table_uuid IS NULL",
    "INSERT INTO ducklake_metadata(key, value) SELECT column1, column2 FROM \
     (VALUES ('version', '1.0'), ('created_by', 'Longlead'), ('encrypted', 'false')) \
     WHERE column1 NOT IN (SELECT key FROM ducklake_metadata)",
];

/// A UUID of version 4.
const UUID: &str = "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || \
     substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || \
     hex(randomblob(6)))";

/// Completes a catalog that our library made. What is complete stays as it is.
pub(super) async fn complete(file: &Path) -> Result<(), sqlx::Error> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await?;
    for (table, column, kind) in COLUMNS {
        if !has(&mut connection, table, column).await? {
            let sql = format!("ALTER TABLE {table} ADD COLUMN {column} {kind}");
            sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        }
    }
    for sql in REST {
        let sql = sql.replace("= UUID", &format!("= {UUID}"));
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
    }
    connection.close().await
}

async fn has(
    connection: &mut SqliteConnection,
    table: &str,
    column: &str,
) -> Result<bool, sqlx::Error> {
    let sql = "SELECT count(*) FROM pragma_table_info($1) WHERE name = $2";
    let row = sqlx::query(sql).bind(table).bind(column).fetch_one(connection).await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}
