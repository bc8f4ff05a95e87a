//! The files below a server's root, and nothing else.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use socket_lab::cli::Failure;
use socket_lab::net;

/// The folder whose files a server hands out.
pub struct Root(Dir);

/// A file that was found there.
pub struct Found {
    /// Open for reading, at its beginning.
    pub file: File,
    /// Its length in bytes when it was opened.
    pub length: u64,
    /// When it was last changed, or the time nearest to it that an HTTP date can say.
    pub modified: Option<SystemTime>,
}

impl Root {
    /// Opens the folder at `path`.
    ///
    /// # Errors
    /// It is not there, is no folder, or must not be read; in words for the user.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        Dir::open_ambient_dir(path, ambient_authority()).map(Self).map_err(|error| {
            let (shown, why) = (path.display(), net::why(&error));
            Failure::refused(format!("cannot open the folder {shown}: {why}"))
                .with_hint("name the folder to serve with --root")
        })
    }

    /// Opens the file at `path`, relative to the root; `None` if no file is there.
    ///
    /// cap-std resolves the path beneath the folder it holds open, on Linux in one system
    /// call (openat2(2), RESOLVE_BENEATH), so that neither `..` nor a symbolic link leads
    /// out, not even one that is put there between a check and its use.
    ///
    /// # Errors
    /// The process or the machine has run out of what it takes to open one.
    pub fn find(&self, path: &Path) -> io::Result<Option<Found>> {
        let mut options = OpenOptions::new();
        options.read(true);
        // Otherwise opening a named pipe would wait until somebody writes to it.
        options.nonblock(true);
        let file = match self.0.open_with(path, &options) {
            Ok(file) => file.into_std(),
            Err(error) if is_scarcity(&error) => return Err(error),
            // Not there, not ours to read, or not below the root: to the client that is
            // all the same.
            Err(_) => return Ok(None),
        };
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let modified = metadata.modified().ok().map(nearest_http_date);
        Ok(Some(Found { file, length: metadata.len(), modified }))
    }
}

/// HTTP dates have years of four digits, and those of ours begin in 1970.
fn nearest_http_date(time: SystemTime) -> SystemTime {
    const END_OF_9999: Duration = Duration::from_secs(253_402_300_799);
    time.clamp(SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + END_OF_9999)
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

/// The `Content-Type` of a file by the extension of its name (RFC 9110 §8.3).
pub fn media_type(path: &Path) -> String {
    let guess = mime_guess::from_path(path).first_raw().unwrap_or("application/octet-stream");
    // Without it browsers guess an encoding for text, and often wrongly.
    let charset = if guess.starts_with("text/") { "; charset=utf-8" } else { "" };
    format!("{guess}{charset}")
}
