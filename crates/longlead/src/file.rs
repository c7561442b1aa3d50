//! Writes files whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::{Component, Path};

use anyhow::{Context as _, bail};
use tempfile::NamedTempFile;

/// Writes a file: it appears under its name only once all of it is on disk.
///
/// # Errors
/// If it can't be written, or if it is there already and may not be overwritten.
pub(crate) fn write(path: &Path, text: &str, overwrite: bool) -> anyhow::Result<()> {
    let context = || format!("`{}` can't be written", path.display());
    let mut builder = tempfile::Builder::new();
    // Temporary files are private; what is written here is as public as any file that one makes.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = beside(&mut builder, path)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    keep(file, path, overwrite)
}

/// A file that only its owner can read, to be written and then kept under a name.
///
/// # Errors
/// If the folder can't be written to.
pub(crate) fn private(path: &Path) -> anyhow::Result<NamedTempFile> {
    beside(&mut tempfile::Builder::new(), path)
}

/// A temporary file in the folder of another.
fn beside(builder: &mut tempfile::Builder<'_, '_>, path: &Path) -> anyhow::Result<NamedTempFile> {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    let file = builder.prefix(".longlead-").tempfile_in(parent.unwrap_or(Path::new(".")));
    file.with_context(|| format!("`{}` can't be written", path.display()))
}

/// Gives a file its name once all of it is on disk.
///
/// # Errors
/// If that can't be done, or if the name is taken and may not be overwritten.
pub(crate) fn keep(file: NamedTempFile, path: &Path, overwrite: bool) -> anyhow::Result<()> {
    let context = || format!("`{}` can't be written", path.display());
    file.as_file().sync_all().with_context(context)?;
    if overwrite {
        file.persist(path).map_err(|error| error.error).with_context(context)?;
        return sync_folder(path).with_context(context);
    }
    match file.persist_noclobber(path) {
        Ok(_) => sync_folder(path).with_context(context),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("`{}` is there already; --force overwrites it", path.display())
        }
        Err(error) => Err(error.error).with_context(context),
    }
}

/// A new name lasts only when its folder does.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(not(unix)) {
        return Ok(());
    }
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Makes a folder for files that are about to be written. One that holds something is refused
/// unless `force` is set.
pub(crate) fn make_folder(folder: &Path, force: bool) -> anyhow::Result<()> {
    let context = || format!("the folder `{}` can't be made", folder.display());
    fs::create_dir_all(folder).with_context(context)?;
    let mut entries = fs::read_dir(folder).with_context(context)?;
    if entries.next().is_some() && !force {
        bail!("the folder `{}` is not empty", folder.display());
    }
    Ok(())
}

/// Writes files into a folder, each under its name with `/` between folders; tells their paths.
pub(crate) fn write_all(
    folder: &Path,
    files: &[(String, String)],
    overwrite: bool,
) -> anyhow::Result<Vec<String>> {
    let mut written = Vec::new();
    for (name, text) in files {
        let is_plain = Path::new(name).components().all(|it| matches!(it, Component::Normal(_)));
        if !is_plain {
            bail!("`{name}` would lie outside the folder");
        }
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("the folder `{}` can't be made", parent.display()))?;
        }
        write(&path, text, overwrite)?;
        written.push(path.to_string_lossy().replace('\\', "/"));
    }
    Ok(written)
}
