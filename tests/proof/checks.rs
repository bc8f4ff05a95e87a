//! The checks, as executables, and one of them run on programs of somebody's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::env;
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::check::{Outcome, TIME_LIMIT};
use lab::course::{Course, Lab};
use lab::process::{self, Stop};
use tempfile::TempDir;

/// Most of a check's time is spent waiting, so there may be more of them than cores.
const AT_ONCE: usize = 12;

/// The checks of all labs, built.
pub struct Checks {
    /// The course that they are of.
    pub course: Course,
    /// Ends what runs.
    pub stop: Stop,
    executables: BTreeMap<u8, PathBuf>,
}

/// Programs by their names, which are not the kit's own.
#[derive(Clone)]
pub struct Programs {
    folder: Arc<TempDir>,
    /// The mistake that the museum's program makes, or how it goes about what it does.
    manner: String,
    /// Where their interpreter is looked for.
    path: Option<OsString>,
}

impl Checks {
    /// Builds the checks of all labs.
    ///
    /// # Errors
    /// The course cannot be read, or the checks do not compile.
    pub fn build(root: &Path) -> Result<Self> {
        let course = Course::read(root)?;
        let mut executables = BTreeMap::new();
        for lab in &course.labs {
            let executable =
                built(root, "checks", &lab.plan.test, |build| build.test(&lab.plan.test))?;
            executables.insert(lab.number, executable);
        }
        Ok(Self { course, stop: Stop::default(), executables })
    }

    /// The executable of a lab's checks.
    ///
    /// # Errors
    /// There is no such lab.
    pub fn executable(&self, lab: u8) -> Result<&Path> {
        let executable = self.executables.get(&lab);
        executable.map(PathBuf::as_path).with_context(|| format!("there is no lab {lab}"))
    }

    /// The labs that have a check of that name.
    pub fn labs_with(&self, check: &str) -> impl Iterator<Item = &Lab> {
        self.course.labs.iter().filter(move |lab| lab.jobs().any(|job| job.name == check))
    }

    /// Runs one check on programs.
    ///
    /// # Errors
    /// It cannot be run, takes longer than a check may, or tells nothing.
    pub fn one(&self, lab: u8, check: &str, programs: &Programs) -> Result<Outcome> {
        let mut command = Command::new(self.executable(lab)?);
        command.args([check, "--exact", "--nocapture", "--test-threads=1"]);
        command.current_dir(self.course.root.join("tests"));
        programs.give(&mut command);
        let limit = Duration::from_secs(TIME_LIMIT.into());
        let ended = process::run(&mut command, limit, &self.stop)
            .with_context(|| format!("lab {lab}, {check}"))?;
        Outcome::of(&ended).with_context(|| {
            format!("lab {lab}, {check}: neither passed nor told why:\n{}", ended.stderr)
        })
    }
}

impl Programs {
    /// The museum's program in the place of each of the kit's.
    ///
    /// # Errors
    /// It does not compile, or cannot be put there.
    pub fn of_the_museum(course: &Course) -> Result<Self> {
        let executable = built(&course.root, "museum", "museum", |build| build.bin("museum"))?;
        Self::linked(course, |_| executable.clone())
    }

    /// Those of a folder, which may have an extension (`udp_server.py`).
    ///
    /// # Errors
    /// One is not there.
    pub fn of_the_folder(course: &Course, folder: &Path) -> Result<Self> {
        let mut files = BTreeMap::new();
        for entry in folder.read_dir().with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if let Some(name) = path.file_stem().and_then(|name| name.to_str()) {
                files.insert(name.to_owned(), path);
            }
        }
        for program in programs(course) {
            ensure!(files.contains_key(program), "{} has no {program}", folder.display());
        }
        let programs = Self::linked(course, |program| files[program].clone())?;
        Ok(Self { path: Some(path_to_python()?), ..programs })
    }

    fn linked(course: &Course, executable: impl Fn(&str) -> PathBuf) -> Result<Self> {
        let folder = tempfile::tempdir().context("no folder for the programs")?;
        for program in programs(course) {
            symlink(executable(program), folder.path().join(program))?;
        }
        Ok(Self { folder: Arc::new(folder), manner: String::new(), path: None })
    }

    /// The same, in this manner.
    #[must_use]
    pub fn in_the_manner(&self, manner: &str) -> Self {
        Self { manner: manner.to_owned(), ..self.clone() }
    }

    fn give(&self, command: &mut Command) {
        command.env("LAB_PROGRAMS", self.folder.path());
        command.env("MUSEUM_EXHIBIT", &self.manner);
        // Python's compiled modules would stand beside the programs.
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command.envs(self.path.iter().map(|path| ("PATH", path)));
    }
}

/// PATH, with Python itself before any script that would choose one and start it, which may
/// take a second each time.
fn path_to_python() -> Result<OsString> {
    let mut python = Command::new("python3");
    python.args(["-c", "import sys; print(sys.executable)"]);
    let output = python.output().context("python3 is needed for its right programs")?;
    let executable = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let folder = executable.parent().map(Path::to_owned);
    let path = env::var_os("PATH").unwrap_or_default();
    Ok(env::join_paths(folder.into_iter().chain(env::split_paths(&path)))?)
}

/// The names of all programs of the course, each once.
pub fn programs(course: &Course) -> impl Iterator<Item = &str> {
    let programs = course.labs.iter().flat_map(|lab| &lab.plan.programs);
    let names: BTreeSet<&str> = programs.map(String::as_str).collect();
    names.into_iter()
}

/// Does something with each of these, many at once, and collects what comes of it, in the
/// order of what is done.
///
/// # Errors
/// A thread cannot be made.
pub fn side_by_side<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Result<Vec<R>> {
    let count = items.len();
    let queue: Mutex<VecDeque<(usize, T)>> =
        Mutex::new(items.into_iter().enumerate().collect());
    let done = Mutex::new(BTreeMap::new());
    let worker = || {
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some((index, item)) = next else { break };
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).insert(index, result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(count) {
            thread::Builder::new().spawn_scoped(scope, worker)?;
        }
        anyhow::Ok(())
    })?;
    Ok(done.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect())
}

/// Builds the kit's own programs.
///
/// # Errors
/// One does not compile.
pub fn build_the_kit(root: &Path) -> Result<()> {
    let build = escargot::CargoBuild::new().manifest_path(root.join("Cargo.toml")).bins();
    for message in build.exec()? {
        message.context("the kit's programs do not compile")?;
    }
    Ok(())
}

/// Builds one target of a package of this workspace.
///
/// # Errors
/// It does not compile.
fn built(
    root: &Path,
    package: &str,
    name: &str,
    target: impl FnOnce(escargot::CargoBuild) -> escargot::CargoBuild,
) -> Result<PathBuf> {
    let build = escargot::CargoBuild::new().manifest_path(root.join("Cargo.toml"));
    let messages = target(build.package(package)).exec()?;
    let mut executable = None;
    for message in messages {
        let message = message.with_context(|| format!("{name} does not compile"))?;
        if let Ok(escargot::format::Message::CompilerArtifact(artifact)) = message.decode()
            && artifact.target.name == name
        {
            executable = artifact.executable.map(|path| path.into_owned()).or(executable);
        }
    }
    executable.with_context(|| format!("{name} has no executable"))
}
