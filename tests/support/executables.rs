//! The executables: where they come from, and how they are built.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::run;
use crate::story::{fail, headline, is_quiet, skip};

/// What a person types to start it.
pub(crate) fn command_shown(name: &str, path: &Path) -> String {
    match programs_folder() {
        Some(_) => path.display().to_string(),
        None => format!("cargo run --bin {name} --"),
    }
}

/// A command of the kit as it is typed where `LAB_PROGRAMS` names other executables.
pub(crate) fn as_run_here(command: &str) -> String {
    const CARGO: &str = "cargo run --bin ";
    let (Some(folder), Some((before, call))) = (programs_folder(), command.split_once(CARGO))
    else {
        return command.to_owned();
    };
    let (name, arguments) = call.split_once(' ').unwrap_or((call, ""));
    let arguments = arguments.strip_prefix("-- ").unwrap_or(arguments);
    format!("{before}{} {arguments}", folder.join(name).display()).trim_end().to_owned()
}

/// The executable of a program: the one in `LAB_PROGRAMS`, or the kit's own, built now.
pub fn path_of(name: &'static str) -> PathBuf {
    if let Some(folder) = programs_folder() {
        let path = folder.join(name);
        let mode = path.metadata().map(|data| data.permissions().mode());
        return match mode {
            Ok(mode) if mode & 0o111 != 0 => path,
            Ok(_) => fail(&format!("{} is not executable: chmod +x it", path.display())),
            Err(error) => {
                fail(&format!("LAB_PROGRAMS has no {name}: {}: {error}", path.display()))
            }
        };
    }
    match run::program(name) {
        Some(run::Program::Built(path)) => return path,
        Some(run::Program::Broken) => {
            let reason = format!("{name} does not compile");
            skip(&reason, None, &format!("cargo build --bin {name}"));
        }
        None => {}
    }
    static BUILT: Mutex<Option<HashMap<&'static str, Result<PathBuf, String>>>> =
        Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default().entry(name).or_insert_with(|| build(name));
    match built {
        Ok(path) => path.clone(),
        Err(complaint) => {
            // Once is enough; what a check says quietly is told later.
            let told = if is_quiet() { complaint.clone() } else { std::mem::take(complaint) };
            fail(&format!(
                "✗ {}\n  happened        {name} does not compile\n{told}  try it          \
                 cargo build --bin {name}",
                headline()
            ))
        }
    }
}

fn programs_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("LAB_PROGRAMS").filter(|folder| !folder.is_empty())?;
    // cargo runs a check in its package's folder; people mean the kit's.
    Some(root().join(folder))
}

/// The kit's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// Builds one program, so that another one that does not compile is no matter.
fn build(name: &str) -> Result<PathBuf, String> {
    let build = escargot::CargoBuild::new()
        .manifest_path(root().join("Cargo.toml"))
        .bin(name)
        .current_release();
    let messages = build.exec().map_err(|error| error.to_string())?;
    let (mut path, mut complaints) = (None, String::new());
    for message in messages {
        // The end of a failed build is an error of its own, after the compiler's.
        let Ok(message) = message else { continue };
        match message.decode() {
            Ok(escargot::format::Message::CompilerArtifact(artifact)) => {
                path = artifact.executable.map(|path| path.into_owned()).or(path);
            }
            Ok(escargot::format::Message::CompilerMessage(complaint)) => {
                if let escargot::format::diagnostic::DiagnosticLevel::Error =
                    complaint.message.level
                {
                    complaints
                        .push_str(complaint.message.rendered.as_deref().unwrap_or_default());
                }
            }
            _ => {}
        }
    }
    match path {
        Some(path) if complaints.is_empty() => Ok(path),
        _ => {
            Err(complaints.lines().take(20).fold(String::new(), |all, line| all + line + "\n"))
        }
    }
}

/// The keeper's executable, which cargo has built beside the checks.
pub(crate) fn keeper() -> PathBuf {
    if let Some(path) = std::env::var_os("CARGO_BIN_EXE_keeper") {
        return path.into();
    }
    let executable = std::env::current_exe().unwrap_or_default();
    // target/debug/deps/lab2_tcp-… and target/debug/keeper
    let folder = executable.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    folder.join("keeper")
}
