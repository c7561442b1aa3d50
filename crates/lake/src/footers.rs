//! What is kept of files between questions: their footers, with what they tell of each page.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use datafusion::common::{HashMap, Result, TableReference};
use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::execution::cache::cache_manager::{CachedFileMetadataEntry, FileMetadataCache};
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::cache::{Cache, CacheEntryInfo};
use object_store::path::Path;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};

/// Bytes of footers that are kept.
pub(crate) const BYTES_MAX: usize = 128 << 20;

/// Footers by file.
///
/// A question reads a footer first and its index of pages only if a filter may leave pages out; what
/// it reads then is not kept, so each such question would read the index of the whole file again.
/// Here a footer is kept with its index from the start.
struct Footers {
    kept: DefaultCache<Path, CachedFileMetadataEntry>,
}

/// An empty cache.
pub(crate) fn cache() -> Arc<FileMetadataCache> {
    Arc::new(Footers { kept: DefaultCache::new(BYTES_MAX) })
}

impl Cache<Path, CachedFileMetadataEntry> for Footers {
    fn put(&self, path: &Path, entry: CachedFileMetadataEntry) -> Option<CachedFileMetadataEntry> {
        let footer = entry.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>();
        let indexed = footer.and_then(|it| indexed(path, it.parquet_metadata()));
        let entry = match indexed {
            Some(footer) => CachedFileMetadataEntry {
                file_metadata: Arc::new(CachedParquetMetaData::new(Arc::new(footer))),
                ..entry
            },
            None => entry,
        };
        self.kept.put(path, entry)
    }

    fn get(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        self.kept.get(path)
    }

    fn remove(&self, path: &Path) -> Option<CachedFileMetadataEntry> {
        self.kept.remove(path)
    }

    fn contains_key(&self, path: &Path) -> bool {
        self.kept.contains_key(path)
    }

    fn len(&self) -> usize {
        self.kept.len()
    }

    fn clear(&self) {
        self.kept.clear();
    }

    fn name(&self) -> String {
        "Footers".to_owned()
    }

    fn cache_limit(&self) -> usize {
        self.kept.cache_limit()
    }

    fn update_cache_limit(&self, limit: usize) {
        self.kept.update_cache_limit(limit);
    }

    fn cache_ttl(&self) -> Option<Duration> {
        self.kept.cache_ttl()
    }

    fn update_cache_ttl(&self, ttl: Option<Duration>) {
        self.kept.update_cache_ttl(ttl);
    }

    fn drop_table_entries(&self, table: &TableReference) -> Result<()> {
        self.kept.drop_table_entries(table)
    }

    fn list_entries(&self) -> HashMap<Path, CacheEntryInfo<CachedFileMetadataEntry>> {
        self.kept.list_entries()
    }
}

/// A footer with its index of pages; `None` if it has it, or it can't be read: whoever needs it will
/// say so.
fn indexed(path: &Path, footer: &ParquetMetaData) -> Option<ParquetMetaData> {
    if footer.column_index().is_some() && footer.offset_index().is_some() {
        return None;
    }
    let file = File::open(format!("/{path}")).ok()?;
    let mut reader = ParquetMetaDataReader::new_with_metadata(footer.clone())
        .with_page_index_policy(PageIndexPolicy::Optional);
    reader.read_page_indexes(&file).ok()?;
    reader.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use object_store::ObjectMeta;
    use parquet::arrow::ArrowWriter;

    #[test]
    fn a_footer_is_kept_with_its_index_of_pages() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
        let rows = RecordBatch::try_from_iter([("it", column)]).unwrap();
        let mut writer = ArrowWriter::try_new(file.reopen().unwrap(), rows.schema(), None).unwrap();
        writer.write(&rows).unwrap();
        writer.close().unwrap();
        let footer = ParquetMetaDataReader::new().parse_and_finish(file.as_file()).unwrap();
        assert!(footer.offset_index().is_none());

        let path = Path::from_absolute_path(file.path()).unwrap();
        let meta = ObjectMeta {
            location: path.clone(),
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: file.as_file().metadata().unwrap().len(),
            e_tag: None,
            version: None,
        };
        let footer = Arc::new(CachedParquetMetaData::new(Arc::new(footer)));
        let cache = cache();
        cache.put(&path, CachedFileMetadataEntry::new(meta, footer));
        let kept = cache.get(&path).unwrap();
        let kept = kept.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>().unwrap();
        let kept = kept.parquet_metadata();
        assert!(kept.offset_index().is_some() && kept.column_index().is_some());
    }
}
