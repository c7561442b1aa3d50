//! Rows to Parquet files: sorted as their table is, one file a day.
//!
//! The library's own writer takes any rows and any partitions, and looks at each row for that by
//! itself. Rows of a lake are many and always laid out alike, so they are laid out here; the
//! catalog stays the library's.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use chrono::{Datelike as _, NaiveDate};
use datafusion_ducklake::metadata_writer::DataFileInfo;
use datafusion_ducklake::{
    ColumnDef, DuckLakeError, DuckLakeTableWriter, MetadataWriter, PartitionSpec,
    PartitionSpecColumn, PartitionTransform, SqliteMetadataWriter, WriteMode,
};

use super::file::{FileFacts, FileWriter, signed, with_ids};
use super::rows::{DAY, Place, Pool, viewed};
use super::{Order, SCHEMA, Tables, TablesError, options, order_of};
use crate::columns::conform;
use crate::durable_store::synced;

impl Tables {
    /// Writes rows in one commit and tells its snapshot.
    pub(super) async fn write(
        &self,
        name: &str,
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<i64, TablesError> {
        let columns = schema.fields().iter();
        let columns: Result<Vec<ColumnDef>, DuckLakeError> = columns
            .map(|it| ColumnDef::from_arrow(it.name(), it.data_type(), it.is_nullable()))
            .collect();
        let columns = columns?;
        let setup =
            self.writer.begin_write_transaction(SCHEMA, name, &columns, WriteMode::Append)?;
        let partition = self.writer.live_partition_spec(setup.table_id)?;
        let order = order_of(name);
        let time = setup.column_ids.get(schema.index_of(order.time)?).copied();
        if !partition.as_ref().is_none_or(|it| is_by_calendar(it, time)) {
            return self.write_as_told(name, schema, &batches).await;
        }
        let layout = Layout {
            order,
            schema: Arc::new(with_ids(&viewed(schema), &setup.field_ids)?),
            ids: setup.column_ids.clone(),
        };
        let folder = self.folder_of(name);
        let files = aside(move || files_by_day(&folder, &layout, &batches)).await?;
        let with_partition = |(day, file): (i64, DataFileInfo)| match &partition {
            Some(partition) => file.with_partition(partition.partition_id, parts(partition, day)),
            None => file,
        };
        let files: Vec<DataFileInfo> = files.into_iter().map(with_partition).collect();
        let committed = self.writer.register_data_files(
            setup.table_id,
            SCHEMA,
            name,
            setup.snapshot_id,
            &files,
            WriteMode::Append,
            setup.base_snapshot_id,
            &columns,
            &setup.field_ids,
        )?;
        Ok(committed.snapshot_id)
    }

    /// Writes rows of a table that somebody else has partitioned in a way of their own.
    async fn write_as_told(
        &self,
        name: &str,
        schema: &SchemaRef,
        batches: &[RecordBatch],
    ) -> Result<i64, TablesError> {
        let writer: Arc<dyn MetadataWriter> = Arc::<SqliteMetadataWriter>::clone(&self.writer);
        let writer =
            DuckLakeTableWriter::new(writer, Arc::clone(&self.store))?.with_options(&options());
        let written = writer.write_rows(SCHEMA, name, schema, WriteMode::Append, batches).await?;
        Ok(written.snapshot_id)
    }

    /// Where a table's files lie.
    pub(super) fn folder_of(&self, name: &str) -> Folder {
        Folder { root: self.data.clone(), table: self.data.join(SCHEMA).join(name) }
    }
}

/// How rows are laid out in a file.
pub(super) struct Layout {
    pub(super) order: Order,
    /// Columns with the catalog's numbers.
    pub(super) schema: SchemaRef,
    /// The catalog's numbers of those columns, from the first, of which it is told.
    pub(super) ids: Vec<i64>,
}

impl Layout {
    pub(super) fn writer<'a>(&self, file: &'a mut File) -> FileWriter<'a, File> {
        FileWriter::new(file, self.order, Arc::clone(&self.schema), &self.ids)
    }
}

/// The folder of a table's files.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    /// Where all files lie.
    root: PathBuf,
    pub(super) table: PathBuf,
}

impl Folder {
    /// Writes a file that is on stable storage when it is told, or none.
    pub(super) fn file(
        &self,
        under: &str,
        write: impl FnOnce(&mut File) -> Result<Option<FileFacts>, TablesError>,
    ) -> Result<Option<DataFileInfo>, TablesError> {
        let name = format!("{under}/{}.parquet", uuid::Uuid::new_v4());
        let path = self.table.join(&name);
        let failed = || TablesError::file(&path);
        std::fs::create_dir_all(path.parent().unwrap_or(&self.table)).map_err(failed())?;
        let mut file = File::create_new(&path).map_err(failed())?;
        let written = write(&mut file).and_then(|facts| {
            let Some(facts) = facts else { return Ok(None) };
            let (bytes, footer) = sizes(&mut file).map_err(failed())?;
            synced(&self.root, &path).map_err(failed())?;
            let info = DataFileInfo::new(&name, bytes, signed(facts.rows))
                .with_column_stats(facts.stats)
                .with_footer_size(footer);
            Ok(Some(info))
        });
        if !matches!(written, Ok(Some(_))) {
            discard(&path);
        }
        written
    }
}

