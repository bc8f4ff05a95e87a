//! The students' kit: the project without its solutions, and without what is for
//! instructors.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, value};

use crate::agreement;
use lab::course::{Course, StepNumber};
use lab::fault::Faults;
use lab::marks::Marked;
use lab::places::{GIVEN, SOLVED as SOLVED_STEPS, kept_as};
use lab::project::{self, SOURCES, files_below};

/// The kit's README is its own.
const README: &str = include_str!("../kit/README.md");

/// The place in it that tells which labs are solved.
const SOLVED: &str = "<!-- solved -->\n";

/// Files that go into the kit as they are.
const FILES: &[&str] = &[
    ".gitignore",
    "Cargo.lock",
    "GUIDE.md",
    "LICENSE",
    "clippy.toml",
    "rustfmt.toml",
    "tests/clippy.toml",
];

/// Folders that go into the kit whole.
const FOLDERS: &[&str] = &["runner/src", "tests/support", "www"];

/// Manifests and the like, from which what the kit has not is taken out.
const SETTINGS: &[&str] =
    &[".cargo/config.toml", "Cargo.toml", "runner/Cargo.toml", "tests/Cargo.toml"];

/// `cargo lab` in the kit, which has the verbs for students alone.
const LAB: &str = "run --quiet --package lab --";

/// The steps whose solutions stay in the kit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Solved(BTreeSet<StepNumber>);

impl Solved {
    /// All steps of these labs.
    pub fn labs(course: &Course, labs: &BTreeSet<u8>) -> Self {
        let labs = course.labs.iter().filter(|lab| labs.contains(&lab.number));
        Self(labs.flat_map(|lab| lab.numbers()).collect())
    }

    /// A line for students, if there are labs that they need not do.
    fn told(&self, course: &Course) -> String {
        let is_solved = |number| self.0.contains(&number);
        let labs = course.labs.iter().filter(|lab| lab.numbers().all(is_solved));
        let labs: Vec<_> = labs.map(|lab| lab.number.to_string()).collect();
        match &labs[..] {
            [] => String::new(),
            [lab] => format!("Lab {lab} is solved in this kit.\n"),
            _ => format!("Labs {} are solved in this kit.\n", labs.join(", ")),
        }
    }
}

impl FromIterator<StepNumber> for Solved {
    fn from_iter<Steps: IntoIterator<Item = StepNumber>>(steps: Steps) -> Self {
        Self(steps.into_iter().collect())
    }
}

/// The kit's files: their names, relative to its folder, and what is in them.
pub struct Kit(BTreeMap<PathBuf, Vec<u8>>);

impl Kit {
    /// The kit with these steps solved.
    ///
    /// # Errors
    /// Something is wrong with the course; see [`agreement::check`].
    pub fn of(course: &Course, solved: &Solved) -> Result<Self> {
        agreement::check(course)?;
        let mut kit = Self(BTreeMap::new());
        for file in FILES {
            kit.take(course, Path::new(file))?;
        }
        for folder in FOLDERS {
            for file in files_below(&course.root, Path::new(folder))? {
                kit.take(course, &file)?;
            }
        }
        for lab in &course.labs {
            for file in [lab.handout(), lab.file(), lab.checks()] {
                kit.take(course, &file)?;
            }
        }
        kit.take_sources(course, solved)?;
        kit.is_known_to_git(course)?;
        kit.keep_places()?;
        let steps: String = solved.0.iter().map(|step| format!("{step}\n")).collect();
        kit.0.insert(SOLVED_STEPS.into(), steps.into());
        let readme = README.replace(SOLVED, &solved.told(course));
        kit.0.insert("README.md".into(), readme.into());
        for file in SETTINGS {
            let text = project::read(&course.root, Path::new(file))?;
            let mut settings: DocumentMut =
                text.parse().with_context(|| format!("cannot read {file}"))?;
            kit.settle(Path::new(file), &mut settings);
            kit.0.insert(file.into(), settings.to_string().trim_start().into());
        }
        Ok(kit)
    }

    /// A file that somebody has left lying there, perhaps a solution, goes to no student.
    /// What is no clone cannot be asked.
    fn is_known_to_git(&self, course: &Course) -> Result<()> {
        let mut git = git(&course.root);
        let Ok(output) = git.args(["ls-files", "-z"]).output() else { return Ok(()) };
        if !output.status.success() {
            return Ok(());
        }
        let known: BTreeSet<&[u8]> = output.stdout.split(|byte| *byte == 0).collect();
        let mut files = self.0.keys();
        match files.find(|file| !known.contains(file.as_os_str().as_encoded_bytes())) {
            Some(file) => bail!(
                "{} would be in the kit, and git does not know it: git add it, or take it away",
                file.display()
            ),
            None => Ok(()),
        }
    }

    fn take(&mut self, course: &Course, file: &Path) -> Result<()> {
        let content = fs::read(course.root.join(file))
            .with_context(|| format!("cannot read {}", file.display()))?;
        self.0.insert(file.to_owned(), content);
        Ok(())
    }

    fn take_sources(&mut self, course: &Course, solved: &Solved) -> Result<()> {
        for file in files_below(&course.root, Path::new(SOURCES))? {
            if file.extension() == Some(OsStr::new("toml")) {
                self.take(course, &file)?;
            }
        }
        for (file, text) in project::sources(&course.root)? {
            match Marked::read(&file, &text) {
                Ok(marked) => {
                    let text = marked.with_solutions(|step| solved.0.contains(&step));
                    self.0.insert(file, text.into());
                }
                Err(faults) => Faults::none_in(faults)?,
            }
        }
        Ok(())
    }

