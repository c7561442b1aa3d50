//! What is taken out of tables: old rows, and files that nobody names any more.

use std::any::Any;
use std::sync::Arc;

use arrow::array::AsArray as _;
use arrow::datatypes::UInt64Type;
use datafusion::catalog::TableProvider;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use datafusion_ducklake::maintenance::{
    CleanupCriteria, ExpireCriteria, cleanup_old_files_sqlite, delete_orphaned_files_sqlite,
};
use datafusion_ducklake::{DuckLakeError, DuckLakeTable, DuckLakeTableFile, RewriteOptions};

use super::{Tables, TablesError, no_table};

impl Tables {
    /// Removes rows, and tells how many there were. What a file loses is written anew without it.
    pub(crate) async fn delete(
        &self,
        session: &SessionContext,
        name: &str,
        filter: Expr,
    ) -> Result<u64, TablesError> {
        let table = self.changeable(name).await?;
        let plan = table.delete_from(&session.state(), vec![filter]).await?;
        let counts = datafusion::physical_plan::collect(plan, session.task_ctx()).await?;
        let deleted = counts.first().and_then(|it| it.columns().first().cloned());
        let deleted = deleted
            .and_then(|it| Some(it.as_primitive_opt::<UInt64Type>()?.iter().flatten().sum()));
        if deleted == Some(0) {
            return Ok(0);
        }
        let table = self.changeable(name).await?;
        let options = RewriteOptions { delete_threshold: 0.0, data_file_ids: None };
        ducklake(&table, name)?.rewrite_data_files(&session.state(), options).await?;
        Ok(deleted.unwrap_or(0))
    }

    /// Forgets snapshots and deletes files that only they named, and files that no snapshot ever
    /// named: both only if older than `seconds`, which must be longer than any query runs.
    pub(crate) async fn clean(&self, seconds: i64) -> Result<usize, TablesError> {
        let span = chrono::TimeDelta::try_seconds(seconds).unwrap_or(chrono::TimeDelta::MAX);
        let before = chrono::Utc::now().checked_sub_signed(span).unwrap_or_default();
        let writer = Arc::clone(&self.writer);
        let expired = tokio::task::spawn_blocking(move || {
            writer.expire_snapshots(ExpireCriteria::OlderThan(before))
        });
        expired.await.map_err(|error| DuckLakeError::Internal(error.to_string()))??;
        let store = || Arc::clone(&self.store);
        let older = CleanupCriteria::OlderThan(before);
        let old = cleanup_old_files_sqlite(&self.writer, store(), older.clone(), false).await?;
        let orphans = delete_orphaned_files_sqlite(&self.writer, store(), older, false).await?;
        Ok(old.len() + orphans.len())
    }

    /// How many files a table has, their bytes and their rows.
    pub(crate) fn files(table: &Arc<dyn TableProvider>) -> Result<(u64, u64, u64), TablesError> {
        let files = ducklake(table, "")?.files()?;
        let bytes = files.iter().map(|it| it.file.file_size_bytes.max(0).cast_unsigned()).sum();
        let live = |it: &DuckLakeTableFile| {
            let rows = it.max_row_count.unwrap_or(0) - it.delete_count.unwrap_or(0);
            rows.max(0).cast_unsigned()
        };
        let rows = files.iter().map(live).sum();
        Ok((files.len() as u64, bytes, rows))
    }
}

fn ducklake<'a>(
    table: &'a Arc<dyn TableProvider>,
    name: &str,
) -> Result<&'a DuckLakeTable, TablesError> {
    let any: &dyn Any = table.as_ref();
    any.downcast_ref().ok_or_else(|| no_table(name))
}
