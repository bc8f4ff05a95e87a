//! `cargo lab release`, on the small course in `tests/course/`.

#![expect(clippy::expect_used, reason = "a course that cannot be copied fails its test")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use assert_cmd::assert::Assert;
use predicates::str::{contains, is_empty};
use tempfile::TempDir;

/// A copy of the small course, to be changed.
struct Toy {
    folder: TempDir,
}

impl Toy {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/course");
        let mut files =
            lab::project::files_below(&original, Path::new("")).expect("the course");
        files.extend([".gitignore".into(), ".cargo/config.toml".into()]);
        for file in files {
            let copy = folder.path().join("course").join(&file);
            fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
            fs::copy(original.join(&file), copy).expect("a copy");
        }
        Self { folder }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("course").join(file)
    }

    /// Puts `new` in the place of `old` in one of its files.
    fn change(self, file: &str, old: &str, new: &str) -> Self {
        let text = fs::read_to_string(self.path(file)).expect("a file of the course");
        assert!(text.contains(old), "{file} has no {old}");
        fs::write(self.path(file), text.replacen(old, new, 1)).expect("a changed file");
        self
    }

    fn kit(&self) -> PathBuf {
        self.folder.path().join("kit")
    }

    fn in_kit(&self, file: &str) -> String {
        fs::read_to_string(self.kit().join(file)).expect(file)
    }

    fn release(&self, more: &[&str]) -> Assert {
        self.released(|lab| lab.args(more))
    }

    /// Releases it in an environment of its own.
    fn released(&self, with: impl FnOnce(&mut Command) -> &mut Command) -> Assert {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab-instructor"));
        lab.arg("--project").arg(self.path("")).arg("release").arg(self.kit());
        with(&mut lab);
        assert_cmd::Command::from_std(lab).assert()
    }

    /// Nothing is released, and this is told.
    fn is_faulty(&self, fault: &str) {
        self.release(&[]).failure().stdout(is_empty()).stderr(contains(fault));
        assert!(!self.kit().exists(), "a kit was written in spite of: {fault}");
    }
}

/// What git says of the kit.
fn git(kit: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("GIT_")) {
        git.env_remove(name);
    }
    let output = git.args(arguments).current_dir(kit).output().expect("git");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn the_kit_has_what_students_need_and_nothing_else() {
    let toy = Toy::new();
    toy.release(&[]).success().stdout(contains("with 3 steps to be done"));
    let files = lab::project::files_below(&toy.kit(), Path::new("")).expect("the kit");
    let files: Vec<_> = files.iter().map(|file| file.to_string_lossy().into_owned()).collect();
    for file in [".cargo/config.toml", ".gitignore"] {
        assert!(toy.kit().join(file).exists(), "{file} is missing");
    }
    let expected = [
        "Cargo.lock",
        "Cargo.toml",
        "GUIDE.md",
        "LICENSE",
        "README.md",
        "clippy.toml",
        "labs/1-echo/README.md",
        "labs/1-echo/lab.toml",
        "labs/2-files/README.md",
        "labs/2-files/lab.toml",
        "runner/Cargo.toml",
        "runner/src/main.rs",
        "runner/starter/solved.txt",
        "runner/starter/src/bin/echo.rs.given",
        "runner/starter/src/bin/files.rs.given",
        "rustfmt.toml",
        "src/bin/echo.rs",
        "src/bin/files.rs",
        "tests/Cargo.toml",
        "tests/clippy.toml",
        "tests/lab1_echo.rs",
        "tests/lab2_files.rs",
        "tests/support/lib.rs",
        "www/index.html",
    ];
    assert_eq!(files, expected);
}

#[test]
fn starters_stand_in_place_of_solutions() {
    let toy = Toy::new();
    toy.release(&[]).success();
    let echo = "\
fn main() {
    // Fill in start 1.1: listen
    todo!(\"1.1: listen\")
    // Fill in end 1.1
}

fn answer() {
    // Fill in start 1.2: answer
    // Fill in end 1.2
}
";
    assert_eq!(toy.in_kit("src/bin/echo.rs"), echo);
    assert_eq!(toy.in_kit("runner/starter/src/bin/echo.rs.given"), echo);
    assert_eq!(toy.in_kit("runner/starter/solved.txt"), "");
    let readme = toy.in_kit("README.md");
    assert!(!readme.contains("solved"), "nothing is solved: {readme}");
}

