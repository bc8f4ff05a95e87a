//! `cargo lab`, a student's companion at the terminal.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent();
    lab::cli::main(project.unwrap_or(Path::new(".")))
}
