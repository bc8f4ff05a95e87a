//! The files below a server's root, and nothing else.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use rustix::fs::{FileType, Stat, fstat};
use socket_lab::cli::Failure;
use socket_lab::net;

use crate::memory::{self, Kept, Memory};

/// The folder whose files a server hands out.
pub struct Root {
    folder: Dir,
    /// Spares [`Root::find`] to open the same small file again and again.
    memory: Memory,
}

/// A file that was found there.
pub struct Found {
    /// Its length in bytes when it was opened.
    pub length: u64,
    /// When it was last changed, or the time nearest to it that an HTTP date can say.
    pub modified: SystemTime,
    /// Its `Content-Type`.
    pub media_type: MediaType,
    pub(crate) content: Content,
}

/// What a file holds.
pub(crate) enum Content {
    /// All of it, as it is not much.
    InMemory(Arc<Kept>),
    /// Open for reading, at its beginning.
    File(File),
}

impl Root {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// It is not there, is no folder, or must not be read; in words for the user.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let folder = Dir::open_ambient_dir(path, ambient_authority()).map_err(|error| {
            let (shown, why) = (path.display(), net::why(&error));
            Failure::refused(format!("cannot open the folder {shown}: {why}"))
                .with_hint("name the folder to serve with --root")
        })?;
        Ok(Self { memory: Memory::new(&folder), folder })
    }

    /// The file at `path`, relative to the root; `None` if no file is there.
    ///
    /// # Errors
    /// The process or the machine has run out of what it takes to open one.
    pub fn find(&self, path: &Path) -> io::Result<Option<Found>> {
        match self.memory.recall(&self.folder, path.as_os_str()) {
            Some(kept) => Ok(Some(Found::kept(kept))),
            None => self.read(path),
        }
    }

    /// Opens the file, and reads it if it is short.
    ///
    /// cap-std resolves the path beneath the folder it holds open, on Linux in one system
    /// call (openat2(2), RESOLVE_BENEATH), so that neither `..` nor a symbolic link leads
    /// out, not even one that is put there between a check and its use.
    #[cold]
    fn read(&self, path: &Path) -> io::Result<Option<Found>> {
        let mut options = OpenOptions::new();
        options.read(true);
        // Otherwise opening a named pipe would wait until somebody writes to it.
        options.nonblock(true);
        let file = match self.folder.open_with(path, &options) {
            Ok(file) => file.into_std(),
            Err(error) if is_scarcity(&error) => return Err(error),
            // Not there, not ours to read, or not below the root: to the client that is
            // all the same.
            Err(_) => return Ok(None),
        };
        let stat = fstat(&file)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        if length(&stat) <= memory::LONGEST {
            let kept = self.memory.read(&self.folder, path.as_os_str(), file, &stat)?;
            return Ok(Some(Found::kept(kept)));
        }
        Ok(Some(Found {
            length: length(&stat),
            modified: modified(&stat),
            media_type: MediaType::of(path),
            content: Content::File(file),
        }))
    }
}

impl Found {
    fn kept(kept: Arc<Kept>) -> Self {
        Self {
            // A file may have become shorter while it was read.
            length: kept.bytes.len() as u64,
            modified: kept.modified,
            media_type: kept.media_type,
            content: Content::InMemory(kept),
        }
    }
}

pub(crate) fn length(stat: &Stat) -> u64 {
    u64::try_from(stat.st_size).unwrap_or(0)
}

/// HTTP dates have years of four digits, and those of ours begin in 1970.
pub(crate) fn modified(stat: &Stat) -> SystemTime {
    const END_OF_9999: u64 = 253_402_300_799;
    let seconds = u64::try_from(stat.st_mtime).unwrap_or(0).min(END_OF_9999);
    let nanos = u32::try_from(stat.st_mtime_nsec).unwrap_or(0);
    SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos)
}

/// Whether it is the process or the machine that has run out of something, here of file
/// descriptors: no answer to the question whether the file is there.
fn is_scarcity(error: &io::Error) -> bool {
    // They have no kind of their own in std; on Linux and macOS they have these numbers.
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
        || error.kind() == io::ErrorKind::OutOfMemory
}

/// What a `Content-Type` says (RFC 9110 §8.3).
#[derive(Clone, Copy)]
pub struct MediaType(&'static str);

impl MediaType {
    /// Of what a server says in words.
    pub const TEXT: Self = Self("text/plain");

    /// Of a file, by the extension of its name.
    pub fn of(path: &Path) -> Self {
        Self(mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream"))
    }

    pub(crate) fn name(self) -> &'static str {
        self.0
    }

    /// Browsers guess an encoding for text that does not say one, and often wrongly.
    pub(crate) fn parameter(self) -> &'static str {
        if self.0.starts_with("text/") { "; charset=utf-8" } else { "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_says_its_encoding() {
        let of = |path| MediaType::of(Path::new(path)).parameter();
        assert_eq!(of("a.html"), "; charset=utf-8");
        assert_eq!(of("a.txt"), "; charset=utf-8");
        assert_eq!(of("a.png"), "");
    }

    #[test]
    fn what_is_scarce_is_no_missing_file() {
        let out_of_memory = io::Error::from(io::ErrorKind::OutOfMemory);
        for error in [io::Error::from_raw_os_error(23), io::Error::from_raw_os_error(24)] {
            assert!(is_scarcity(&error), "{error}");
        }
        assert!(is_scarcity(&out_of_memory));
        assert!(!is_scarcity(&io::Error::from(io::ErrorKind::NotFound)));
    }

    #[test]
    fn a_long_file_is_left_where_it_is() {
        let site = tempfile::tempdir().expect("a folder");
        let root = Root::open(site.path()).expect("a folder");
        for (length, is_short) in [(64 * 1024, true), (64 * 1024 + 1, false)] {
            std::fs::write(site.path().join("a.txt"), vec![b'a'; length]).expect("a file");
            let found = root.find(Path::new("a.txt")).expect("no scarcity").expect("a file");
            assert_eq!(matches!(found.content, Content::InMemory(_)), is_short, "{length}");
            assert_eq!(found.length, length as u64);
        }
    }
}
