//! The files that the web servers serve, and a place for what clients fetch.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

/// 228 bytes.
pub(crate) const SMALL: &str = "small.html";

/// 1 MiB.
pub(crate) const MEDIUM: &str = "medium.txt";

/// 100 MiB.
pub(crate) const LARGE: &str = "large.txt";

pub(crate) const MIB: usize = 1024 * 1024;

const SMALL_PAGE: &str = "<!DOCTYPE html>
<html lang=\"en\">
<head><meta charset=\"utf-8\"><title>Small</title></head>
<body>
<h1>Small page</h1>
<p>It fits into one segment with its head, so that only the server counts, not the network.</p>
</body>
</html>
";

/// The length of the small file, in bytes.
pub(crate) const SMALL_LENGTH: u64 = SMALL_PAGE.len() as u64;

/// Servers may look twice at a file that was changed a moment ago. The files of most sites
/// were not.
const OF_AGE: Duration = Duration::from_secs(4);

/// Memory that is a file system: what is fetched should not wait for a disk.
const IN_MEMORY: &str = "/dev/shm";

/// The folders, which are gone when this is dropped.
pub(crate) struct Site {
    root: TempDir,
    fetched: TempDir,
}

impl Site {
    pub(crate) fn make() -> Result<Self> {
        let root = tempfile::Builder::new().prefix("bench-site-").tempdir()?;
        fs::write(root.path().join(SMALL), SMALL_PAGE)?;
        let line = b"All work and no play makes a byte a dull byte to send and to read. \n";
        let text: Vec<u8> = line.iter().copied().cycle().take(MIB).collect();
        fs::write(root.path().join(MEDIUM), &text)?;
        fs::write(root.path().join(LARGE), text.repeat(100))?;

        thread::sleep(OF_AGE);

        let mut fetched = tempfile::Builder::new();
        fetched.prefix("bench-fetched-");
        let fetched = fetched.tempdir_in(IN_MEMORY).or_else(|_| fetched.tempdir())?;
        Ok(Self { root, fetched })
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// Where a client may write what it fetches.
    pub(crate) fn fetched(&self) -> PathBuf {
        self.fetched.path().join("fetched")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_file_stays_as_small_as_it_was() {
        assert_eq!(SMALL_LENGTH, 228);
    }
}