#[test]
fn solved_labs_keep_their_solutions() {
    for (labs, kept, told) in [
        ("1", ["1.1", "1.2"].as_slice(), "Lab 1 is solved in this kit."),
        ("2", &["2.1"], "Lab 2 is solved in this kit."),
        ("1-2", &["1.1", "1.2", "2.1"], "Labs 1, 2 are solved in this kit."),
    ] {
        let toy = Toy::new();
        toy.release(&["--solved", labs]).success();
        let sources = toy.in_kit("src/bin/echo.rs") + &toy.in_kit("src/bin/files.rs");
        for step in ["1.1", "1.2", "2.1"] {
            let is_there = sources.contains(&format!("the solution of {step}"));
            assert_eq!(is_there, kept.contains(&step), "{step} with --solved {labs}");
        }
        assert!(!sources.contains("instead"), "{sources}");
        let solved = toy.in_kit("runner/starter/solved.txt");
        assert_eq!(solved.lines().collect::<Vec<_>>(), kept);
        assert!(toy.in_kit("README.md").lines().any(|line| line == told), "{told}");
    }
}

#[test]
fn labs_that_are_not_there_cannot_be_solved() {
    let toy = Toy::new();
    for (labs, why) in [
        ("3", "there is no lab 3"),
        ("0", "names no labs"),
        ("2-1", "names no labs"),
        ("one", "names no labs"),
        ("", "names no labs"),
    ] {
        toy.release(&["--solved", labs]).failure().stderr(contains(why));
        assert!(!toy.kit().exists());
    }
}

#[test]
fn the_kit_is_a_repository_with_one_commit() {
    let toy = Toy::new();
    toy.release(&[]).success();
    assert_eq!(git(&toy.kit(), &["rev-list", "--count", "--all"]), "1");
    assert_eq!(git(&toy.kit(), &["status", "--porcelain"]), "");
    assert_eq!(git(&toy.kit(), &["branch", "--show-current"]), "main");
}

#[test]
fn the_kit_is_the_same_whatever_is_configured_for_git() {
    let toy = Toy::new();
    let home = toy.folder.path().join("home");
    let hooks = home.join("hooks");
    fs::create_dir_all(&hooks).expect("a folder");
    executable(&hooks.join("pre-commit"), "#!/bin/sh\nexit 1\n");
    fs::write(home.join("ignored"), "*.toml\n").expect("a file");
    let configuration = format!(
        "[core]\n hooksPath = {}\n excludesFile = {}\n[commit]\n gpgsign = true\n",
        hooks.display(),
        home.join("ignored").display()
    );
    fs::write(home.join(".gitconfig"), configuration).expect("a configuration");
    let variables = [("GIT_DIR", "/nowhere"), ("GIT_AUTHOR_NAME", "Somebody")];
    toy.released(|lab| lab.env("GIT_CONFIG_GLOBAL", home.join(".gitconfig")).envs(variables))
        .success();
    assert_eq!(git(&toy.kit(), &["log", "--format=%an, %cn"]), "Socket lab, Socket lab");
    let committed = git(&toy.kit(), &["ls-files"]);
    assert!(committed.contains("Cargo.toml") && committed.contains(".cargo/config.toml"));
}

#[test]
fn nothing_is_left_of_a_kit_that_cannot_be_finished() {
    let toy = Toy::new();
    executable(&toy.folder.path().join("git"), "#!/bin/sh\nexit 1\n");
    let paths = std::env::var("PATH").expect("a path");
    let path = format!("{}:{paths}", toy.folder.path().display());
    let release = || {
        toy.released(|lab| lab.env("PATH", &path)).failure().stderr(contains("git failed"));
    };
    release();
    assert!(!toy.kit().exists(), "the kit's folder is left");
    fs::create_dir(toy.kit()).expect("a folder");
    release();
    assert_eq!(fs::read_dir(toy.kit()).expect("the folder is left").count(), 0);
}

fn executable(path: &Path, content: &str) {
    fs::write(path, content).expect("a script");
    fs::set_permissions(path, Permissions::from_mode(0o755)).expect("an executable script");
}

#[test]
fn what_somebody_left_lying_is_in_no_kit() {
    let toy = Toy::new();
    for file in ["www/.DS_Store", "src/bin/.echo.rs.swp", "labs/.DS_Store", "labs/notes.txt"] {
        fs::write(toy.path(file), "not for students").expect("a file");
    }
    toy.release(&[]).success();
    let files = git(&toy.kit(), &["ls-files"]);
    for name in ["DS_Store", "swp", "notes.txt"] {
        assert!(!files.contains(name), "{name} is in the kit: {files}");
    }

    let toy = Toy::new();
    symlink("/etc/hostname", toy.path("www/link.txt")).expect("a link");
    toy.is_faulty("www/link.txt is neither a file nor a folder");

    let toy = Toy::new();
    git(&toy.path(""), &["init", "--quiet"]);
    git(&toy.path(""), &["add", "--all"]);
    fs::write(toy.path("src/bin/echo_old.rs"), "fn main() {}").expect("a file");
    toy.is_faulty("src/bin/echo_old.rs would be in the kit, and git does not know it");
    fs::remove_file(toy.path("src/bin/echo_old.rs")).expect("a file that is there");
    toy.release(&[]).success();
}

