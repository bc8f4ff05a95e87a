//! All checks, many times, with every core busy: how often each fails that should not.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::hint;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use lab::process::{self, Ended};

use crate::checks::{Checks, build_the_kit};

/// A lab's checks take some 10 s on a machine that is busy.
const LIMIT: Duration = Duration::from_secs(240);

/// As many of a lab's checks at once as when an instructor grades.
const THREADS: &str = "8";

/// So many labs at once: their checks wait more than they compute.
const LABS_AT_ONCE: usize = 3;

/// What has come of running the checks many times.
#[derive(Default)]
pub struct Flakes {
    /// How often all were run.
    pub runs: u32,
    /// How many checks passed or failed in them.
    pub checks: usize,
    /// How many cores were kept busy meanwhile.
    pub cores: usize,
    /// How often each check failed, by its lab and name.
    pub failures: BTreeMap<String, u32>,
    /// Processes that were left behind.
    pub left: usize,
}

/// Which random choices the checks make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// The same in each run.
    One(u64),
    /// The run's number.
    Varied,
}

/// Runs the checks of all labs on the kit's programs, or only those with this name. After
/// each run `tell` gets what came of all, and the stories of those that failed in this one.
///
/// # Errors
/// They do not compile, or cannot be run.
pub fn count(
    checks: &Checks,
    runs: u32,
    seeds: Seeds,
    only: Option<&str>,
    mut tell: impl FnMut(&Flakes, &[String]),
) -> Result<Flakes> {
    // Beforehand, or the first checks would wait for them.
    build_the_kit(&checks.course.root)?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut flakes = Flakes { cores, ..Flakes::default() };
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..cores {
            let busy = || {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            };
            thread::Builder::new().spawn_scoped(scope, busy)?;
        }
        let mut result = Ok(());
        for run in 1..=runs {
            match flakes.run(checks, run, seeds, only) {
                Ok(stories) => tell(&flakes, &stories),
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        is_over.store(true, Ordering::Relaxed);
        result
    })?;
    flakes.left = left_behind(checks)?;
    Ok(flakes)
}

impl Flakes {
    fn run(
        &mut self,
        checks: &Checks,
        run: u32,
        seeds: Seeds,
        only: Option<&str>,
    ) -> Result<Vec<String>> {
        let seed = match seeds {
            Seeds::One(seed) => seed,
            Seeds::Varied => run.into(),
        };
        self.runs += 1;
        let labs = checks.course.labs.iter();
        let labs: Vec<u8> = labs
            .filter(|lab| only.is_none_or(|only| lab.jobs().any(|job| job.name == only)))
            .map(|lab| lab.number)
            .collect();
        let run_lab = |lab| -> Result<Ended> {
            let mut command = Command::new(checks.executable(lab)?);
            command.current_dir(checks.course.root.join("tests"));
            command.env("LAB_SEED", seed.to_string()).env("RUST_TEST_THREADS", THREADS);
            command.args(only.iter().flat_map(|name| ["--exact", name]));
            process::run(&mut command, LIMIT, &checks.stop)
                .with_context(|| format!("run {run} of lab {lab}"))
        };
        let mut stories = Vec::new();
        for labs in labs.chunks(LABS_AT_ONCE) {
            let ended = thread::scope(|scope| {
                let started = labs.iter().map(|&lab| {
                    thread::Builder::new().spawn_scoped(scope, move || run_lab(lab))
                });
                let started: Vec<_> = started.collect();
                let join = |lab: std::io::Result<ScopedJoinHandle<'_, Result<Ended>>>| {
                    lab?.join().map_err(|_| anyhow!("a thread crashed"))?
                };
                started.into_iter().map(join).collect::<Result<Vec<Ended>>>()
            })?;
            for (&lab, ended) in labs.iter().zip(ended) {
                let story = self.take(lab, &ended.stdout, ended.status.success());
                stories.extend(story.map(|story| format!("LAB_SEED={seed}\n{story}")));
            }
        }
        Ok(stories)
    }

    /// Counts what libtest has printed, of which the part that tells of failures is left.
    fn take<'a>(&mut self, lab: u8, stdout: &'a str, success: bool) -> Option<&'a str> {
        let mut failed = Vec::new();
        for line in stdout.lines() {
            let Some(result) = line.strip_prefix("test ") else { continue };
            match result.split_once(" ... ") {
                Some((_, "ok")) => self.checks += 1,
                Some((name, "FAILED")) => failed.push(name),
                _ => {}
            }
        }
        if failed.is_empty() && !success {
            failed.push("(the checks themselves)");
        }
        self.checks += failed.len();
        for name in &failed {
            *self.failures.entry(format!("lab {lab} · {name}")).or_default() += 1;
        }
        let told = || stdout.split_once("\nfailures:\n").map_or(stdout, |(_, told)| told);
        (!failed.is_empty()).then(told)
    }

    /// For the table.
    pub fn figure(&self) -> String {
        let Self { runs, checks, cores, .. } = self;
        format!("{} in {runs} runs ({checks} checks, {cores} cores busy)", self.count())
    }

    /// How many checks failed, each as often as it did.
    pub fn count(&self) -> u32 {
        self.failures.values().sum()
    }

    /// Whether nothing failed, and nothing was left behind.
    pub fn is_none(&self) -> bool {
        self.failures.is_empty() && self.left == 0
    }
}

impl fmt::Display for Flakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { failures, left, .. } = self;
        write!(f, "failures: {}", self.figure())?;
        for (name, count) in failures {
            write!(f, "\n{count:4} × {name}")?;
        }
        if *left > 0 {
            write!(f, "\n{left} processes were left behind")?;
        }
        Ok(())
    }
}

/// Keepers that still run: each owns a program, and ends with the check that started it.
fn left_behind(checks: &Checks) -> Result<usize> {
    let keeper = keeper(checks.executable(1)?);
    let processes = fs::read_dir("/proc").context("/proc")?;
    let is_keeper =
        |path: PathBuf| fs::read_link(path.join("exe")).is_ok_and(|it| it == keeper);
    Ok(processes.flatten().filter(|entry| is_keeper(entry.path())).count())
}

/// It stands beside the folder of the checks: target/debug/keeper.
fn keeper(check: &Path) -> PathBuf {
    check.parent().and_then(Path::parent).unwrap_or(Path::new("/")).join("keeper")
}
