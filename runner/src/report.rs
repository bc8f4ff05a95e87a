//! What came of checks, for people and for tools.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use colored::Colorize;
use console::measure_text_width;
use serde_json::{Value, json};

use crate::build::{Built, Program};
use crate::check::{Outcome, Verdict};
use crate::course::{Course, Lab, StepNumber};
use crate::handout::Handout;
use crate::jobs::Job;
use crate::places::Places;
use crate::progress::Progress;
use crate::screen::{self, count, cut, pad, spread, wrap};
use crate::status::{self, Detail};
use crate::story::CAUSE;

/// The version of what `--json` writes.
const FORMAT_VERSION: u32 = 1;

/// The compiler's first mistakes matter; the others often follow from them.
const MOST_LINES_OF_COMPILER: usize = 40;

/// Names of further checks that fail.
const MOST_NAMES: usize = 8;

/// What came of some checks of a course.
pub(crate) struct Report<'a> {
    course: &'a Course,
    places: &'a Places,
    built: &'a Built,
    verdicts: &'a [Verdict<'a>],
    handouts: BTreeMap<u8, Handout>,
}

/// What a person is to do about a check.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing, it passes.
    Passed,
    /// Mend what its story tells.
    Failed,
    /// The step is still to be written.
    ToDo,
    /// Something else comes first.
    Waits,
}