#[test]
fn a_kit_is_no_part_of_the_project() {
    let toy = Toy::new();
    for folder in ["kit", "www", "not/there/yet"] {
        let mut lab = Command::new(env!("CARGO_BIN_EXE_lab-instructor"));
        lab.arg("--project").arg(toy.path("")).args(["release", folder]);
        let lab = assert_cmd::Command::from_std(lab).current_dir(toy.path("")).assert();
        lab.failure().stderr(contains("is within the project"));
    }
}

#[test]
fn cargo_finds_nothing_missing_in_the_kit() {
    let toy = Toy::new();
    toy.release(&[]).success();
    let manifest = toy.in_kit("Cargo.toml");
    assert!(!manifest.contains("secret") && !manifest.contains("fuzz"), "{manifest}");
    assert!(!toy.in_kit("tests/Cargo.toml").contains("hidden"));
    let settings = toy.in_kit(".cargo/config.toml");
    assert!(settings.contains("lab = \"run --quiet --package lab --\""), "{settings}");
    assert!(settings.contains("RUST_TEST_THREADS"), "{settings}");
    assert!(!toy.in_kit("runner/Cargo.toml").contains("secret"), "of tests that stay behind");
    assert!(!toy.in_kit("Cargo.lock").contains("secret"));
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
    assert_cmd::Command::from_std(cargo).current_dir(toy.kit()).assert().success();
}

#[test]
fn nothing_is_written_over() {
    let toy = Toy::new();
    fs::create_dir(toy.kit()).expect("a folder");
    fs::write(toy.kit().join("mine.txt"), "mine").expect("a file");
    toy.release(&[]).failure().stderr(contains("is not empty, and nothing is written over"));
    assert_eq!(toy.in_kit("mine.txt"), "mine");
    assert_eq!(fs::read_dir(toy.kit()).expect("a folder").count(), 1);

    fs::remove_file(toy.kit().join("mine.txt")).expect("a file that is there");
    toy.release(&[]).success(); // into an empty folder
    toy.release(&[]).failure();
    fs::remove_dir_all(toy.kit()).expect("a kit that is there");
    fs::write(toy.kit(), "a file").expect("a file");
    toy.release(&[]).failure().stderr(contains("cannot be the kit's folder"));
    assert_eq!(fs::read_to_string(toy.kit()).expect("a file"), "a file");
}

#[test]
fn faults_of_marks_are_told_with_file_and_line() {
    let echo = "src/bin/echo.rs";
    for (old, new, fault) in [
        ("// Fill in end 1.1", "", "src/bin/echo.rs:9: step 1.2 begins within step 1.1"),
        ("// Fill in end 1.2", "", "src/bin/echo.rs:9: step 1.2 has no end"),
        ("start 1.1", "start", "src/bin/echo.rs:2: \"start:\" is no mark"),
        ("start 1.1", "start one", "src/bin/echo.rs:2: \"one\" is no number of a step"),
        ("start 1.2", "start 1.3", "src/bin/echo.rs:11: the end of step 1.2 stands within"),
    ] {
        Toy::new().change(echo, old, new).is_faulty(fault);
    }
    let twice = Toy::new().change("src/bin/files.rs", "start 2.1", "start 1.2");
    twice
        .change("src/bin/files.rs", "end 2.1", "end 1.2")
        .change("src/bin/files.rs", "todo!(\"2.1", "todo!(\"1.2")
        .is_faulty("src/bin/files.rs:2: step 1.2 is marked in src/bin/echo.rs:9 too");
}

