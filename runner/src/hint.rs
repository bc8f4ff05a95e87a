//! `cargo lab hint STEP`: three hints, each clearer than the one before, one at a time.

use anyhow::{Context, Result};
use colored::Colorize;

use crate::course::{Course, StepNumber};
use crate::handout::Handout;
use crate::places::Places;
use crate::progress::Progress;
use crate::screen::{self, spread, wrap};
use crate::status;

/// The next hint of the step that is next, for whoever works on those `near`.
///
/// # Errors
/// A program or a handout cannot be read.
pub(crate) fn next(course: &Course, near: &[StepNumber]) -> Result<String> {
    let (progress, places) = (Progress::read(&course.root), Places::read(&course.root)?);
    match status::next_step(course, &progress, &places, near) {
        Some(step) => hint(course, step),
        None => {
            Ok("All steps are done; `cargo lab hint 2.1` shows those of step 2.1.\n".to_owned())
        }
    }
}

/// The next hint of a step, for the screen; after the last one all of them.
///
/// # Errors
/// There is no such step, or its handout cannot be read.
pub(crate) fn hint(course: &Course, number: StepNumber) -> Result<String> {
    let (lab, step) =
        course.step(number).with_context(|| format!("there is no step {number}"))?;
    let handout = Handout::read(&course.root, lab)?;
    let before = Progress::read(&course.root).hints(number).min(step.hints.len());
    let all_given = before == step.hints.len();
    if !all_given {
        Progress::remember(&course.root, |progress| progress.give_hint(number));
    }
    let columns = screen::columns();
    let mut shown = String::new();
    let given = if all_given { 0..before } else { before..before + 1 };
    for (index, hint) in
        step.hints.iter().enumerate().filter(|(index, _)| given.contains(index))
    {
        let left = format!("step {number} · {}", handout.step(number));
        let right = format!("hint {} of {}", index + 1, step.hints.len());
        shown.push_str(&format!("{}\n\n", spread(&left, &right, columns).bold()));
        shown.push_str(&format!("  {}\n\n", wrap(hint.trim(), columns, 2)));
    }
    let further = if all_given || before + 1 == step.hints.len() {
        format!("That was the last one. The handout tells the rest: {}", handout.place(number))
    } else {
        format!("Try again with that; `cargo lab hint {number}` then gives the next one.")
    };
    shown.push_str(&format!("{}\n", wrap(&further, columns, 0).dimmed()));
    Ok(shown)
}