/// Deletes a file that isn't to be in the catalog. The disk may be full: what can't be deleted now is
/// deleted later, as a file that nobody names.
pub(super) fn discard(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "a file that isn't needed stays for now");
    }
}

/// Bytes of a file, and of its footer, as its last eight bytes tell.
fn sizes(file: &mut File) -> std::io::Result<(i64, i64)> {
    let bytes = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::End(-8))?;
    let mut footer = [0; 4];
    file.read_exact(&mut footer)?;
    Ok((i64::try_from(bytes).unwrap_or(i64::MAX), u32::from_le_bytes(footer).into()))
}

/// Lays rows out, one file a day.
fn files_by_day(
    folder: &Folder,
    layout: &Layout,
    batches: &[RecordBatch],
) -> Result<Vec<(i64, DataFileInfo)>, TablesError> {
    let mut pool = Pool::new(layout.order);
    let mut places: Vec<Place> = Vec::new();
    for batch in batches {
        pool.add(conform(batch, &layout.schema)?, &mut places)?;
    }
    places.sort_unstable_by_key(|it| it.day());
    let mut files = Vec::new();
    for places in places.chunk_by_mut(|one, other| one.day() == other.day()) {
        let day = places.first().map_or(0, |it| it.day());
        let file = folder.file(&folder_of_day(day), |file| {
            let mut writer = layout.writer(file);
            for slice in pool.slices(places) {
                writer.slice(&pool, slice)?;
            }
            writer.end().map(Some)
        });
        match file {
            Ok(file) => files.extend(file.map(|it| (day, it))),
            Err(error) => {
                // All or none: else each attempt on a full disk would leave some.
                let written: &[(i64, DataFileInfo)] = &files;
                written.iter().for_each(|it| discard(&folder.table.join(&it.1.path)));
                return Err(error);
            }
        }
    }
    Ok(files)
}

fn folder_of_day(day: i64) -> String {
    date(day).map_or("beyond".to_owned(), |day| day.to_string())
}

/// A day of the calendar. A device may tell a time that is beyond it: such rows have no partition,
/// as the library sees it, too.
fn date(day: i64) -> Option<NaiveDate> {
    let micros = day.checked_mul(DAY).and_then(chrono::DateTime::from_timestamp_micros);
    micros.map(|it| it.date_naive())
}

/// What the partition of a day is told by.
fn parts(partition: &PartitionSpec, day: i64) -> Vec<(i32, Option<String>)> {
    let day = date(day);
    let value = |it: &PartitionSpecColumn| {
        let part = day.and_then(|day| part(&it.transform, day));
        (it.partition_key_index, part.map(|it| it.to_string()))
    };
    partition.columns.iter().map(value).collect()
}

/// What a partition is told by, if it is by the calendar.
fn part(of: &PartitionTransform, day: NaiveDate) -> Option<i64> {
    match of {
        PartitionTransform::Year => Some(day.year().into()),
        PartitionTransform::Month => Some(day.month().into()),
        PartitionTransform::Day => Some(day.day().into()),
        _ => None,
    }
}

/// Whether a table is partitioned by parts of the date of its time, as tables are that we make.
fn is_by_calendar(partition: &PartitionSpec, time: Option<i64>) -> bool {
    partition
        .columns
        .iter()
        .all(|it| Some(it.column_id) == time && part(&it.transform, NaiveDate::default()).is_some())
}

/// Does work on a thread where it keeps nobody waiting.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TablesError> + Send + 'static,
) -> Result<T, TablesError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| DuckLakeError::Internal(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_are_told_by_the_calendar() {
        let leap = date(11_016).unwrap();
        let told = [PartitionTransform::Year, PartitionTransform::Month, PartitionTransform::Day]
            .map(|it| part(&it, leap).unwrap());
        assert_eq!(told, [2000, 2, 29]);
        assert!(part(&PartitionTransform::Hour, leap).is_none());
        assert!(date(i64::MAX / DAY).is_none(), "no calendar reaches so far");
        assert_eq!(
            (folder_of_day(11_016), folder_of_day(i64::MAX / DAY)),
            ("2000-02-29".into(), "beyond".into())
        );
    }
}
