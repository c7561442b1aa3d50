//! Small files to larger ones: rows of a day's files, laid out anew as one.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arrow::datatypes::Schema;
use datafusion_ducklake::metadata_provider::{DuckLakeFileMetadata, DuckLakeTableColumn};
use datafusion_ducklake::metadata_writer::{
    CompactionOutputFile, CompactionSourceFile, DataFileInfo, SourceRetirement,
};
use datafusion_ducklake::row_id::embedded_rowid_field;
use datafusion_ducklake::{ColumnDef, DuckLakeError, DuckLakeTableFile, MetadataWriter as _};

use super::file::with_ids;
use super::rows::viewed;
use super::source::{Source, held, in_slices};
use super::write::{Folder, Layout, aside, discard};
use super::{SCHEMA, Tables, TablesError, order_of};
use crate::columns::plain;

/// Bytes that merged files have at most.
const MERGED_BYTES_MAX: u64 = 256 << 20;
/// Files that are merged at once, at most.
const MERGED_FILES_MAX: usize = 32;
/// Files that are merged at once, at least, as long as more are to be expected.
const MERGED_FILES_MIN: usize = 4;
/// Below this, two files are merged however many more may come.
const SMALL_BYTES: u64 = 1 << 20;
/// What nothing has been added to for so long gets nothing more soon.
const QUIET: Duration = Duration::from_secs(900);
/// Bytes of rows that are held while files are merged, as far as fewer files need fewer.
const HELD_BYTES_MAX: u64 = 512 << 20;
/// Files that the catalog lists at a time.
const LISTED_FILES: usize = 1_000;

/// Files of one partition of a table that are to become one.
#[derive(Debug)]
pub(crate) struct Bin {
    table: String,
    table_id: i64,
    snapshot: i64,
    files: Vec<DuckLakeTableFile>,
}

/// A file in the place of others, not yet in the catalog.
#[derive(Debug)]
pub(crate) struct Merged {
    bin: Bin,
    file: DataFileInfo,
}

impl Bin {
    /// Bytes of its files.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().map(bytes_of).sum()
    }
}

impl Tables {
    /// Files of a table that are best merged now, those first of which most go.
    pub(crate) async fn bins(&self, name: &str, now: SystemTime) -> Result<Vec<Bin>, TablesError> {
        let snapshot = self.snapshot()?;
        let Some(table_id) = self.table_id(name, snapshot)? else { return Ok(Vec::new()) };
        if self.layout(name, table_id, snapshot).await?.is_none() {
            return Ok(Vec::new());
        }
        let partitions = self.mergeable(table_id, snapshot)?;
        let folder = self.folder_of(name);
        let choosing = move || {
            let is_quiet = |files: &[DuckLakeTableFile]| {
                files.iter().all(|it| is_older(&path_of(&folder, it), QUIET, now))
            };
            let several = partitions.into_iter().filter(|it| it.len() > 1);
            Ok(several.filter_map(|it| chosen(it, is_quiet)).collect::<Vec<_>>())
        };
        let mut chosen = aside(choosing).await?;
        chosen.sort_by_key(|it| std::cmp::Reverse(it.len()));
        let table = || name.to_owned();
        let bin = |files| Bin { table: table(), table_id, snapshot, files };
        Ok(chosen.into_iter().map(bin).collect())
    }

