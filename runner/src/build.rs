//! Building the programs and the checks with cargo. Any program may not compile, which
//! costs only its own checks.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context, Result, bail, ensure};
use escargot::format::{Message, diagnostic::DiagnosticLevel};

use crate::check::Manner;

/// The executable that owns what a check starts.
const KEEPER: &str = "keeper";

/// What cargo has built.
pub(crate) struct Built {
    /// Each program.
    pub programs: BTreeMap<String, Program>,
    /// The executable of each lab's checks, by the name of their file.
    pub checks: BTreeMap<String, PathBuf>,
    /// The executable that owns what a check starts.
    pub keeper: PathBuf,
}

/// What has become of a program.
pub(crate) enum Program {
    /// It is there.
    Compiled {
        /// Its executable.
        executable: PathBuf,
        /// Whether it was compiled now, and not before.
        is_new: bool,
        /// How many warnings the compiler has.
        warnings: usize,
    },
    /// What the compiler says.
    Broken(String),
}

/// Builds these programs and these checks; `working_on` hears what cargo compiles.
///
/// # Errors
/// cargo cannot be run, the checks do not compile, or it was stopped.
pub(crate) fn build(
    root: &Path,
    programs: &BTreeSet<&str>,
    checks: &BTreeSet<&str>,
    manner: &Manner<'_>,
    working_on: impl Fn(&str) + Send + 'static,
) -> Result<Built> {
    // The cargo that has started us, if one has.
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let format = if manner.in_colour { "json-diagnostic-rendered-ansi" } else { "json" };
    cargo.args(["build", "--keep-going", "--message-format", format, "--color", "never"]);
    cargo.args(["--bin", KEEPER]);
    cargo.args(programs.iter().flat_map(|program| ["--bin", program]));
    cargo.args(checks.iter().flat_map(|checks| ["--test", checks]));
    cargo.current_dir(root).stdin(Stdio::null());
    cargo.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = manner.stop.start(&mut cargo).context("cannot run cargo")?;
    let said = child
        .stderr
        .take()
        .map(|stderr| thread::Builder::new().spawn(move || follow(stderr, working_on)));
    let mut messages = Messages::default();
    let lines = child.stdout.take().map(|stdout| BufReader::new(stdout).split(b'\n'));
    for line in lines.into_iter().flatten().map_while(Result::ok) {
        // What a build script prints stands among cargo's own.
        if let Ok(message) = serde_json::from_slice(&line) {
            messages.take(&message);
        }
    }
    let said = said.and_then(Result::ok).and_then(|said| said.join().ok()).unwrap_or_default();
    manner.stop.wait(&mut child).context("cannot run cargo")?;
    ensure!(!manner.stop.is_set(), "stopped");
    messages.into_built(programs, checks, &said)
}

/// cargo's own words: what it works on, and what it complains of.
fn follow(stderr: impl Read, working_on: impl Fn(&str)) -> String {
    let mut complaints = String::new();
    for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
        // The project may be in a folder with any name.
        let line = String::from_utf8_lossy(&line).into_owned();
        match line.trim_start().split_once(' ') {
            Some((verb @ ("Compiling" | "Downloading" | "Downloaded" | "Updating"), what)) => {
                let name = what.split(" (").next().unwrap_or(what);
                working_on(&format!("{} {name}", verb.to_lowercase()));
            }
            Some(("Blocking", what)) => working_on(&format!("blocked: {what}")),
            Some(("Finished" | "warning:", _)) => {}
            _ => complaints.push_str(&(line + "\n")),
        }
    }
    complaints
}

#[derive(Default)]
struct Messages {
    executables: BTreeMap<String, (PathBuf, bool)>,
    errors: BTreeMap<String, String>,
    warnings: BTreeMap<String, usize>,
    /// Errors of libraries, which are those of all that build on them.
    shared: String,
}

impl Messages {
    fn take(&mut self, message: &Message<'_>) {
        match message {
            Message::CompilerArtifact(artifact) => {
                if let Some(executable) = &artifact.executable {
                    let place = (executable.to_path_buf(), !artifact.fresh);
                    self.executables.insert(artifact.target.name.to_string(), place);
                }
            }
            Message::CompilerMessage(from) => {
                let target = from.target.name.to_string();
                let is_library =
                    !from.target.kind.iter().any(|kind| kind == "bin" || kind == "test");
                let text = from.message.rendered.as_deref().unwrap_or_default();
                // As people know it.
                let text = text.replace("src/http/../bin", "src/bin");
                match from.message.level {
                    DiagnosticLevel::Error if is_library => self.shared.push_str(&text),
                    DiagnosticLevel::Error => {
                        self.errors.entry(target).or_default().push_str(&text);
                    }
                    // The last one counts the others.
                    DiagnosticLevel::Warning if from.message.code.is_some() => {
                        *self.warnings.entry(target).or_default() += 1;
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn into_built(
        mut self,
        programs: &BTreeSet<&str>,
        checks: &BTreeSet<&str>,
        said: &str,
    ) -> Result<Built> {
        let mut executable = |name: &str| self.executables.remove(name);
        let built =
            checks.iter().map(|checks| Some((*checks).to_owned()).zip(executable(checks)));
        let Some(built) = built.collect::<Option<BTreeMap<_, _>>>() else {
            let errors: String =
                checks.iter().filter_map(|name| self.errors.get(*name)).cloned().collect();
            if errors.is_empty() {
                bail!("cargo cannot build the checks:\n{}{said}", self.shared);
            }
            bail!("the checks do not compile:\n{errors}");
        };
        let Some((keeper, _)) = executable(KEEPER) else {
            bail!("cargo cannot build the checks:\n{said}");
        };
        let compiled = programs.iter().map(|name| {
            let program = match executable(name) {
                Some((executable, is_new)) => Program::Compiled {
                    executable,
                    is_new,
                    warnings: self.warnings.get(*name).copied().unwrap_or_default(),
                },
                None => {
                    let words = self.errors.get(*name).unwrap_or(&self.shared).trim_end();
                    // As where the compiler itself has crashed.
                    Program::Broken(if words.is_empty() { said } else { words }.to_owned())
                }
            };
            ((*name).to_owned(), program)
        });
        Ok(Built {
            programs: compiled.collect(),
            checks: built.into_iter().map(|(name, (path, _))| (name, path)).collect(),
            keeper,
        })
    }
}
