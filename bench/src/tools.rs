//! What is measured and what it is measured with: ours, built here, and what is installed.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use escargot::CargoBuild;
use tempfile::TempDir;

use crate::process;

/// Whose program: a column of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Party {
    Ours,
    Nginx,
    Lighttpd,
    Python,
    C,
    Curl,
    Wget,
}

impl Party {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ours,
        Self::Nginx,
        Self::Lighttpd,
        Self::Python,
        Self::C,
        Self::Curl,
        Self::Wget,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Nginx => "nginx",
            Self::Lighttpd => "lighttpd",
            Self::Python => "Python",
            Self::C => "C",
            Self::Curl => "curl",
            Self::Wget => "wget",
        }
    }
}

/// Our programs, each with its package.
const OURS: [(&str, &str); 4] = [
    ("socket-lab", "udp_server"),
    ("socket-lab", "tcp_server"),
    ("lab-http", "threaded_web_server"),
    ("lab-http", "http_client"),
];

/// The programs in C, in `limit/`.
const IN_C: [&str; 5] = ["udp", "tcp_messages", "tcp_threads", "http_threads", "measure"];

/// Programs that others made, each with the option that prints its version.
const INSTALLED: [(&str, &str); 7] = [
    ("wrk", "-v"),
    ("nginx", "-v"),
    ("lighttpd", "-v"),
    ("python3", "--version"),
    ("curl", "--version"),
    ("wget", "--version"),
    ("cc", "--version"),
];

/// Where servers are that are not in everybody's PATH.
const MORE_PATH: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

const TO_COMPILE: Duration = Duration::from_secs(60);
const TO_TELL_VERSION: Duration = Duration::from_secs(10);

/// All programs by name; what is missing, with why.
pub(crate) struct Tools {
    ours: BTreeMap<&'static str, PathBuf>,
    in_c: BTreeMap<&'static str, Result<PathBuf>>,
    installed: BTreeMap<&'static str, PathBuf>,
    /// A line for each: what it is, or that it is not installed.
    pub(crate) versions: Vec<String>,
    _compiled: TempDir,
}

impl Tools {
    /// Builds ours, compiles those in C, looks for the others.
    pub(crate) fn gather() -> Result<Self> {
        let mut versions = vec![format!("ours: {}", our_version())];
        let mut installed = BTreeMap::new();
        for (name, option) in INSTALLED {
            match find(name) {
                Some(path) => {
                    versions.push(format!("{name}: {}", version(&path, option)));
                    installed.insert(name, path);
                }
                None => versions.push(format!("{name}: not installed")),
            }
        }
        let compiled = tempfile::Builder::new().prefix("bench-limit-").tempdir()?;
        let cc = installed.get("cc");
        let in_c = IN_C.map(|name| (name, compile(cc, name, compiled.path()))).into();
        let ours = OURS
            .into_iter()
            .map(|(package, name)| Ok((name, build(package, name)?)))
            .collect::<Result<_>>()?;
        Ok(Self { ours, in_c, installed, versions, _compiled: compiled })
    }

    /// One of our programs.
    pub(crate) fn ours(&self, name: &str) -> Result<&Path> {
        self.ours.get(name).map(PathBuf::as_path).with_context(|| format!("no {name}"))
    }

    /// One of those in `limit/`.
    pub(crate) fn in_c(&self, name: &str) -> Result<&Path> {
        match self.in_c.get(name) {
            Some(Ok(path)) => Ok(path),
            Some(Err(error)) => Err(anyhow!("{error}")),
            None => Err(anyhow!("no {name}.c")),
        }
    }

    /// One that others made.
    pub(crate) fn installed(&self, name: &str) -> Result<&Path> {
        let path = self.installed.get(name).map(PathBuf::as_path);
        path.with_context(|| format!("{name} is not installed"))
    }
}

/// A file of this package.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn build(package: &str, name: &str) -> Result<PathBuf> {
    let manifest = source("../Cargo.toml");
    let built = CargoBuild::new().manifest_path(manifest).package(package).bin(name).release();
    let built = built.run().with_context(|| format!("cannot build {name}"))?;
    Ok(built.path().to_owned())
}

fn compile(cc: Option<&PathBuf>, name: &str, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(name);
    let mut command = Command::new(cc.context("cc is not installed")?);
    command.args(["-std=gnu11", "-O2", "-Wall", "-Wextra", "-pthread", "-o"]);
    command.arg(&path).arg(source(&format!("limit/{name}.c")));
    process::run(&mut command, TO_COMPILE)?;
    Ok(path)
}

/// Looks a command up. Python is often a script that looks for Python; starting that script
/// is not what is to be measured.
fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders = env::split_paths(&path).chain(MORE_PATH.map(PathBuf::from));
    let found = folders.find_map(|folder| {
        let file = folder.join(name);
        file.is_file().then_some(file)
    })?;
    if name != "python3" {
        return Some(found);
    }
    let mut command = Command::new(found);
    command.args(["-c", "import sys; print(sys.executable)"]);
    Some(process::run(&mut command, TO_TELL_VERSION).ok()?.trim().into())
}

/// The first words of what the program says about itself; some say it on stderr, some with
/// a status that means failure.
fn version(path: &Path, option: &str) -> String {
    let mut command = Command::new("sh");
    command.args(["-c", "\"$0\" \"$1\" 2>&1 || true"]).arg(path).arg(option);
    let said = process::run(&mut command, TO_TELL_VERSION).unwrap_or_default();
    let words: Vec<&str> = said.split_whitespace().take(3).collect();
    words.join(" ").trim_end_matches(" -").to_owned()
}

fn our_version() -> String {
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty"]).current_dir(source(".."));
    let commit = process::run(&mut git, TO_TELL_VERSION);
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let rustc = process::run(Command::new(rustc).arg("--version"), TO_TELL_VERSION);
    format!(
        "{}, commit {}, {}, release build",
        env!("CARGO_PKG_VERSION"),
        commit.as_deref().unwrap_or("unknown").trim(),
        rustc.as_deref().unwrap_or("rustc unknown").trim()
    )
}
