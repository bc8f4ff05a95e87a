//! Each wrong program before the checks that must catch it.

use std::fmt;

use anyhow::Result;
use lab::check::Outcome;
use lab::story::CAUSE;

use crate::checks::{Checks, Programs, side_by_side};
use crate::manifest::{self, Catch, Exhibit};

/// What has come of showing exhibits to the checks.
pub struct Shown {
    /// How many exhibits there were.
    pub exhibits: usize,
    /// How many of them every check caught that must.
    pub caught: usize,
    /// How many of them were told their cause, too.
    pub told: usize,
    /// How many times a check was tried again.
    pub again: usize,
    /// What was wrong with the others.
    pub complaints: Vec<String>,
}

/// How a check did on an exhibit.
enum Verdict {
    Told,
    CaughtOnly(String),
    Missed(String),
}

/// Shows exhibits to the checks that must catch them: those of which `is_wanted` says so.
///
/// # Errors
/// The museum cannot be opened.
pub fn show(checks: &Checks, is_wanted: impl Fn(&Exhibit) -> bool) -> Result<Shown> {
    let mut exhibits = manifest::exhibits(&checks.course)?;
    exhibits.retain(is_wanted);
    let programs = Programs::of_the_museum(&checks.course)?;
    let each = exhibits
        .iter()
        .flat_map(|exhibit| exhibit.catches().map(move |catch| (exhibit, catch)));
    let mut verdicts = side_by_side(each.collect(), |(exhibit, catch)| {
        let it = verdict(checks, &programs, exhibit, &catch);
        (exhibit, catch, it)
    })?;
    let mut shown = Shown {
        exhibits: exhibits.len(),
        caught: 0,
        told: 0,
        again: 0,
        complaints: Vec::new(),
    };
    // On a machine that is busy with all of them, what a wrong program does too late may hide
    // what it does wrong. Then it is shown once more, alone.
    for (exhibit, catch, it) in &mut verdicts {
        if !matches!(it, Verdict::Told) && !checks.stop.is_set() {
            shown.again += 1;
            *it = verdict(checks, &programs, exhibit, catch);
        }
    }
    for exhibit in &exhibits {
        let its = || verdicts.iter().filter(|(of, ..)| std::ptr::eq(*of, exhibit));
        shown.caught += usize::from(its().all(|(.., it)| !matches!(it, Verdict::Missed(_))));
        shown.told += usize::from(its().all(|(.., it)| matches!(it, Verdict::Told)));
        for (.., it) in its() {
            if let Verdict::CaughtOnly(why) | Verdict::Missed(why) = it {
                shown.complaints.push(format!("{}: {why}", exhibit.title()));
            }
        }
    }
    Ok(shown)
}

fn verdict(checks: &Checks, programs: &Programs, exhibit: &Exhibit, catch: &Catch) -> Verdict {
    let Catch { lab, check, cause } = catch;
    let programs = programs.in_the_manner(exhibit.name.get_ref());
    let story = match checks.one(*lab, check, &programs) {
        Ok(Outcome::Failed(story)) => story,
        Ok(Outcome::Passed) => return Verdict::Missed(format!("{check} passes")),
        Ok(Outcome::Skipped(story)) => {
            let text = &story.text;
            return Verdict::Missed(format!("{check} was not tried:\n{text}"));
        }
        Err(error) => return Verdict::Missed(format!("{error:#}")),
    };
    // A story is broken into lines where it is full.
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if story.fact(CAUSE).is_some_and(|told| words(told).contains(cause)) {
        Verdict::Told
    } else {
        let text = &story.text;
        Verdict::CaughtOnly(format!("{check} does not tell {cause:?}:\n{text}"))
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for complaint in &self.complaints {
            writeln!(f, "{complaint}\n")?;
        }
        let Self { exhibits, caught, told, again, .. } = self;
        write!(f, "{caught} of {exhibits} wrong programs are caught, {told} told their cause")?;
        if *again > 0 {
            write!(f, "; {again} at a second try, alone")?;
        }
        Ok(())
    }
}
