//! The kit's own programs, changed in one place each by cargo-mutants: how many of these
//! changes the checks notice.
//!
//! A change that nothing notices has survived. Each that may stands in `survivors.toml`,
//! with a reason.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs;
use std::iter::Sum;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, ensure};
use lab::project;
use serde::Deserialize;
use serde_json::Value;

use crate::manifest::parsed;

const SURVIVORS: &str = "tests/proof/survivors.toml";

/// A mutant's checks may take so many seconds; they end sooner, if not for a loop.
const TEST_LIMIT: &str = "170";
const BUILD_LIMIT: &str = "600";

/// A share of the mutants: every `of`-th, from the `number`-th on, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// Which share.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

/// Files of which the mutants are tested alike.
struct Group {
    name: &'static str,
    /// Patterns, relative to the project's folder; cargo-mutants knows those of lab-http
    /// by the way from its manifest.
    files: &'static [&'static str],
    package: &'static str,
    /// What is compiled of that package, so that a change that does not compile is known
    /// from one that a check has noticed.
    target: &'static [&'static str],
    /// The tests, in the order in which cargo runs them.
    tests: &'static [&'static str],
    /// Into how many parts its mutants are divided, for more than one to be tested at once.
    parts: u32,
}

const GROUPS: &[Group] = &[
    Group {
        name: "udp",
        files: &["src/bin/udp_*.rs"],
        package: "socket-lab",
        target: &["--bins"],
        tests: &["lab1_udp", "details"],
        parts: 1,
    },
    Group {
        name: "tcp",
        files: &["src/bin/tcp_*.rs"],
        package: "socket-lab",
        target: &["--bins"],
        tests: &["lab2_tcp", "details"],
        parts: 1,
    },
    Group {
        name: "shared",
        files: &["src/*.rs"],
        package: "socket-lab",
        target: &["--lib"],
        tests: ALL,
        parts: 2,
    },
    Group {
        name: "web",
        files: &["src/**/web_server.rs"],
        package: "lab-http",
        target: &["--bin", "web_server"],
        tests: &["lab3_web", "details"],
        parts: 1,
    },
    Group {
        name: "client",
        files: &["src/**/http_client/*.rs"],
        package: "lab-http",
        target: &["--bin", "http_client"],
        tests: &["lab4_client", "details"],
        parts: 2,
    },
    Group {
        name: "threaded",
        files: &["src/**/threaded_web_server.rs"],
        package: "lab-http",
        target: &["--bin", "threaded_web_server"],
        tests: &["lab5_threaded", "lab6_persistent", "details"],
        parts: 1,
    },
    Group {
        name: "http",
        files: &["src/http/*.rs"],
        package: "lab-http",
        target: &["--lib"],
        tests: &["lab3_web", "lab4_client", "lab5_threaded", "lab6_persistent", "details"],
        parts: 8,
    },
];

const ALL: &[&str] = &[
    "lab1_udp",
    "lab2_tcp",
    "lab3_web",
    "lab4_client",
    "lab5_threaded",
    "lab6_persistent",
    "details",
];

/// The names of the groups.
pub fn groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|group| group.name)
}

/// A change that may survive.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Survivor {
    /// What cargo-mutants calls it, without line and column.
    mutant: String,
    /// Why it cannot matter to a peer or a user.
    because: String,
}

#[derive(Deserialize)]
struct Survivors {
    #[serde(default)]
    survivor: Vec<Survivor>,
}

/// What has come of changing the programs of a group.
pub struct Mutants {
    /// The group's name.
    pub group: &'static str,
    /// The changes that nothing notices, and the reasons of those that have one.
    pub survivors: Vec<(String, Option<String>)>,
    viable: usize,
}

/// A group's figures, or those of several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many changes compile.
    viable: usize,
    /// Of these, those that nothing notices, with a reason.
    with: usize,
    /// And those without one.
    without: usize,
}