    /// `cargo lab reset` has to know how a place was given.
    fn keep_places(&mut self) -> Result<()> {
        let mut kept = Vec::new();
        for (file, content) in self.files().filter(|(file, _)| file.starts_with(SOURCES)) {
            let text = str::from_utf8(content)?;
            let has_places = |marked: &Marked<'_>| marked.places().next().is_some();
            if Marked::read(file, text).is_ok_and(|marked| has_places(&marked)) {
                kept.push((Path::new(GIVEN).join(kept_as(file)), content.to_vec()));
            }
        }
        self.0.extend(kept);
        Ok(())
    }

    /// Takes out of cargo's settings what is not in the kit.
    fn settle(&self, file: &Path, settings: &mut DocumentMut) {
        let folder = file.parent().unwrap_or(Path::new(""));
        let has = |path: &str| {
            let path: PathBuf = folder.join(path).components().collect();
            path == Path::new(".") || self.0.keys().any(|file| file.starts_with(&path))
        };
        if let Some(alias) = settings.get_mut("alias").and_then(Item::as_table_like_mut) {
            alias.insert("lab", value(LAB));
        }
        // Their tests are not in the kit.
        if file.starts_with("runner") {
            settings.remove("dev-dependencies");
        }
        if let Some(tests) = settings.get_mut("test").and_then(Item::as_array_of_tables_mut) {
            tests.retain(|test| test.get("path").and_then(Item::as_str).is_none_or(&has));
        }
        let Some(workspace) = settings.get_mut("workspace").and_then(Item::as_table_mut) else {
            return;
        };
        for list in ["members", "default-members"] {
            if let Some(list) = workspace.get_mut(list).and_then(Item::as_array_mut) {
                list.retain(|member| member.as_str().is_none_or(&has));
                list.fmt();
            }
        }
        let is_empty =
            |list: &Array| list.iter().all(|member| !member.as_str().is_some_and(&has));
        if workspace.get("exclude").and_then(Item::as_array).is_some_and(is_empty) {
            workspace.remove("exclude");
        }
        if let Some(lints) = workspace.get_mut("lints").and_then(Item::as_table_mut) {
            let_starters_be(lints);
        }
    }

    /// Writes the kit to a folder that is not there yet, or empty, and commits it. If that
    /// fails, nothing is left of it.
    ///
    /// # Errors
    /// Something is there already, or it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let is_new = match fs::read_dir(folder) {
            Ok(mut entries) => {
                let shown = folder.display();
                ensure!(
                    entries.next().is_none(),
                    "{shown} is not empty, and nothing is written over"
                );
                false
            }
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => bail!("{} cannot be the kit's folder: {error}", folder.display()),
        };
        let written = self.write_files(folder).and_then(|()| {
            fit_the_lock_file(folder)?;
            commit(folder)
        });
        if written.is_err() && fs::remove_dir_all(folder).is_ok() && !is_new {
            // It was there, and empty.
            let _ = fs::create_dir(folder);
        }
        written
    }

    fn write_files(&self, folder: &Path) -> Result<()> {
        for (file, content) in self.files() {
            let path = folder.join(file);
            let shown = || format!("cannot write {}", path.display());
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(shown)?;
            }
            fs::write(&path, content).with_context(shown)?;
        }
        Ok(())
    }

    /// Each file's name, relative to the kit's folder, and what is in it.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.0.iter().map(|(file, content)| (file.as_path(), content.as_slice()))
    }
}

/// A starter has functions that nothing calls yet, and a loop that ends in its first turn.
/// They are no mistakes of the student's, and must not hide the warnings that matter.
fn let_starters_be(lints: &mut Table) {
    if let Some(rust) = lints.get_mut("rust").and_then(Item::as_table_mut) {
        let mut allow = InlineTable::new();
        allow.insert("level", "allow".into());
        allow.insert("priority", (-1).into());
        rust.insert("unused", value(allow));
        if let Some(mut key) = rust.key_mut("unused") {
            let why = "# Until all steps are done, there is code that nothing uses yet.\n";
            key.leaf_decor_mut().set_prefix(why);
        }
        rust.insert("unused_must_use", value("warn"));
    }
    if let Some(clippy) = lints.get_mut("clippy").and_then(Item::as_table_mut) {
        clippy.insert("never_loop", value("allow"));
    }
}

/// Takes out of `Cargo.lock` what only the left-out packages need.
fn fit_the_lock_file(folder: &Path) -> Result<()> {
    // The cargo that has started us, if one has.
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let update = |more: &[&str]| {
        let mut cargo = Command::new(&cargo);
        cargo.args(["update", "--workspace", "--quiet"]).args(more);
        run(cargo.current_dir(folder))
    };
    // Without the network if the crates are known, as they are to whoever has built this.
    update(&["--offline"]).or_else(|_| update(&[]))
}

/// Makes a repository with one commit.
fn commit(folder: &Path) -> Result<()> {
    let git = |arguments: &[&str]| run(git(folder).args(arguments));
    git(&["init", "--quiet", "--template=", "--initial-branch=main"])?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "--message=The socket lab kit"])
}

/// git in a folder, as if nobody had ever configured it: the kit belongs to the course, and
/// is the same whoever releases it.
fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    let variables = env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.as_encoded_bytes().starts_with(b"GIT_")) {
        git.env_remove(name);
    }
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    git.args(["-c", "user.name=Socket lab", "-c", "user.email=socket-lab@localhost"]);
    // On a shared disk the folder may be somebody else's.
    git.args(["-c", "safe.directory=*"]).current_dir(folder);
    git
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", said.trim_end());
    Ok(())
}
