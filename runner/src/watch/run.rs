//! One run of checks, on a thread of its own.

use std::time::Instant;

use anyhow::Result;

use super::steps;
use crate::build::Program;
use crate::check::{AT_ONCE, Manner, TIME_LIMIT, Verdict, build_for, check};
use crate::course::{Course, Lab, StepNumber};
use crate::jobs::Job;
use crate::line::Line;
use crate::places::Places;
use crate::process::Stop;
use crate::progress::Progress;
use crate::report::Report;
use crate::screen::{self, count};
use crate::status::Detail;

/// What is checked, and why.
pub(super) struct Run<'a> {
    pub(super) course: &'a Course,
    pub(super) queue: Vec<Job<'a>>,
    pub(super) focus: Vec<StepNumber>,
    /// When the change was noticed that led to it.
    pub(super) noticed: Option<Instant>,
    /// Whether what has changed may matter to other labs too.
    pub(super) is_shared: bool,
}

impl<'a> Run<'a> {
    /// Runs them; what is to be shown in the end.
    pub(super) fn run(&self, stop: &Stop, line: &Line) -> Result<String> {
        let (at_once, time_limit) = (usize::from(AT_ONCE), TIME_LIMIT);
        let manner = Manner { at_once, time_limit, in_colour: screen::is_coloured(), stop };
        let mut tally = Tally::of(self);
        let mut told = false;
        let tell = |verdict: &Verdict<'_>| {
            if let Some(story) = verdict.story().filter(|_| !told) {
                // The first is told at once; which one is the most useful shows in the end.
                told = true;
                let points = Some(verdict.job.points).filter(|points| *points > 0);
                line.above(&story.shown(points, screen::columns()));
            }
            if let Some(text) = tally.take(verdict) {
                line.above(&text);
            }
        };
        let built = build_for(self.course, &self.queue, &manner, line)?;
        let verdicts = check(self.course, &self.queue, &built, &manner, line, tell)?;
        let places = Places::read(&self.course.root)?;
        let report = Report::of(self.course, &places, &built, &verdicts)?;
        let mut shown = report.shown_short(&self.focus);
        if self.is_shared && report.all_pass() {
            shown.push_str(&self.others(&manner, line)?);
        }
        let progress = Progress::read(&self.course.root);
        shown.push_str(&report.next(&progress, &self.focus, Detail::Line)?);
        Ok(shown)
    }

    /// The checks of other labs that have passed, if programs of theirs have changed too.
    fn others(&self, manner: &Manner<'_>, line: &Line) -> Result<String> {
        let progress = Progress::read(&self.course.root);
        let is_here = |lab: &Lab| self.queue.iter().any(|job| job.lab.number == lab.number);
        let others = self.course.labs.iter().filter(|lab| !is_here(lab));
        let mut passed: Vec<Job<'a>> = others.flat_map(|lab| progress.passed(lab)).collect();
        if passed.is_empty() {
            return Ok(String::new());
        }
        let built = build_for(self.course, &passed, manner, line)?;
        let is_new = |name: &String| {
            matches!(built.programs.get(name), Some(Program::Compiled { is_new: true, .. }))
        };
        let is_broken =
            |name: &String| matches!(built.programs.get(name), Some(Program::Broken(_)));
        passed.retain(|job| {
            job.lab.plan.programs.iter().any(|name| is_new(name) || is_broken(name))
        });
        if passed.is_empty() {
            return Ok(String::new());
        }
        let verdicts = check(self.course, &passed, &built, manner, line, |_| ())?;
        let failed = verdicts.iter().filter(|verdict| !verdict.passes()).count();
        if failed == 0 {
            let passed = count(verdicts.len() as u64, "check");
            return Ok(format!("\n✓ In other labs {passed} that passed before still pass.\n"));
        }
        let places = Places::read(&self.course.root)?;
        let report = Report::of(self.course, &places, &built, &verdicts)?;
        Ok(format!("\nIn other labs, what passed before:\n\n{}", report.shown_short(&[])))
    }
}

/// Counts the checks that tell most of what is worked on: those with points.
struct Tally {
    focus: Vec<StepNumber>,
    noticed: Option<Instant>,
    all: usize,
    left: usize,
    passed: usize,
}

impl Tally {
    fn of(run: &Run<'_>) -> Self {
        let (focus, noticed) = (run.focus.clone(), run.noticed);
        let mut tally = Self { focus, noticed, all: 0, left: 0, passed: 0 };
        tally.all = run.queue.iter().filter(|job| tally.counts(job)).count();
        tally.left = tally.all;
        tally
    }

    fn counts(&self, job: &Job<'_>) -> bool {
        job.points > 0 && job.step.is_some_and(|step| self.focus.contains(&step))
    }

    /// With the last of them there is something to say.
    fn take(&mut self, verdict: &Verdict<'_>) -> Option<String> {
        if !self.counts(&verdict.job) {
            return None;
        }
        self.left -= 1;
        self.passed += usize::from(verdict.passes());
        let since = self.noticed.map_or(String::new(), |noticed| {
            format!(", {:.1} s after saving", noticed.elapsed().as_secs_f64())
        });
        let (steps, passed, all) = (steps(&self.focus), self.passed, self.all);
        let all = count(all as u64, "check");
        (self.left == 0).then(|| {
            format!("{steps}: {passed} of {all} with points pass{since}; more are running\n")
        })
    }
}
