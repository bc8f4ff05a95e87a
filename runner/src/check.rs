//! Running checks, many side by side, each in a process of its own.

use std::collections::VecDeque;
use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::build::{Built, Program, build};
use crate::course::Course;
use crate::jobs::{Job, needs};
use crate::line::Line;
use crate::process::{Ended, Stop, run};
use crate::progress::Progress;
use crate::story::{FAILED, Story};
use crate::{fresh, screen};

/// Most of a check's time is spent waiting, so there may be more of them than cores.
pub(crate) const AT_ONCE: u8 = 12;

/// A check that takes longer is ended, in seconds. On an idle machine none takes 10.
pub const TIME_LIMIT: u32 = 60;

/// How long a keeper may take to end what has taken too long.
const GRACE: Duration = Duration::from_secs(10);

/// What has come of a check.
pub(crate) struct Verdict<'a> {
    /// The check.
    pub job: Job<'a>,
    /// Whether it passes, and if not, why.
    pub outcome: Outcome,
    /// How long it took.
    pub took: Duration,
}

/// Whether a check passes, and if not, why.
pub enum Outcome {
    /// It passes.
    Passed,
    /// It fails, and tells why.
    Failed(Story),
    /// It was not tried, as something else has to be mended first, and tells what.
    Skipped(Story),
}

/// How checks are run.
pub(crate) struct Manner<'a> {
    /// How many at once.
    pub at_once: usize,
    /// After so many seconds a check is ended.
    pub time_limit: u32,
    /// Whether the compiler's words have colours.
    pub in_colour: bool,
    /// Ends them all.
    pub stop: &'a Stop,
}

impl<'a> Verdict<'a> {
    /// Whether the check passes.
    pub(crate) fn passes(&self) -> bool {
        matches!(self.outcome, Outcome::Passed)
    }

    /// Its story, if it has failed.
    pub(crate) fn story(&self) -> Option<&Story> {
        match &self.outcome {
            Outcome::Failed(story) => Some(story),
            Outcome::Passed | Outcome::Skipped(_) => None,
        }
    }

    /// The check that has to pass before this one can be tried.
    pub(crate) fn waits_for(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::Skipped(story) => story.fact("waits for"),
            Outcome::Passed | Outcome::Failed(_) => None,
        }
    }

    fn of(job: Job<'a>, ended: &Ended, time_limit: u32) -> Self {
        let untold = || Outcome::Failed(untold(job, ended, time_limit));
        let outcome = Outcome::of(ended).unwrap_or_else(untold);
        Self { job, outcome, took: ended.took }
    }
}

impl Outcome {
    /// What one check says, run with `--exact` and `--nocapture`; nothing if it has neither
    /// passed nor told a story.
    pub fn of(ended: &Ended) -> Option<Self> {
        if ended.status.success() && says_passed(&ended.stdout) {
            return Some(Self::Passed);
        }
        let story = Story::read(&ended.stderr)?;
        Some(if story.is_skipped { Self::Skipped(story) } else { Self::Failed(story) })
    }
}

/// libtest ends with success also if there is no test of that name.
fn says_passed(stdout: &str) -> bool {
    stdout.lines().any(|line| line.starts_with("test result: ok. 1 passed;"))
}

/// The story of a check that could not tell one.
fn untold(job: Job<'_>, ended: &Ended, time_limit: u32) -> Story {
    let headline = format!("{FAILED}lab {} · {}", job.lab.number, job.name);
    let killed = ended.status.signal().is_some();
    let told = if killed && ended.took >= Duration::from_secs(u64::from(time_limit)) {
        format!(
            "  happened        it had not come to an end after {time_limit} s, so it was ended, \
             with all that it had started\n  \
             likely cause    a program takes much longer than it should, or never ends"
        )
    } else if ended.status.success() {
        format!(
            "  happened        {} has no check of that name\n  \
             likely cause    the files of the checks were changed",
            job.lab.checks().display()
        )
    } else {
        let words: Vec<&str> = ended.stderr.lines().rev().take(10).collect();
        let words: Vec<&str> = words.into_iter().rev().collect();
        format!(
            "  happened        the check itself ended: {}\n                  {}",
            ended.status,
            words.join("\n                  ")
        )
    };
    let text = format!("{headline}\n{told}");
    Story::read(&text).unwrap_or_default()
}