/// Tests mutants: those of one group or of all, and of these all or a part.
///
/// # Errors
/// cargo-mutants is not installed, the groups do not have all mutants, or a test does not
/// pass without a change.
pub fn test(
    root: &Path,
    only: Option<&str>,
    part: Option<Part>,
    at_once: usize,
    tell: impl Fn(&str) + Sync,
) -> Result<Vec<Mutants>> {
    known(root)?;
    let wanted = GROUPS.iter().filter(|group| only.is_none_or(|only| only == group.name));
    let queue: VecDeque<Work> = wanted.flat_map(|group| group.work(part)).collect();
    let queue = Mutex::new(queue);
    let outcomes = Mutex::new(BTreeMap::<_, Vec<Outcome>>::new());
    thread::scope(|scope| {
        let mut workers = Vec::new();
        for number in 0..at_once.max(1) {
            let (queue, outcomes, tell) = (&queue, &outcomes, &tell);
            let work = move || -> Result<()> {
                let tree = Tree::cloned(root, number)?;
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(work) = next else { return Ok(()) };
                    let new = tree.test(&work, tell)?;
                    let mut outcomes = outcomes.lock().unwrap_or_else(PoisonError::into_inner);
                    outcomes.entry(work.group.name).or_default().extend(new);
                }
            };
            workers.push(thread::Builder::new().spawn_scoped(scope, work)?);
        }
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a worker crashed"))??;
        }
        anyhow::Ok(())
    })?;
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    let survivors = Survivors::read(root)?;
    let is_whole = only.is_none() && part.is_none();
    survivors.must_survive(outcomes.values().flatten(), is_whole)?;
    let of = |(group, outcomes)| Mutants::of(group, outcomes, &survivors);
    Ok(outcomes.into_iter().map(of).collect())
}

/// A part of a group.
struct Work {
    group: &'static Group,
    part: Part,
}

impl Group {
    fn work(&'static self, part: Option<Part>) -> Vec<Work> {
        match part {
            Some(part) => vec![Work { group: self, part }],
            None => {
                let parts = 0..self.parts;
                parts
                    .map(|number| Work { group: self, part: Part { number, of: self.parts } })
                    .collect()
            }
        }
    }
}

/// A clone of the project in which files are changed, and what is built of it.
struct Tree {
    folder: PathBuf,
    source: PathBuf,
}

impl Tree {
    /// Clones what is committed; what was built before is built on.
    fn cloned(root: &Path, number: usize) -> Result<Self> {
        let folder = root.join("target/mutants").join(number.to_string());
        let source = folder.join("source");
        fs::create_dir_all(&folder)?;
        if source.exists() {
            fs::remove_dir_all(&source)?;
        }
        let mut git = Command::new("git");
        git.args(["clone", "--quiet", "--shared"]).arg(root).arg(&source);
        ensure!(git.status()?.success(), "the project cannot be cloned");
        Ok(Self { folder, source })
    }

    /// Name and fate of each mutant.
    fn test(&self, work: &Work, tell: impl Fn(&str)) -> Result<Vec<Outcome>> {
        let Group { name, package, target, tests, .. } = work.group;
        let Part { number, of } = work.part;
        tell(&format!("mutants of {name}, part {} of {of}", number + 1));
        let chosen = || {
            let tests = tests.iter().flat_map(|it| ["--test", it]);
            target.iter().copied().chain(tests).chain(["--", "--include-ignored"])
        };

        // What cargo-mutants would do first leaves out the checks, which are not in the
        // package that is changed.
        let mut unchanged = Command::new("cargo");
        unchanged.current_dir(&self.source).args(["test", "--quiet", "--package", package]);
        unchanged.args(["--package", "checks"]).args(chosen());
        self.build_here(&mut unchanged);
        let output = unchanged.stdin(Stdio::null()).output()?;
        ensure!(
            output.status.success(),
            "without a change the tests of {name} fail:\n{}",
            String::from_utf8_lossy(&output.stdout)
        );

        let out = self.folder.join(format!("{name}-{number}-of-{of}"));
        let mut cargo = cargo_mutants(&self.source, work.group.files);
        cargo.args(["--in-place", "--baseline", "skip"]);
        cargo.args(["--timeout", TEST_LIMIT, "--build-timeout", BUILD_LIMIT]);
        cargo.args(["--shard", &format!("{number}/{of}"), "--output"]).arg(&out);
        cargo.args(["--test-package", &format!("{package},checks"), "--"]).args(chosen());
        self.build_here(&mut cargo);
        let status = cargo.status()?;
        // 2: some have survived; 3: some were ended after the time limit.
        ensure!(
            matches!(status.code(), Some(0 | 2 | 3)),
            "cargo mutants: {status}; see {}",
            out.display()
        );
        outcomes(&out.join("mutants.out/outcomes.json"))
    }

