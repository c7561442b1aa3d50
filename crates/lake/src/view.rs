//! A table as SQL sees it: its files at a snapshot, and the rows that aren't in files yet.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::scalar::ScalarValue;

use crate::columns::conform;
use crate::state::{Table, widened};

/// One table at one moment.
#[derive(Debug)]
pub(crate) struct View {
    schema: SchemaRef,
    stored: Option<Arc<dyn TableProvider>>,
    rows: Vec<RecordBatch>,
}

impl View {
    pub(crate) fn of(table: Table) -> Result<View> {
        let rows: Vec<RecordBatch> = table.batches().cloned().collect();
        let stored = table.stored.map(|it| it.provider);
        // The files' own types lead; columns that no file has yet follow.
        let mut schema = stored.as_ref().map(|it| it.schema());
        if let Some(seen) = &table.schema {
            schema = Some(widened(schema.as_ref(), seen)?);
        }
        let schema = schema.unwrap_or_else(|| Arc::new(Schema::empty()));
        Ok(View { schema, stored, rows })
    }

    /// The rows that aren't in files, over all cores.
    fn memory(&self, projected: &SchemaRef, cores: usize) -> Result<Arc<dyn ExecutionPlan>> {
        let batches: Result<Vec<RecordBatch>, _> =
            self.rows.iter().map(|it| conform(it, projected)).collect();
        let mut partitions = vec![Vec::new(); cores.clamp(1, self.rows.len().max(1))];
        let count = partitions.len();
        for (place, batch) in batches?.into_iter().enumerate() {
            if let Some(partition) = partitions.get_mut(place % count) {
                partition.push(batch);
            }
        }
        let plan = MemorySourceConfig::try_new_exec(&partitions, Arc::clone(projected), None)?;
        Ok(plan)
    }

    /// The rows in files, with nulls for the columns that they don't have.
    async fn files(
        &self,
        stored: &Arc<dyn TableProvider>,
        state: &dyn Session,
        projected: &SchemaRef,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let has = stored.schema();
        let names = projected.fields().iter().map(|it| it.name());
        let wanted: Vec<usize> = names.filter_map(|it| has.index_of(it).ok()).collect();
        let is_known =
            |it: &&Expr| it.column_refs().iter().all(|it| has.index_of(&it.name).is_ok());
        let filters: Vec<Expr> = filters.iter().filter(is_known).cloned().collect();
        let plan = stored.scan(state, Some(&wanted), &filters, limit).await?;
        if wanted.len() == projected.fields().len() {
            return Ok(plan);
        }
        let scanned = plan.schema();
        let mut columns: Vec<(Arc<dyn PhysicalExpr>, String)> = Vec::new();
        for field in projected.fields() {
            let column: Arc<dyn PhysicalExpr> = match scanned.index_of(field.name()) {
                Ok(place) => Arc::new(Column::new(field.name(), place)),
                Err(_) => Arc::new(Literal::new(ScalarValue::try_from(field.data_type())?)),
            };
            columns.push((column, field.name().clone()));
        }
        Ok(Arc::new(ProjectionExec::try_new(columns, plan)?))
    }
}

#[async_trait]
impl TableProvider for View {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Files leave out what can't match; the rows that are left are filtered above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projected = match projection {
            Some(projection) => Arc::new(self.schema.project(projection)?),
            None => Arc::clone(&self.schema),
        };
        let memory = || self.memory(&projected, state.config().target_partitions());
        let Some(stored) = &self.stored else { return memory() };
        let files = self.files(stored, state, &projected, filters, limit).await?;
        if self.rows.is_empty() {
            return Ok(files);
        }
        UnionExec::try_new(vec![files, memory()?])
    }
}