/// Builds what these checks need.
///
/// # Errors
/// cargo cannot be run, the checks do not compile, or all was stopped.
pub(crate) fn build_for(
    course: &Course,
    queue: &[Job<'_>],
    manner: &Manner<'_>,
    line: &Line,
) -> Result<Built> {
    let (mut programs, checks) = needs(queue);
    if is_about_others() {
        programs.clear();
    }
    let building = line.clone();
    line.say("building");
    let contents = fresh::before_build(&course.root);
    let built = build(&course.root, &programs, &checks, manner, move |what| {
        building.say(&format!("building: {what}"));
    })?;
    fresh::after_build(&course.root, contents, &built);
    Ok(built)
}

/// Whether the checks start programs of elsewhere, and not those of this project.
fn is_about_others() -> bool {
    env::var_os("LAB_PROGRAMS").is_some_and(|folder| !folder.is_empty())
}

/// Runs these checks, and remembers what came of them.
///
/// # Errors
/// A check cannot be started, or all were stopped.
pub(crate) fn check<'a>(
    course: &Course,
    queue: &[Job<'a>],
    built: &Built,
    manner: &Manner<'_>,
    line: &Line,
    mut tell: impl FnMut(&Verdict<'_>),
) -> Result<Vec<Verdict<'a>>> {
    let began = SystemTime::now();
    let (mut done, mut failed) = (0, 0);
    let count = |verdict: &Verdict<'_>| {
        tell(verdict);
        done += 1;
        failed += usize::from(!verdict.passes());
        let fail = if failed == 0 { String::new() } else { format!(", {failed} do not pass") };
        line.say(&format!("checking: {done} of {}{fail}", queue.len()));
    };
    line.say(&format!("checking: 0 of {}", queue.len()));
    let run = Run { course, built, manner, folder: run_folder(built)? };
    let mut verdicts = run.all(queue, count)?;
    ensure!(verdicts.len() == queue.len(), "some checks were not run");
    // What others wait for is told too, even if nobody has asked for it.
    let awaited = awaited(&verdicts);
    verdicts.extend(run.all(&awaited, |_| ())?);
    // In the order of the course, not that in which they ended.
    let place = |job: &Job<'_>| job.lab.jobs().position(|its| its.is(job));
    verdicts.sort_by_key(|verdict| (verdict.job.lab.number, place(&verdict.job)));
    if !is_about_others() {
        Progress::remember(&course.root, |progress| progress.take(&verdicts, began));
    }
    Ok(verdicts)
}

/// The checks for which others wait, and that were not run.
fn awaited<'a>(verdicts: &[Verdict<'a>]) -> Vec<Job<'a>> {
    let mut awaited: Vec<Job<'a>> = Vec::new();
    for verdict in verdicts {
        let Some(name) = verdict.waits_for() else { continue };
        let found = verdict.job.lab.jobs().find(|job| job.name == name);
        let was_run = |job: &Job<'_>| verdicts.iter().any(|verdict| verdict.job.is(job));
        let is_listed = |job: &Job<'_>| awaited.iter().any(|awaited| awaited.is(job));
        awaited.extend(found.filter(|job| !was_run(job) && !is_listed(job)));
    }
    awaited
}

/// Checks that know of each other.
struct Run<'r> {
    course: &'r Course,
    built: &'r Built,
    manner: &'r Manner<'r>,
    /// What they know; see [`run_folder`].
    folder: TempDir,
}

impl Run<'_> {
    /// Runs checks, in this order as far as they begin; each verdict is told as soon as it
    /// is there.
    fn all<'a>(
        &self,
        jobs: &[Job<'a>],
        mut tell: impl FnMut(&Verdict<'a>),
    ) -> Result<Vec<Verdict<'a>>> {
        let queue: Mutex<VecDeque<Job<'a>>> = Mutex::new(jobs.iter().copied().collect());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let stop = self.manner.stop;
        let mut verdicts = Vec::new();
        thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            for _ in 0..self.manner.at_once.clamp(1, jobs.len().max(1)) {
                let sender = sender.clone();
                let work = move || {
                    while let Some(job) = next() {
                        if sender.send(self.one(job)).is_err() {
                            break;
                        }
                    }
                };
                let worker = thread::Builder::new().spawn_scoped(scope, work);
                worker.context("cannot start a thread")?;
            }
            drop(sender);
            for verdict in receiver {
                // The first that cannot be run ends it all; the others are ended as well.
                let verdict = verdict.inspect_err(|_| stop.stop())?;
                tell(&verdict);
                verdicts.push(verdict);
            }
            anyhow::Ok(())
        })?;
        ensure!(!stop.is_set(), "stopped");
        Ok(verdicts)
    }

    fn one<'a>(&self, job: Job<'a>) -> Result<Verdict<'a>> {
        let executable =
            self.built.checks.get(&job.lab.plan.test).context("the checks are not built")?;
        let time_limit = self.manner.time_limit;
        let mut keeper = Command::new(&self.built.keeper);
        keeper.arg(std::process::id().to_string()).arg(time_limit.to_string());
        keeper.arg(executable).args([job.name, "--exact", "--nocapture", "--test-threads=1"]);
        // As cargo does it.
        keeper.current_dir(self.course.root.join("tests"));
        keeper.env("LAB_RUN", self.folder.path());
        keeper.env("LAB_COLUMNS", screen::columns().to_string());
        // The keeper ends it in time.
        let limit = Duration::from_secs(u64::from(time_limit)) + GRACE;
        let ended = run(&mut keeper, limit, self.manner.stop)
            .with_context(|| format!("cannot run the check {}", job.name))?;
        Ok(Verdict::of(job, &ended, time_limit))
    }
}

/// What the checks of one run know of each other: the programs that were built for them,
/// and what came of those checks that others wait for.
fn run_folder(built: &Built) -> Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("lab-").tempdir()?;
    let programs = folder.path().join("programs");
    fs::create_dir(&programs)?;
    fs::create_dir(folder.path().join("first"))?;
    for (name, program) in &built.programs {
        match program {
            Program::Compiled { executable, .. } => symlink(executable, programs.join(name))?,
            Program::Broken(_) => fs::write(programs.join(format!("{name}.broken")), "")?,
        }
    }
    Ok(folder)
}
