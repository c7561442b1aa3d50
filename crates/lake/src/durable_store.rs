//! The file system as an object store that is done with a file only once it is on stable storage.
//! The catalog names a file only after that, so a crash leaves no name without its file.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::path::PathBuf;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result, UploadPart,
};

/// Local files, synced.
#[derive(Debug)]
pub(crate) struct DurableFiles {
    files: LocalFileSystem,
    /// The folder under which all lie; its own name is durable.
    root: PathBuf,
}

impl DurableFiles {
    pub(crate) fn new(root: PathBuf) -> DurableFiles {
        DurableFiles { files: LocalFileSystem::new(), root }
    }
}

impl fmt::Display for DurableFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "synced files in {}", self.root.display())
    }
}

/// Brings a file, and the folders that name it below a root, to stable storage.
pub(crate) fn synced(root: &std::path::Path, path: &std::path::Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()?;
    let mut folders = path.ancestors().skip(1).take_while(|it| it.starts_with(root));
    folders.try_for_each(|it| File::open(it)?.sync_all())
}

async fn sync(root: PathBuf, path: PathBuf) -> Result<()> {
    let synced = tokio::task::spawn_blocking(move || synced(&root, &path));
    let failed = |source| object_store::Error::Generic { store: "synced files", source };
    match synced.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(failed(Box::new(error))),
        Err(error) => Err(failed(Box::new(error))),
    }
}

#[derive(Debug)]
struct Upload {
    upload: Box<dyn MultipartUpload>,
    root: PathBuf,
    path: PathBuf,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let result = self.upload.complete().await?;
        sync(self.root.clone(), self.path.clone()).await?;
        Ok(result)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

#[async_trait]
impl ObjectStore for DurableFiles {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let result = self.files.put_opts(location, payload, options).await?;
        sync(self.root.clone(), self.files.path_to_filesystem(location)?).await?;
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.files.put_multipart_opts(location, options).await?;
        let (root, path) = (self.root.clone(), self.files.path_to_filesystem(location)?);
        Ok(Box::new(Upload { upload, root, path }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.files.copy_opts(from, to, options).await?;
        sync(self.root.clone(), self.files.path_to_filesystem(to)?).await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        self.files.rename_opts(from, to, options).await?;
        sync(self.root.clone(), self.files.path_to_filesystem(to)?).await
    }
}
