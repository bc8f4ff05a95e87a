//! A small kit, to be changed and asked: `kit/`, with the real support of the
//! checks.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Once;
use std::time::{Duration, Instant};

use lab::marks::Marked;
use lab::places::{GIVEN, SOLVED, kept_as};
use lab::project::files_below;
use nix::fcntl::{Flock, FlockArg};

/// How long a test waits for what must come. Only a wrong `cargo lab` makes it wait so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A kit in a folder that all tests share, one after another: so the crates that the checks
/// need are built once.
pub(crate) struct Kit {
    root: PathBuf,
    _turn: Flock<File>,
}

/// What a call of `cargo lab` ended with.
pub(crate) struct Said {
    /// What it wrote to stdout.
    pub(crate) stdout: String,
    /// What it wrote to stderr.
    pub(crate) stderr: String,
    /// Its exit status; `None` if a signal has killed it.
    pub(crate) status: Option<i32>,
}

impl Kit {
    /// As students get it.
    pub(crate) fn fresh() -> Self {
        Self::solved(&[])
    }

    /// With these steps done by the student.
    pub(crate) fn solved(steps: &[&str]) -> Self {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock = OpenOptions::new().create(true).append(true).open(scratch.join("kit.lock"));
        let turn = Flock::lock(lock.expect("a lock"), FlockArg::LockExclusive).expect("a turn");
        let kit = Self { root: scratch.join("kit"), _turn: turn };
        // Crates are built outside any limit of a test.
        static BUILT: Once = Once::new();
        BUILT.call_once(|| {
            kit.write(|_| true, "");
            kit.lab(&["check"]).ends_with(0);
        });
        kit.write(|step| steps.contains(&step.to_string().as_str()), "");
        kit
    }

    /// Puts all files in place and takes away what is none of them. What is the same stays
    /// untouched, so that cargo need not build it again.
    fn write(&self, is_done: impl Fn(lab::course::StepNumber) -> bool, given_solved: &str) {
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verbs/kit");
        let mut files = BTreeMap::new();
        for file in files_below(&original, Path::new("")).expect("the small kit") {
            let text = fs::read_to_string(original.join(&file)).expect("a file of it");
            if file.starts_with("src") {
                let marked = Marked::read(&file, &text).expect("marks");
                let given = marked.with_solutions(|_| false);
                files.insert(Path::new(GIVEN).join(kept_as(&file)), given);
                files.insert(file.clone(), marked.with_solutions(&is_done));
            } else if file == Path::new("tests/Cargo.toml") {
                files.insert(file, manifest_of_checks(&text));
            } else {
                files.insert(file, text);
            }
        }
        files.insert(SOLVED.into(), given_solved.to_owned());
        for folder in ["labs", "runner", "src", "tests"] {
            let there = files_below(&self.root, Path::new(folder)).unwrap_or_default();
            for file in there.iter().filter(|file| !files.contains_key(*file)) {
                fs::remove_file(self.root.join(file)).expect("a file that is there");
            }
        }
        let _ = fs::remove_dir_all(self.root.join(".lab"));
        for (file, text) in files {
            self.put(file.to_str().expect("a name"), &text);
        }
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.lock");
        self.put("Cargo.lock", &fs::read_to_string(lock).expect("the lock file"));
    }

    /// A file of it.
    pub(crate) fn path(&self, file: &str) -> PathBuf {
        self.root.join(file)
    }

    /// What is in a file.
    pub(crate) fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Writes a file, unless it has that text already.
    pub(crate) fn put(&self, file: &str, text: &str) {
        let path = self.path(file);
        if fs::read_to_string(&path).ok().as_deref() != Some(text) {
            fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            fs::write(path, text).expect("a file");
        }
    }

    /// Puts `new` in the place of `old` in one of its files.
    pub(crate) fn change(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "{file} has no {old}");
        self.put(file, &text.replacen(old, new, 1));
    }

    /// What a student writes between the marks of a step.
    pub(crate) fn fill_in(&self, file: &str, step: &str, code: &str) {
        let text = self.read(file);
        let marked = Marked::read(Path::new(file), &text).expect("marks");
        let step = step.parse().expect("a step");
        self.put(file, &marked.with_content(step, &format!("{code}\n")));
    }

    /// `cargo lab` with these arguments.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"));
        lab.arg("--project").arg(&self.root).args(arguments).stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LAB_")) {
            lab.env_remove(name);
        }
        // All that is needed has been fetched for the tests themselves.
        lab.env("CARGO_NET_OFFLINE", "true").env("CARGO_TARGET_DIR", self.root.join("target"));
        for name in ["RUST_BACKTRACE", "NO_COLOR", "CLICOLOR_FORCE", "CARGO_BUILD_TARGET_DIR"] {
            lab.env_remove(name);
        }
        lab
    }

    /// Runs `cargo lab` to its end.
    pub(crate) fn lab(&self, arguments: &[&str]) -> Said {
        said(self.command(arguments).output().expect("cargo lab"))
    }
}

/// What came of a call.
pub(crate) fn said(output: Output) -> Said {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Said {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        status: output.status.code(),
    }
}

/// The small kit's checks have the real support, and need what that needs.
fn manifest_of_checks(text: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let real =
        fs::read_to_string(tests.join("Cargo.toml")).expect("the manifest of the checks");
    let (_, dependencies) = real.split_once("[dependencies]\n").expect("dependencies");
    let (dependencies, _) = dependencies.split_once("\n[").expect("another table");
    // Comments between tables are none of the dependencies.
    let dependencies: String = dependencies
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.to_owned() + "\n")
        .collect();
    let support = tests.join("support").canonicalize().expect("the support of the checks");
    text.replace("# Those of the real checks.", &dependencies)
        .replace("SUPPORT", support.to_str().expect("a path"))
}

/// Waits until `is_so`, which must come.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "not so after {PATIENCE:?}: {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The processes whose command line has `word` as an argument.
pub(crate) fn processes_with(word: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let has_word = |id: &u32| {
        let line = fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == word.as_bytes())
    };
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(has_word).collect()
}
