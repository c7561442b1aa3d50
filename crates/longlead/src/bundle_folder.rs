//! Reads a bundle from disk: a folder of TOML files, or one such file.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use longlead_model::{Code, Diagnostic, Place, Source};

/// Larger files are no facts that somebody wrote.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Deeper folders are no bundle that somebody laid out.
const DEPTH_MAX: usize = 32;

/// The texts of a bundle, and what could not be read.
#[derive(Debug, Default)]
pub(crate) struct BundleText {
    /// One for each file, named by its path with `/` between folders, so that a terminal or editor
    /// can open it.
    pub(crate) sources: Vec<Source>,
    /// Files that aren't text, are too large, or refuse to be read.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Why nothing of a bundle can be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// There is nothing of that name.
    #[error("there is no file or folder `{}`; `longlead new {}` writes a bundle to start from", .0.display(), .0.display())]
    Missing(PathBuf),
    /// The folder or file refuses to be read.
    #[error("`{}` can't be read", .path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

/// Reads a folder with all that is in it, hidden files and folders aside, or one file.
pub(crate) fn read(path: &Path) -> Result<BundleText, BundleError> {
    let unreadable = |source: io::Error| BundleError::Unreadable { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BundleError::Missing(path.to_owned()),
        _ => unreadable(error),
    })?;
    let mut text = BundleText::default();
    if !metadata.is_dir() {
        text.file(path, shown(path).trim_end_matches('/'));
        return Ok(text);
    }
    let entries = sorted_entries(path).map_err(unreadable)?;
    text.entries(&entries, &shown(path), 0);
    if text.sources.is_empty() && text.diagnostics.is_empty() {
        let message = format!("there are no .toml files in `{}`", path.display());
        let help = "`longlead new DIR` writes a small bundle to start from";
        text.diagnostics.push(Diagnostic::error(Code::IncompletePlan, message).help(help));
    }
    Ok(text)
}

/// A path as it stands before the names of files: nothing for the folder that one is in.
fn shown(path: &Path) -> String {
    let shown = path.to_string_lossy().replace('\\', "/");
    let shown = shown.strip_prefix("./").unwrap_or(&shown).trim_end_matches('/');
    if shown == "." || shown.is_empty() { String::new() } else { format!("{shown}/") }
}

/// What is in a folder, in the order of names, so that diagnostics come in the same order on
/// every machine.
fn sorted_entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    entries.sort();
    Ok(entries)
}

impl BundleText {
    fn entries(&mut self, entries: &[PathBuf], within: &str, depth: usize) {
        for path in entries {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy();
            if file_name.starts_with('.') {
                continue;
            }
            let name = format!("{within}{file_name}");
            let is_link = path.is_symlink();
            match (path.is_dir(), path.extension().is_some_and(|it| it == "toml")) {
                // A link to a folder may lead back to where it stands.
                (true, _) if is_link => {
                    self.note(&name, "is a link to a folder, and was not followed")
                }
                (true, _) if depth >= DEPTH_MAX => {
                    self.refuse(&name, format!("lies deeper than {DEPTH_MAX} folders"));
                }
                (true, _) => match sorted_entries(path) {
                    Ok(entries) => self.entries(&entries, &format!("{name}/"), depth + 1),
                    Err(error) => self.refuse(&name, format!("can't be read: {error}")),
                },
                (false, true) => self.file(path, &name),
                (false, false) => {}
            }
        }
    }

    fn file(&mut self, path: &Path, name: &str) {
        let bytes = match read_bytes(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.refuse(name, error.to_string()),
        };
        match text_of(bytes) {
            Ok(text) => self.sources.push(Source { name: name.to_owned(), text }),
            Err((line, column)) => {
                let place = Place { file: name.to_owned(), line, column };
                let message = format!("`{name}` is not UTF-8 text");
                let help = "save it as UTF-8; if it is no text, give it another extension";
                let diagnostic = Diagnostic::error(Code::UnreadableFile, message);
                self.diagnostics.push(diagnostic.at(Some(place)).help(help));
            }
        }
    }

    fn refuse(&mut self, name: &str, why: String) {
        let place = Place { file: name.to_owned(), line: 0, column: 0 };
        let diagnostic = Diagnostic::error(Code::UnreadableFile, format!("`{name}` {why}"));
        self.diagnostics.push(diagnostic.at(Some(place)));
    }

    fn note(&mut self, name: &str, what: &str) {
        let place = Place { file: name.to_owned(), line: 0, column: 0 };
        let diagnostic = Diagnostic::warning(Code::UnreadableFile, format!("`{name}` {what}"));
        self.diagnostics.push(diagnostic.at(Some(place)));
    }
}

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("can't be read: {0}")]
    Io(#[from] io::Error),
    #[error("is no file")]
    NotAFile,
    #[error("is larger than {} MiB", FILE_BYTES_MAX >> 20)]
    TooLarge,
}

/// What a file holds, if it is a file and not too large.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>, ReadError> {
    // A pipe or device would be read for ever.
    if !fs::metadata(path)?.is_file() {
        return Err(ReadError::NotAFile);
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read, so its length is no bound.
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ReadError::TooLarge);
    }
    Ok(bytes)
}

/// The bytes as text, or where they are none.
fn text_of(bytes: Vec<u8>) -> Result<String, (u32, u32)> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.split(|byte| *byte == b'\n');
        let last = line.clone().next_back().unwrap_or_default();
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let column = count(String::from_utf8_lossy(last).chars().count() + 1);
        (count(line.count()), column)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    #[test]
    fn files_are_named_by_their_path_and_hidden_ones_are_left_out() {
        let folder = folder(&[
            ("b.toml", b"# b"),
            ("a/c.toml", b"# c"),
            ("a/notes.md", b"no"),
            (".git/x.toml", b"no"),
            (".hidden.toml", b"no"),
        ]);
        let text = read(folder.path()).unwrap();
        let at = folder.path().to_string_lossy();
        let names: Vec<&str> = text.sources.iter().map(|source| source.name.as_str()).collect();
        assert_eq!(names, [format!("{at}/a/c.toml"), format!("{at}/b.toml")]);
        assert!(text.diagnostics.is_empty());
    }

    #[test]
    fn bytes_that_are_no_text_are_told_with_their_place() {
        let folder = folder(&[("x.toml", b"# one\n# t\xc3\xa9o \xff")]);
        let text = read(folder.path()).unwrap();
        let place = text.diagnostics[0].place.clone().unwrap();
        assert_eq!((place.line, place.column), (2, 7));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_leads_in_a_circle_ends() {
        let folder = folder(&[("x.toml", b"# x")]);
        std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).unwrap();
        let text = read(folder.path()).unwrap();
        assert_eq!(text.sources.len(), 1);
        assert!(!text.diagnostics[0].is_error());
    }
}
