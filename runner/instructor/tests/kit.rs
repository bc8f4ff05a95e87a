//! The kit of this course: what students get builds, each step is told by its checks, and
//! with all solutions it is the project.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a kit that cannot be made fails its test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};

use instructor::release::{Kit, Solved};
use lab::course::{Course, Lab, StepNumber};
use lab::marks::Marked;
use lab::places::GIVEN;
use lab::project::SOURCES;
use serde_json::Value;
use tempfile::TempDir;

/// What is in the project and not in the kit, or other than in the project.
const NOT_FOR_STUDENTS: &[&str] = &[
    ".ci",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "INSTRUCTORS.md",
    "README.md",
    "bench",
    "fuzz",
    "runner/instructor",
    "runner/tests",
    "src/http/CONFORMANCE.md",
    "tests/README.md",
    "tests/conformance.rs",
    "tests/details.rs",
    "tests/manuals.rs",
    "tests/museum",
    "tests/oracle",
    "tests/proof",
    "tests/real_world",
    "tests/siege",
];

/// Settings, from which what is not in the kit is taken out.
const SETTINGS: &[&str] = &[
    ".cargo/config.toml",
    "Cargo.lock",
    "Cargo.toml",
    "runner/Cargo.toml",
    "tests/Cargo.toml",
];

fn course() -> Course {
    let project =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the project's folder");
    Course::read(project).expect("the course")
}

fn all_steps(course: &Course) -> Vec<StepNumber> {
    course.labs.iter().flat_map(Lab::numbers).collect()
}

fn kit(course: &Course, solved: impl IntoIterator<Item = StepNumber>) -> Kit {
    Kit::of(course, &Solved::from_iter(solved)).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn with_all_solutions_the_kit_is_the_project() {
    let course = course();
    let kit = kit(&course, all_steps(&course));
    let mut released: BTreeMap<&Path, &[u8]> = kit.files().collect();
    for file in project_files(&course.root) {
        let content = fs::read(course.root.join(&file)).expect("a file of the project");
        let kept_back = NOT_FOR_STUDENTS.iter().any(|kept_back| file.starts_with(kept_back))
            || file.file_name() == Some(OsStr::new("answers.md"));
        let Some(given) = released.remove(file.as_path()) else {
            assert!(kept_back, "{} is not in the kit", file.display());
            continue;
        };
        if file == Path::new("README.md") || SETTINGS.iter().any(|its| file == Path::new(its)) {
            continue;
        }
        assert!(!kept_back, "{} is in the kit", file.display());
        let without_starters: Vec<u8> = content
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| {
                let is_starter = line.trim_ascii_start().starts_with(b"// Fill in instead:");
                !(is_starter && file.starts_with(SOURCES))
            })
            .flatten()
            .copied()
            .collect();
        assert!(given == without_starters, "{} is another one in the kit", file.display());
    }
    let invented: Vec<_> = released.keys().filter(|file| !file.starts_with(GIVEN)).collect();
    assert!(invented.is_empty(), "in the kit, and not in the project: {invented:?}");
}

#[test]
fn a_starter_differs_between_its_marks_alone() {
    let course = course();
    let (starters, solved) = (kit(&course, []), kit(&course, all_steps(&course)));
    for ((file, starter), (_, solved)) in starters.files().zip(solved.files()) {
        if !file.starts_with(SOURCES) || file.extension() != Some(OsStr::new("rs")) {
            continue;
        }
        let text = |bytes| str::from_utf8(bytes).expect("a source file");
        let (starter, solved) = (text(starter), text(solved));
        let solution = Marked::read(file, solved).unwrap_or_else(|faults| panic!("{faults:?}"));
        let places: Vec<_> = solution.places().collect();
        let marked = Marked::read(file, starter).unwrap_or_else(|faults| panic!("{faults:?}"));
        for (place, its) in marked.places().zip(&places) {
            assert_eq!((place.step, place.what), (its.step, its.what));
        }
        assert_eq!(marked.places().count(), places.len(), "{}", file.display());
        let outside = |text: &str| -> Vec<String> {
            let mut inside = false;
            let lines = text.lines().filter(|line| {
                let line = line.trim_start();
                inside |= line.starts_with("// Fill in start");
                inside &= !line.starts_with("// Fill in end");
                !inside
            });
            lines.map(str::to_owned).collect()
        };
        assert_eq!(outside(starter), outside(solved), "{}", file.display());
    }
}

