//! The checks are checked: they catch what is wrong and name its cause, accept what is
//! right, miss few changes of the kit's own programs, and do not flake. In reading order:
//!
//! - [`manifest`]: the wrong programs and the right ones that are there for it;
//! - [`checks`]: the checks as executables, and one of them run on some programs;
//! - [`museum`]: each wrong program before the checks that must catch it;
//! - [`right`]: all checks on each right program;
//! - [`mutants`]: the kit's programs, changed in one place each by cargo-mutants;
//! - [`flakes`]: all checks, many times, on a busy machine;
//! - [`results`]: the table of what came of it.

use std::path::{Path, PathBuf};

pub mod checks;
pub mod flakes;
pub mod manifest;
pub mod museum;
pub mod mutants;
pub mod results;
pub mod right;

/// The project's folder.
pub fn root() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    folder.unwrap_or(Path::new(".")).to_owned()
}