    /// Files that may be merged, by partition.
    fn mergeable(
        &self,
        table_id: i64,
        snapshot: i64,
    ) -> Result<Vec<Vec<DuckLakeTableFile>>, TablesError> {
        // Others may take rows out of files through the catalog alone.
        let deletes = self.provider.get_inlined_deletes(table_id, snapshot)?;
        let with_deletes: HashSet<i64> = deletes.iter().map(|it| it.data_file_id).collect();
        let too_wide = self.too_wide().clone();
        let mut partitions: BTreeMap<_, Vec<DuckLakeTableFile>> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.provider.get_table_file_metadata_page(
                table_id,
                snapshot,
                after,
                LISTED_FILES,
            )?;
            let Some(last) = page.last() else { break };
            after = Some(last.file.data_file_id);
            for DuckLakeFileMetadata { mut file, .. } in page {
                let id = file.data_file_id;
                if is_mergeable(&file) && !with_deletes.contains(&id) && !too_wide.contains(&id) {
                    file.partition_values.sort();
                    let partition = (file.partition_id, file.partition_values.clone());
                    partitions.entry(partition).or_default().push(file);
                }
            }
        }
        Ok(partitions.into_values().collect())
    }

    fn table_id(&self, name: &str, snapshot: i64) -> Result<Option<i64>, TablesError> {
        let schema = self.provider.get_schema_by_name(SCHEMA, snapshot)?;
        let Some(schema) = schema else { return Ok(None) };
        let table = self.provider.get_table_by_name(schema.schema_id, name, snapshot)?;
        // A table that somebody has renamed lies where its old name says.
        let table = table.filter(|it| it.path_is_relative && it.path.trim_matches('/') == name);
        Ok(table.map(|it| it.table_id))
    }

    /// How a table's files are laid out; `None` if it isn't as we make tables.
    async fn layout(
        &self,
        name: &str,
        table_id: i64,
        snapshot: i64,
    ) -> Result<Option<Layout>, TablesError> {
        let Some(stored) = self.stored_at(name, snapshot).await? else { return Ok(None) };
        let schema = plain(&stored.provider.schema(), "");
        let order = order_of(name);
        let sorted_by = order.device.into_iter().chain([order.time]);
        if sorted_by.into_iter().any(|it| schema.index_of(it).is_err()) {
            return Ok(None);
        }
        let columns = self.provider.get_table_structure(table_id, snapshot)?;
        let mut ids = Vec::new();
        for field in schema.fields() {
            let ours = ColumnDef::from_arrow(field.name(), field.data_type(), true)?;
            let is_ours = |it: &&DuckLakeTableColumn| {
                it.column_name == *field.name()
                    && it.column_type == ours.ducklake_type()
                    && it.initial_default.is_none()
            };
            let Some(column) = columns.iter().find(is_ours) else { return Ok(None) };
            ids.push(column.column_id);
        }
        let mut fields = with_ids(&viewed(&schema), &ids)?.fields().to_vec();
        // So that rows keep the numbers that they have in the catalog.
        fields.push(Arc::new(embedded_rowid_field()));
        Ok(Some(Layout { order, schema: Arc::new(Schema::new(fields)), ids }))
    }

    /// Writes a file in the place of others; `None` if it was told to stop, or too many rows would
    /// have to be held.
    pub(crate) async fn merge(
        &self,
        mut bin: Bin,
        is_stopped: Arc<AtomicBool>,
    ) -> Result<Option<Merged>, TablesError> {
        let layout = self.layout(&bin.table, bin.table_id, bin.snapshot).await?;
        let Some(layout) = layout else { return Ok(None) };
        let folder = self.folder_of(&bin.table);
        let tables = self.clone();
        let merging = move || {
            let mut sources = Vec::new();
            for file in &bin.files {
                sources.push(Source::open(file, &path_of(&folder, file), &layout)?);
            }
            while held(&sources) > HELD_BYTES_MAX {
                sources.pop();
                let left_out = bin.files.get(sources.len()).map(|it| it.data_file_id);
                if sources.len() < 2 {
                    tables.too_wide().extend(left_out);
                    return Ok(None);
                }
            }
            bin.files.truncate(sources.len());
            let stopped = || is_stopped.load(Ordering::Acquire);
            let file = folder.file(&folder_in(&bin.files), |file| {
                let mut writer = layout.writer(file);
                let is_whole = in_slices(&sources, &layout, &stopped, |pool, slice| {
                    writer.slice(pool, slice)
                })?;
                if is_whole { writer.end().map(Some) } else { Ok(None) }
            });
            Ok(file?.map(|file| Merged { bin, file }))
        };
        aside(merging).await
    }

    /// Puts a file in the place of those that it was merged from, and tells whether they were still
    /// there. Whoever reads at a snapshot before reads those, until they are deleted.
    pub(crate) fn replace(&self, merged: Merged) -> Result<bool, TablesError> {
        let Merged { bin, file } = merged;
        let path = self.folder_of(&bin.table).table.join(&file.path);
        let file = match bin.files.first() {
            Some(DuckLakeTableFile { partition_id: Some(id), partition_values, .. }) => {
                file.with_partition(*id, partition_values.clone())
            }
            _ => file,
        };
        let source = |it: &DuckLakeTableFile| CompactionSourceFile {
            data_file_id: it.data_file_id,
            delete_file_id: None,
        };
        let sources: Vec<_> = bin.files.iter().map(source).collect();
        let output = CompactionOutputFile { file, partial_max: None, begin_snapshot: None };
        let retirement = SourceRetirement::Retire;
        let committed = self.writer.commit_compaction(
            bin.table_id,
            bin.snapshot,
            &sources,
            &[output],
            retirement,
        );
        match committed {
            Ok(_) => Ok(true),
            Err(DuckLakeError::Conflict(problem)) => {
                tracing::info!(%problem, "files changed while they were merged");
                discard(&path);
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets a file that isn't to be in the catalog.
    pub(crate) fn discard(&self, merged: &Merged) {
        discard(&self.folder_of(&merged.bin.table).table.join(&merged.file.path));
    }

    /// Files whose rows lie too wide in time to be held with those of others.
    fn too_wide(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.too_wide.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_mergeable(file: &DuckLakeTableFile) -> bool {
    file.delete_file_id.is_none()
        && file.file.encryption_key.is_none()
        && file.file.mapping_id.is_none()
        && file.max_row_count != Some(0)
        && bytes_of(file) < MERGED_BYTES_MAX
}

fn bytes_of(file: &DuckLakeTableFile) -> u64 {
    file.file.file_size_bytes.max(0).cast_unsigned()
}

/// Which files of a partition are merged, the smallest first: as many as there may be, of which the
/// largest is about as large as the others together at most. So a row is written anew about as often
/// as its file doubles. Small files are merged regardless.
fn chosen(
    mut files: Vec<DuckLakeTableFile>,
    is_quiet: impl Fn(&[DuckLakeTableFile]) -> bool,
) -> Option<Vec<DuckLakeTableFile>> {
    files.sort_by_key(|it| (bytes_of(it), it.data_file_id));
    let (mut before, mut count) = (0, 0);
    for (place, file) in files.iter().take(MERGED_FILES_MAX).enumerate() {
        let bytes = bytes_of(file);
        if before + bytes > MERGED_BYTES_MAX {
            break;
        }
        if bytes <= SMALL_BYTES || bytes <= before + before / 4 {
            count = place + 1;
        }
        before += bytes;
    }
    let largest = files.get(count.checked_sub(1)?).map_or(0, bytes_of);
    let is_enough = count >= MERGED_FILES_MIN || largest <= SMALL_BYTES || is_quiet(&files);
    files.truncate(count);
    (count >= 2 && is_enough).then_some(files)
}

fn path_of(folder: &Folder, file: &DuckLakeTableFile) -> PathBuf {
    let path = &file.file.path;
    if file.file.path_is_relative { folder.table.join(path) } else { PathBuf::from(path) }
}

/// The folder, within their table's, that files lie in.
fn folder_in(files: &[DuckLakeTableFile]) -> String {
    let path = files.iter().find(|it| it.file.path_is_relative).map(|it| it.file.path.as_str());
    let folder = path.and_then(|it| it.rsplit_once('/')).map(|(folder, _)| folder);
    folder.unwrap_or("merged").to_owned()
}

fn is_older(path: &Path, age: Duration, now: SystemTime) -> bool {
    let written = std::fs::metadata(path).and_then(|it| it.modified());
    let since = written.ok().and_then(|it| now.duration_since(it).ok());
    since.is_some_and(|it| it >= age)
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion_ducklake::metadata_provider::DuckLakeFileData;

    fn file(id: i64, mebibytes: i64) -> DuckLakeTableFile {
        DuckLakeTableFile {
            data_file_id: id,
            file: DuckLakeFileData::new(format!("{id}.parquet"), true, mebibytes << 20),
            delete_file_id: None,
            delete_file: None,
            row_id_start: Some(0),
            snapshot_id: None,
            begin_snapshot: None,
            schema_version: None,
            partial_max: None,
            max_row_count: None,
            delete_count: None,
            partition_id: None,
            partition_values: Vec::new(),
        }
    }

    fn ids(sizes: &[i64], is_quiet: bool) -> Option<Vec<i64>> {
        let files = (0..).zip(sizes).map(|(id, size)| file(id, *size)).collect();
        Some(chosen(files, |_| is_quiet)?.iter().map(|it| it.data_file_id).collect())
    }

    #[test]
    fn files_are_merged_with_others_of_about_their_size() {
        assert_eq!(ids(&[10, 10, 10], false), None, "a fourth is to come");
        assert_eq!(ids(&[10, 10, 10, 10], false), Some(vec![0, 1, 2, 3]));
        assert_eq!(ids(&[40, 10, 10, 10], false), None, "the large one would be written anew");
        assert_eq!(ids(&[40, 10, 10, 10, 10], false), Some(vec![1, 2, 3, 4, 0]));
        assert_eq!(ids(&[10, 13, 11, 12], false), Some(vec![0, 2, 3, 1]));
        assert_eq!(ids(&[10, 11, 12, 13, 90], false), Some(vec![0, 1, 2, 3]));
        assert_eq!(ids(&[0, 0], false), Some(vec![0, 1]), "small ones are merged at once");
    }

    #[test]
    fn what_nothing_is_added_to_is_merged_though_it_be_little() {
        assert_eq!(ids(&[10, 12], true), Some(vec![0, 1]));
        assert_eq!(ids(&[10, 100], true), None);
        assert_eq!(ids(&[10], true), None);
    }

    #[test]
    fn no_merged_file_is_larger_than_it_may_be() {
        assert_eq!(ids(&[100, 100, 100], true), Some(vec![0, 1]));
        assert_eq!(ids(&[200, 200], true), None);
        let many = ids(&[1; 100], false).unwrap();
        assert_eq!(many.len(), MERGED_FILES_MAX);
    }
}