#[test]
#[ignore = "builds the kit twice and runs its checks for each step: some minutes"]
fn each_step_is_told_by_its_checks_until_it_is_done() {
    let course = course();
    let bench = Bench::new(&course);
    let mut wrong = Vec::new();
    for lab in &course.labs {
        // The stories of the step that is next.
        let mut stories = BTreeMap::new();
        for done in 0..=u8::try_from(lab.plan.steps.len()).expect("some steps") {
            let last = StepNumber { lab: lab.number, step: done };
            let steps = all_steps(&course).into_iter();
            bench.put(&kit(&course, steps.filter(|step| *step <= last)));
            let run = bench.check(lab);
            for (step, points, check) in checks(lab) {
                let passes = run.passed.contains(check);
                let should = step <= done;
                let verdict = if passes { "passes" } else { "fails" };
                // What a naive starter does may be a matter of time, and right by chance.
                let by_chance = passes && points == 0;
                if passes != should && !by_chance {
                    let story = run.stories.get(check).map(String::as_str).unwrap_or_default();
                    wrong.push(format!("{check} {verdict} with step {last} done:\n{story}"));
                }
            }
            for check in
                lab.plan.steps.get(usize::from(done)).map_or(&[][..], |step| &step.checks)
            {
                let name = check.name.get_ref();
                let story = run.stories.get(name).cloned().unwrap_or_default();
                stories.insert(name.clone(), (done + 1, check.points, story));
            }
        }
        for (check, (step, points, story)) in stories {
            let (number, in_anchor) =
                (format!("{}.{step}:", lab.number), format!("#{}{step}-", lab.number));
            let told = story.contains(&number) || story.contains(&in_anchor);
            if points > 0 && !story.is_empty() && !told {
                wrong.push(format!("{check} does not tell of step {number}\n{story}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
#[ignore = "builds the kit twice"]
fn the_kit_builds_without_a_warning() {
    let course = course();
    let bench = Bench::new(&course);
    for steps in [Vec::new(), all_steps(&course)] {
        bench.put(&kit(&course, steps));
        let built = bench.cargo(&["build", "--workspace", "--all-targets", "--locked"]);
        assert!(built.success && !built.output.contains("warning"), "{}", built.output);
    }
}

#[test]
#[ignore = "builds the kit and runs all its checks"]
fn with_the_solutions_put_back_the_kit_passes_whole() {
    let course = course();
    let bench = Bench::new(&course);
    bench.put(&kit(&course, all_steps(&course)));
    let checked = bench.cargo(&["test", "--no-fail-fast", "--locked"]);
    assert!(checked.success, "{}", checked.output);
    for lab in &course.labs {
        assert!(checked.output.contains(&lab.plan.test), "{} was not run", lab.plan.test);
    }
}

#[test]
#[ignore = "builds the kit and runs all its checks"]
fn the_companion_tells_a_beginner_what_is_to_do_and_nothing_is_wrong() {
    let course = course();
    let bench = Bench::new(&course);
    let status = bench.cargo(&["lab"]);
    assert!(status.success && status.stdout.contains("next: 1.1 "), "{}", status.output);
    let check = bench.cargo(&["lab", "check"]);
    assert!(!check.success && check.stdout.contains("0 of 100 points"), "{}", check.output);
    assert!(!check.stdout.contains('✗'), "a mistake of nobody's:\n{}", check.stdout);
    assert!(check.stdout.contains("next: 1.1 "), "{}", check.stdout);
    bench.put(&kit(&course, all_steps(&course)));
    let check = bench.cargo(&["lab", "check"]);
    assert!(check.success && check.stdout.contains("100 of 100 points"), "{}", check.output);
    let release = bench.cargo(&["lab", "release", "x"]);
    assert!(!release.success && release.output.contains("unrecognized subcommand"));
}

#[test]
#[ignore = "builds the kit and runs its checks"]
fn a_source_that_does_not_compile_costs_only_the_checks_that_need_it() {
    let course = course();
    let bench = Bench::new(&course);
    bench.put(&kit(&course, all_steps(&course)));
    fs::write(bench.kit().join("src/http/target.rs"), "fn file_path(").expect("a broken file");
    let checked = bench.cargo(&["test", "--no-fail-fast", "--locked"]);
    assert!(!checked.success);
    for lab in [1, 2].into_iter().filter_map(|number| course.lab(number)) {
        let unharmed = format!("test result: ok. {} passed", checks(lab).count());
        assert!(checked.output.contains(&unharmed), "{}", checked.output);
    }
    assert!(checked.output.contains("web_server does not compile"), "{}", checked.output);
}

/// Each check of a lab with the step from which on it passes, 0 if from the beginning, and
/// its points.
fn checks(lab: &Lab) -> impl Iterator<Item = (u8, u16, &String)> {
    let given = lab.plan.given.iter().map(|name| (0, 0, name.get_ref()));
    let steps = (1..).zip(&lab.plan.steps);
    let counted = steps.flat_map(|(number, step)| {
        step.checks.iter().map(move |check| (number, check.points, check.name.get_ref()))
    });
    given.chain(counted)
}

/// A released kit, to be solved step by step.
struct Bench {
    folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// Builds and checks keep all cores busy, so there is one kit at a time.
static ALONE: Mutex<()> = Mutex::new(());

/// What came of a command of cargo.
struct Done {
    success: bool,
    stdout: String,
    /// Both, what stood on stderr first.
    output: String,
}

/// What came of a lab's checks.
struct Run {
    passed: BTreeSet<String>,
    /// What each that failed has told; one that was skipped tells nothing.
    stories: BTreeMap<String, String>,
}

impl Bench {
    fn new(course: &Course) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let bench = Self { folder: tempfile::tempdir().expect("a folder"), _alone: alone };
        kit(course, []).write(&bench.kit()).unwrap_or_else(|error| panic!("{error:#}"));
        bench
    }

    fn kit(&self) -> PathBuf {
        self.folder.path().join("kit")
    }

    /// Writes the sources of `kit`, where they are other ones.
    fn put(&self, kit: &Kit) {
        for (file, content) in kit.files().filter(|(file, _)| file.starts_with("src")) {
            let path = self.kit().join(file);
            if fs::read(&path).expect("a source file") != content {
                fs::write(path, content).expect("a changed file");
            }
        }
    }

    fn cargo(&self, arguments: &[&str]) -> Done {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(arguments).current_dir(self.kit());
        cargo.env("CARGO_TARGET_DIR", self.folder.path().join("target"));
        for variable in ["LAB_PROGRAMS", "RUSTFLAGS", "RUST_TEST_THREADS"] {
            cargo.env_remove(variable);
        }
        let output = cargo.output().expect("cargo");
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Done { success: output.status.success(), output: stderr + &stdout, stdout }
    }

    /// Asks the kit's own companion.
    fn check(&self, lab: &Lab) -> Run {
        let done = self.cargo(&["lab", "check", &lab.number.to_string(), "--json"]);
        let json: Value = serde_json::from_str(&done.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", done.stdout, done.output));
        let (mut passed, mut stories) = (BTreeSet::new(), BTreeMap::new());
        let all = json["checks"].as_array().expect("the checks");
        assert_eq!(all.len(), checks(lab).count(), "{json:#}");
        for check in all {
            let name = check["name"].as_str().expect("a name").to_owned();
            if check["outcome"] == "passed" {
                passed.insert(name);
            } else if let Some(story) = check["story"].as_str() {
                stories.insert(name, story.to_owned());
            }
        }
        assert_eq!(done.success, passed.len() == all.len(), "{json:#}");
        Run { passed, stories }
    }
}

/// The files of the project, without what was built or written there.
fn project_files(root: &Path) -> Vec<PathBuf> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"])
        .current_dir(root)
        .output()
        .expect("git");
    assert!(output.status.success(), "only a clone can be compared with its kit");
    let names = output.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let files = names.map(|name| PathBuf::from(String::from_utf8_lossy(name).into_owned()));
    files.filter(|file| root.join(file).exists()).collect()
}