    fn build_here(&self, cargo: &mut Command) {
        cargo.env("CARGO_TARGET_DIR", self.folder.join("target"));
        cargo.env("CARGO_PROFILE_DEV_DEBUG", "0");
        // One check that fails is enough.
        cargo.env("LAB_FAIL_FAST", "1");
    }
}

/// `cargo mutants` for files.
fn cargo_mutants(source: &Path, files: &[&str]) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(source).args(["mutants", "--workspace", "--colors", "never"]);
    cargo.args(files.iter().flat_map(|files| ["--file", files]));
    cargo.stdin(Stdio::null());
    cargo
}

/// Cargo-mutants must be here, and every mutant of `src/` in a group.
fn known(root: &Path) -> Result<()> {
    let version = cargo_mutants(root, &[]).arg("--version").output()?;
    ensure!(
        version.status.success(),
        "there is no cargo-mutants here: cargo install --locked cargo-mutants"
    );
    let list = |files: &[&str]| -> Result<Vec<String>> {
        let output = cargo_mutants(root, files).arg("--list").output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo mutants --list: {errors}");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok(text.lines().map(str::to_owned).collect())
    };
    let mut in_groups = Vec::new();
    for group in GROUPS {
        in_groups.extend(list(group.files)?);
    }
    let mut left_out = list(&["src/**"])?;
    left_out.retain(|name| !in_groups.contains(name));
    ensure!(left_out.is_empty(), "these are in no group: {left_out:#?}");
    Ok(())
}

/// A mutant's name and its fate.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    name: String,
    fate: Fate,
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Caught,
    Survived,
    DoesNotCompile,
}

/// What cargo-mutants has written down.
fn outcomes(file: &Path) -> Result<Vec<Outcome>> {
    let text = fs::read_to_string(file);
    // A part may have none.
    let Ok(text) = text else { return Ok(Vec::new()) };
    let json: Value = serde_json::from_str(&text)?;
    let mut outcomes = Vec::new();
    for outcome in json["outcomes"].as_array().context("no outcomes")? {
        let Some(name) = outcome["scenario"]["Mutant"]["name"].as_str() else { continue };
        let fate = match outcome["summary"].as_str() {
            Some("CaughtMutant" | "Timeout") => Fate::Caught,
            Some("MissedMutant") => Fate::Survived,
            Some("Unviable") => Fate::DoesNotCompile,
            other => anyhow::bail!("{name}: {other:?}"),
        };
        outcomes.push(Outcome { name: without_place(name), fate });
    }
    Ok(outcomes)
}

/// `src/net.rs:12:5: replace …` without line and column, which change with every line that
/// is written above.
fn without_place(name: &str) -> String {
    let mut parts = name.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(_), Some(what)) => {
            format!("{}:{what}", file.replace("src/http/../bin", "src/bin"))
        }
        _ => name.to_owned(),
    }
}

impl Survivors {
    fn read(root: &Path) -> Result<Self> {
        parsed(SURVIVORS, &project::read(root, Path::new(SURVIVORS))?)
    }

