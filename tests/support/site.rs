//! A site for a web server to serve, and things beside it that nobody may see.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::story::fail;

/// What is in HelloWorld.html.
pub const HELLO: &[u8] = b"<!doctype html><title>Hello</title><p>Hello, World!\n";

/// What is in filenotfound.html.
pub const NOT_FOUND_PAGE: &[u8] =
    b"<!doctype html><title>404</title><p>There is nothing here.\n";

/// What is in the files beside the root.
pub const SECRET: &str = "the secret outside the root";

/// A folder with a site in `www`.
pub struct Site {
    folder: TempDir,
}

impl Default for Site {
    fn default() -> Self {
        Self::new()
    }
}

impl Site {
    /// With HelloWorld.html and filenotfound.html.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap_or_else(|error| broken_folder(&error));
        let site = Self { folder };
        site.make_folder(&site.path(""));
        site.file("HelloWorld.html", HELLO);
        site.file("filenotfound.html", NOT_FOUND_PAGE);
        site
    }

    /// The root, as an argument.
    pub fn root(&self) -> String {
        self.path("").display().to_string()
    }

    /// Where a file of the site is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.outside().join("www").join(name)
    }

    /// The folder that the root is in.
    pub fn outside(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the site.
    pub fn file(&self, name: &str, contents: &[u8]) -> &Self {
        self.write(&self.path(name), contents)
    }

    /// Writes a file beside the root.
    pub fn secret(&self, name: &str) -> &Self {
        self.write(&self.outside().join(name), SECRET.as_bytes())
    }

    fn write(&self, path: &Path, contents: &[u8]) -> &Self {
        self.make_folder(path.parent().unwrap_or(path));
        fs::write(path, contents).unwrap_or_else(|error| broken_folder(&error));
        self
    }

    fn make_folder(&self, path: &Path) {
        fs::create_dir_all(path).unwrap_or_else(|error| broken_folder(&error));
    }
}

fn broken_folder(error: &std::io::Error) -> ! {
    fail(&format!("the check cannot make its site: {error}"))
}