impl<'a> Report<'a> {
    /// Of these verdicts.
    ///
    /// # Errors
    /// A handout, for its titles, cannot be read.
    pub(crate) fn of(
        course: &'a Course,
        places: &'a Places,
        built: &'a Built,
        verdicts: &'a [Verdict<'a>],
    ) -> Result<Self> {
        let mut handouts = BTreeMap::new();
        for lab in &course.labs {
            handouts.insert(lab.number, Handout::read(&course.root, lab)?);
        }
        Ok(Self { course, places, built, verdicts, handouts })
    }

    /// Whether all is well.
    pub(crate) fn all_pass(&self) -> bool {
        self.verdicts.iter().all(Verdict::passes)
    }

    fn state(&self, verdict: &Verdict<'_>) -> State {
        match &verdict.outcome {
            Outcome::Passed => State::Passed,
            Outcome::Skipped(_) => State::Waits,
            Outcome::Failed(story) => match story.not_yet() {
                Some(step) if Some(step) == verdict.job.step => State::ToDo,
                Some(_) => State::Waits,
                None if self.is_to_do(verdict) => State::ToDo,
                None => State::Failed,
            },
        }
    }

    /// Whether its step is as it was given, and not yet done.
    fn is_to_do(&self, verdict: &Verdict<'_>) -> bool {
        verdict.job.step.is_some_and(|step| self.places.is_to_do(step))
    }

    /// A table of the steps, the most useful `stories` of what fails, and what else there is
    /// to know.
    pub(crate) fn shown(&self, stories: usize) -> String {
        let columns = screen::columns();
        let mut shown = self.compiler(columns);
        for lab in &self.course.labs {
            shown.push_str(&self.table(lab, columns, |_, _| true));
        }
        let failed = self.most_useful_first();
        shown.push_str(&self.stories(failed.iter().take(stories), columns));
        shown.push_str(&more(failed.get(stories..).unwrap_or_default(), columns));
        shown.push_str(&self.waiting(columns));
        shown.push_str(&self.damage(columns));
        shown.push_str(&format!("\n{}\n", self.sum().bold()));
        shown
    }

    /// The same for a screen, which has few lines: the steps that are worked on and those
    /// that do not pass, and one story.
    pub(crate) fn shown_short(&self, focus: &[StepNumber]) -> String {
        let columns = screen::columns();
        let mut shown = self.compiler(columns);
        for lab in &self.course.labs {
            shown.push_str(&self.table(lab, columns, |step, passes| {
                !passes || step.is_some_and(|step| focus.contains(&step))
            }));
        }
        let failed = self.most_useful_first();
        shown.push_str(&self.stories(failed.iter().take(1), columns));
        if let Some(more) = more_fail(failed.len().saturating_sub(1)) {
            shown.push_str(&format!("\n{more}: `cargo lab check` names them.\n"));
        }
        shown.push_str(&self.damage(columns));
        shown.push_str(&format!("\n{}\n", self.sum().bold()));
        shown
    }

    fn stories<'v>(
        &self,
        failed: impl Iterator<Item = &'v &'v Verdict<'a>>,
        columns: usize,
    ) -> String
    where
        'a: 'v,
    {
        let told = failed.filter_map(|verdict| {
            let points = Some(verdict.job.points).filter(|points| *points > 0);
            Some(format!("\n{}", verdict.story()?.shown(points, columns)))
        });
        told.collect()
    }

    /// Marks that cannot be found any more: what is written there counts for nobody.
    fn damage(&self, columns: usize) -> String {
        let faults = self.places.faults.iter().map(|fault| {
            let text = format!("! {fault}; without its marks a step is not graded");
            format!("\n{}\n", wrap(&text, columns, 2))
        });
        faults.collect()
    }

    /// All in one line.
    fn sum(&self) -> String {
        let (passed, all) =
            (self.verdicts.iter().filter(|verdict| verdict.passes()), self.verdicts);
        let (got, of) = (points(passed.clone()), points(all));
        let checks = match (passed.count(), all.len()) {
            (1, 1) => "the check passes".to_owned(),
            (_, 1) => "the check does not pass".to_owned(),
            (passed, all) => format!("{passed} of {all} checks pass"),
        };
        if of > 0 { format!("{checks}, {got} of {}", count(of, "point")) } else { checks }
    }

    /// Programs that do not compile, with the compiler's words, and those with warnings.
    fn compiler(&self, columns: usize) -> String {
        let mut shown = String::new();
        let mut told: Vec<&str> = Vec::new();
        for (name, program) in &self.built.programs {
            match program {
                Program::Broken(words) => {
                    shown.push_str(&format!("{} {name} does not compile\n", "✗".red().bold()));
                    if told.contains(&words.as_str()) {
                        continue;
                    }
                    told.push(words);
                    for line in words.lines().take(MOST_LINES_OF_COMPILER) {
                        shown.push_str(&format!("  {}\n", line.trim_end()));
                    }
                    let left = words.lines().count().saturating_sub(MOST_LINES_OF_COMPILER);
                    if left > 0 {
                        shown.push_str(&format!(
                            "  … {left} lines more: cargo build --bin {name}\n"
                        ));
                    }
                    shown.push('\n');
                }
                Program::Compiled { .. } => {}
            }
        }
        let warned = self.built.programs.iter().filter_map(|(name, program)| match program {
            Program::Compiled { warnings: warnings @ 1.., .. } => Some((name, *warnings)),
            _ => None,
        });
        for (name, warnings) in warned {
            let warnings = count(warnings as u64, "warning");
            let text = format!(
                "! the compiler has {warnings} for {name}: cargo build --bin {name} shows them"
            );
            shown.push_str(&format!("{}\n\n", wrap(&text, columns, 2)));
        }
        shown
    }

    /// A lab's steps, as far as checks of it were run.
    fn table(
        &self,
        lab: &Lab,
        columns: usize,
        is_wanted: impl Fn(Option<StepNumber>, bool) -> bool,
    ) -> String {
        let here: Vec<_> = self
            .verdicts
            .iter()
            .filter(|verdict| verdict.job.lab.number == lab.number)
            .collect();
        let Some(handout) = self.handouts.get(&lab.number).filter(|_| !here.is_empty()) else {
            return String::new();
        };
        let title = format!("lab {} · {}", lab.number, handout.title);
        let line = spread(&title, "checks  points", columns);
        let mut shown = format!("{}\n", line.bold());
        let steps = lab.numbers().map(Some).chain([None]);
        for step in steps {
            let of_step: Vec<_> =
                here.iter().filter(|verdict| verdict.job.step == step).copied().collect();
            let passes = of_step.iter().all(|verdict| verdict.passes());
            if of_step.is_empty() || !is_wanted(step, passes) {
                continue;
            }
            let (number, title) = match step {
                Some(number) => (number.to_string(), handout.step(number)),
                None => (String::new(), "what has to go on working"),
            };
            shown.push_str(&self.row(&number, title, &of_step, columns));
        }
        shown
    }

    fn row(
        &self,
        number: &str,
        title: &str,
        of_step: &[&Verdict<'_>],
        columns: usize,
    ) -> String {
        let passed = of_step.iter().filter(|verdict| verdict.passes());
        let of = points(of_step.iter().copied());
        let got = points(passed.clone().copied());
        let states: Vec<_> = of_step.iter().map(|verdict| self.state(verdict)).collect();
        let (mark, word) = if states.iter().all(|state| *state == State::Passed) {
            ("✓".green(), "")
        } else if states.contains(&State::Failed) {
            ("✗".red().bold(), "")
        } else if states.contains(&State::ToDo)
            || of_step.iter().any(|verdict| self.is_to_do(verdict))
        {
            ("·".normal(), "to do")
        } else {
            ("–".normal(), "waits")
        };
        let checks = format!("{}/{}", passed.count(), of_step.len());
        let points = if of > 0 { format!("{got}/{of}") } else { String::new() };
        let right = format!("{word}  {checks:>6}  {points:>6}");
        let room = columns.saturating_sub(measure_text_width(&right) + 11);
        let left = format!("  {mark} {number:<4} {}", cut(title, room));
        format!("{}\n", spread(&left, &right, columns).trim_end())
    }

    /// What to do next: what the compiler complains of comes first.
    ///
    /// # Errors
    /// A handout cannot be read.
    pub(crate) fn next(
        &self,
        progress: &Progress,
        near: &[StepNumber],
        detail: Detail,
    ) -> Result<String> {
        let mut programs = self.built.programs.iter();
        let broken = programs.find(|(_, program)| matches!(program, Program::Broken(_)));
        match broken {
            Some((name, _)) => {
                let title = format!("next: make {name} compile");
                Ok(format!("{}, as the compiler says above\n", title.bold()))
            }
            None => status::next(self.course, progress, self.places, near, detail),
        }
    }

    /// The checks that tell what is wrong: those for which others wait, then by step. What
    /// is still to be done tells nothing new, unless nothing else was asked for.
    fn most_useful_first(&self) -> Vec<&Verdict<'a>> {
        let in_state = |state| {
            let verdicts = self.verdicts.iter();
            verdicts.filter(move |verdict| self.state(verdict) == state)
        };
        let mut failed: Vec<_> = in_state(State::Failed).collect();
        let others = self.verdicts.iter();
        let awaited: BTreeSet<(u8, &str)> = others
            .filter_map(|other| Some((other.job.lab.number, other.waits_for()?)))
            .collect();
        failed.sort_by_key(|verdict| {
            !awaited.contains(&(verdict.job.lab.number, verdict.job.name))
        });
        if failed.is_empty() && self.asked_for_one() {
            let untold = in_state(State::ToDo).chain(in_state(State::Waits));
            failed.extend(untold.filter(|verdict| verdict.story().is_some()).take(1));
        }
        failed
    }

    /// Whether all checks are of one step.
    fn asked_for_one(&self) -> bool {
        let mut steps = self.verdicts.iter().map(|verdict| verdict.job.step);
        let first = steps.next();
        first.is_some_and(|first| steps.all(|step| step == first))
    }

    /// Why checks were not tried, once for each reason.
    fn waiting(&self, columns: usize) -> String {
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        let waiting = self
            .verdicts
            .iter()
            .filter(|verdict| self.state(verdict) == State::Waits && !self.is_to_do(verdict));
        for verdict in waiting {
            let reason = match &verdict.outcome {
                Outcome::Skipped(story) => story.fact("skipped").map(str::to_owned),
                Outcome::Failed(story) => {
                    story.not_yet().map(|step| format!("step {step} is not done yet"))
                }
                Outcome::Passed => None,
            };
            *reasons.entry(reason.unwrap_or_default()).or_default() += 1;
        }
        let mut shown = String::new();
        for (reason, number) in reasons {
            let text = format!("– {} skipped: {reason}", count(number, "check"));
            shown.push_str(&format!("\n{}", wrap(&text, columns, 2)));
        }
        if !shown.is_empty() {
            shown.push('\n');
        }
        shown
    }

    /// For tools.
    pub(crate) fn json(&self) -> Value {
        let programs = self.built.programs.iter().map(|(name, program)| match program {
            Program::Compiled { warnings, .. } => {
                json!({"name": name, "compiles": true, "warnings": warnings})
            }
            Program::Broken(words) => {
                json!({"name": name, "compiles": false, "message": words})
            }
        });
        json!({
            "format_version": FORMAT_VERSION,
            "points": points(self.verdicts.iter().filter(|verdict| verdict.passes())),
            "of": points(self.verdicts),
            "programs": programs.collect::<Vec<_>>(),
            "checks": self.verdicts.iter().map(|verdict| self.one(verdict)).collect::<Vec<_>>(),
        })
    }

    fn one(&self, verdict: &Verdict<'_>) -> Value {
        let Job { lab, step, name, points } = verdict.job;
        let fact = |label| verdict.story().and_then(|story| story.fact(label));
        let reason = match &verdict.outcome {
            Outcome::Skipped(story) => story.fact("skipped"),
            Outcome::Passed | Outcome::Failed(_) => None,
        };
        json!({
            "lab": lab.number,
            "step": step.map(|step: StepNumber| step.to_string()),
            "name": name,
            "outcome": match self.state(verdict) {
                State::Passed => "passed",
                State::Failed => "failed",
                State::ToDo => "to-do",
                State::Waits => "skipped",
            },
            "points": if verdict.passes() { points } else { 0 },
            "of": points,
            "seconds": (verdict.took.as_secs_f64() * 1000.0).round() / 1000.0,
            "should": fact("should happen"),
            "happened": fact("happened"),
            "cause": fact(CAUSE),
            "reason": reason,
            "story": verdict.story().map(|story| story.text.as_str()),
        })
    }
}

fn points<'v, 'a: 'v>(verdicts: impl IntoIterator<Item = &'v Verdict<'a>>) -> u32 {
    verdicts.into_iter().map(|verdict| u32::from(verdict.job.points)).sum()
}

/// The names of further checks that fail.
fn more(failed: &[&Verdict<'_>], columns: usize) -> String {
    let Some(more) = more_fail(failed.len()) else { return String::new() };
    let mut shown = format!("\n{more}; one tells its story with `cargo lab check NAME`:\n");
    for verdict in failed.iter().take(MOST_NAMES) {
        let step = verdict.job.step.map_or(String::new(), |step| step.to_string());
        let line = format!("  {} {}", pad(&step, 4), verdict.job.name);
        shown.push_str(&format!("{}\n", cut(&line, columns)));
    }
    let left = failed.len().saturating_sub(MOST_NAMES);
    if left > 0 {
        shown.push_str(&format!("       … and {left} more\n"));
    }
    shown
}

/// `3 more checks fail`; nothing for none.
fn more_fail(number: usize) -> Option<String> {
    let verb = if number == 1 { "fails" } else { "fail" };
    (number > 0).then(|| format!("{} {verb}", count(number as u64, "more check")))
}