    fn reason(&self, mutant: &str) -> Option<String> {
        let same = self.survivor.iter().find(|survivor| survivor.mutant == mutant);
        same.map(|survivor| survivor.because.clone())
    }

    /// None is in the list that a check has noticed, or, of all mutants, that is not one.
    fn must_survive<'a>(
        &self,
        outcomes: impl Iterator<Item = &'a Outcome>,
        are_all: bool,
    ) -> Result<()> {
        let mut survives = BTreeMap::new();
        for Outcome { name, fate } in outcomes {
            *survives.entry(&**name).or_default() |= *fate == Fate::Survived;
        }
        let mut stale: Vec<_> = self.survivor.iter().map(|survivor| &survivor.mutant).collect();
        stale.retain(|mutant| !survives.get(&***mutant).copied().unwrap_or(!are_all));
        ensure!(stale.is_empty(), "{SURVIVORS}: these do not survive: {stale:#?}");
        Ok(())
    }
}

impl Mutants {
    fn of(group: &'static str, outcomes: Vec<Outcome>, known: &Survivors) -> Self {
        let viable = outcomes.iter().filter(|outcome| outcome.fate != Fate::DoesNotCompile);
        let viable = viable.count();
        let survivors = outcomes.into_iter().filter(|outcome| outcome.fate == Fate::Survived);
        let survivors = survivors.map(|Outcome { name, .. }| {
            let reason = known.reason(&name);
            (name, reason)
        });
        Self { group, survivors: survivors.collect(), viable }
    }

    /// Its figures.
    pub fn tally(&self) -> Tally {
        let with = self.survivors.iter().filter(|(_, reason)| reason.is_some()).count();
        Tally { viable: self.viable, with, without: self.survivors.len() - with }
    }
}

impl fmt::Display for Mutants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (mutant, _) in self.survivors.iter().filter(|(_, reason)| reason.is_none()) {
            writeln!(f, "survived, without a reason in {SURVIVORS}: {mutant}")?;
        }
        write!(f, "{}: {}", self.group, self.tally())
    }
}

impl Tally {
    /// Whether each that survives has a reason.
    pub fn is_explained(self) -> bool {
        self.without == 0
    }
}

impl Sum for Tally {
    fn sum<I: Iterator<Item = Self>>(tallies: I) -> Self {
        tallies.fold(Self::default(), |all, its| Self {
            viable: all.viable + its.viable,
            with: all.with + its.with,
            without: all.without + its.without,
        })
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { viable, with, without } = *self;
        let caught = viable - with - without;
        let hundredths = 100.0 * caught as f64 / viable.max(1) as f64;
        write!(f, "{caught} of {viable} ({hundredths:.1} %); survive {with} with a reason")?;
        write!(f, ", {without} without")
    }
}

impl FromStr for Tally {
    type Err = anyhow::Error;

    /// Reads what `Display` writes.
    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split(|it: char| !it.is_ascii_digit()).filter(|it| !it.is_empty());
        let numbers: Vec<usize> = numbers.map(str::parse).collect::<Result<_, _>>()?;
        match numbers[..] {
            [_, viable, _, _, with, without] => Ok(Self { viable, with, without }),
            _ => anyhow::bail!("no figure of mutants: {text}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutants_name_does_not_change_with_the_lines_above_it() {
        let name = "src/net.rs:12:5: replace + with - in first::<T>";
        assert_eq!(without_place(name), "src/net.rs: replace + with - in first::<T>");
        let name = "src/http/../bin/web_server.rs:1:22: replace a -> b::C with D";
        assert_eq!(without_place(name), "src/bin/web_server.rs: replace a -> b::C with D");
    }

    #[test]
    fn a_tally_can_be_read_again() {
        let tally = Tally { viable: 45, with: 4, without: 1 };
        let shown = "40 of 45 (88.9 %); survive 4 with a reason, 1 without";
        assert_eq!(tally.to_string(), shown);
        assert_eq!(shown.parse::<Tally>().expect("a tally"), tally);
    }
}