#[test]
fn a_step_has_a_mark_a_heading_and_a_check() {
    let (plan, handout) = ("labs/1-echo/lab.toml", "labs/1-echo/README.md");
    let no_mark =
        Toy::new().change("src/bin/files.rs", "// Fill in start 2.1: find the file", "");
    let no_mark = no_mark.change("src/bin/files.rs", "// Fill in end 2.1", "");
    no_mark
        .change("src/bin/files.rs", "// Fill in instead: todo!(\"2.1: find the file\")", "")
        .is_faulty("labs/2-files/lab.toml:9: no program has marks of step 2.1");

    let third = "\n// Fill in start 1.3: more\n// Fill in end 1.3\n\nfn answer";
    Toy::new()
        .change("src/bin/echo.rs", "\nfn answer", third)
        .is_faulty("src/bin/echo.rs:8: step 1.3 is in no lab.toml");
    Toy::new()
        .change(handout, "### 1.2 Answering", "### Answering")
        .is_faulty("src/bin/echo.rs:9: step 1.2 has no heading in labs/1-echo/README.md");
    Toy::new()
        .change(handout, "## How it is checked", "### 1.3 More")
        .is_faulty("labs/1-echo/README.md:25: step 1.3 is not in labs/1-echo/lab.toml");
    Toy::new()
        .change(plan, "  { name = \"it_answers\", points = 40 },\n", "")
        .is_faulty("labs/1-echo/lab.toml:15: no check of step 1.2 has points");
}

#[test]
fn checks_are_those_that_are_there() {
    let plan = "labs/1-echo/lab.toml";
    Toy::new()
        .change(plan, "it_starts", "it_begins")
        .is_faulty("labs/1-echo/lab.toml:12: tests/lab1_echo.rs has no check it_begins");
    Toy::new()
        .change("tests/lab1_echo.rs", "#[test]\n", "#[test]\nfn it_ends() {}\n\n#[test]\n")
        .is_faulty("tests/lab1_echo.rs:2: it_ends is not in labs/1-echo/lab.toml");
    Toy::new()
        .change("tests/Cargo.toml", "name = \"lab1_echo\"", "name = \"lab1\"")
        .is_faulty("lab.toml:1: tests/Cargo.toml has no [[test]] of the name lab1_echo");
    Toy::new()
        .change(plan, "given = [", "given = [\"it_answers\", ")
        .is_faulty("labs/1-echo/lab.toml:19: it_answers stands here twice");
}

#[test]
fn programs_are_those_that_are_there() {
    Toy::new()
        .change("labs/1-echo/lab.toml", "[\"echo\"]", "[\"ecco\"]")
        .is_faulty("labs/1-echo/lab.toml:1: there is no src/bin/ecco.rs, nor a folder of that");
}

#[test]
fn handouts_and_books_tell_what_lab_toml_says() {
    let handout = "labs/1-echo/README.md";
    for (file, old, new, fault) in [
        ("labs/1-echo/lab.toml", "minutes = 10\ngiven", "minutes = 11\ngiven", "GUIDE.md:5: "),
        (handout, "Points: 60", "Points: 61", "README.md:1: no line says \"Time: about 40"),
        (handout, "10 minutes · 20", "10 minutes · 21", "README.md:9: no line of step 1.1"),
        (
            handout,
            "bin/echo.rs) · 10",
            "bin/files.rs) · 10",
            "README.md:9: no line of step 1.1",
        ),
        (handout, "| 1.1 | 20 |", "| 1.1 | 10 |", "no row of its table of points begins with"),
        (handout, "check 1.1", "check 1.2", "README.md:9: no line of step 1.1 is \"cargo lab"),
        (
            handout,
            "check 1.2\n",
            "check 1.2\n```\n[a](../../src/a.rs) [b](../../src/b.rs#c) [g](../../GUIDE.md)\n",
            "README.md:17: step 1.2 sends its reader to src/a.rs, src/b.rs, src/bin/echo.rs",
        ),
        ("GUIDE.md", "| 25 | 40 |", "| 25 | 41 |", "GUIDE.md:6: this row does not end with"),
        ("GUIDE.md", "](labs/2-files", "](labs/2-file", "GUIDE.md:1: no row of a table has"),
        ("GUIDE.md", "| 65 | 100 |", "| 60 | 100 |", "GUIDE.md:7: this row does not end with"),
    ] {
        Toy::new().change(file, old, new).is_faulty(fault);
    }
}

#[test]
fn what_is_wrong_in_lab_toml_is_told_with_its_line() {
    let plan = "labs/1-echo/lab.toml";
    for (old, new, fault) in [
        ("format_version = 1", "format_version = 2", "lab.toml:1: format_version is 2"),
        ("points = 20", "points = 10", "lab.toml:1: the points of the labs are 50 + 40 = 90"),
        ("points = 20", "points = \"20\"", "lab.toml:12: invalid type"),
        ("number = \"1.2\"", "number = \"1.3\"", "lab.toml:15: this is step 1.2"),
        (", \"three\"]", "]", "lab.toml:9: step 1.1 needs 3 hints"),
        ("minutes = 20", "minutes = 0", "lab.toml:15: step 1.2 takes no time"),
        ("[[step]]", "[[steps]]", "lab.toml:8: unknown field `steps`"),
    ] {
        Toy::new().change(plan, old, new).is_faulty(fault);
    }
}
