//! `cargo lab`: the labs, how far each is done, and what comes next.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Result;
use colored::Colorize;

use crate::course::{Course, Lab, POINTS, StepNumber};
use crate::handout::Handout;
use crate::places::Places;
use crate::progress::Progress;
use crate::project::{self, SOURCES};
use crate::screen::{self, count, cut, spread, wrap};

/// All labs.
///
/// # Errors
/// A handout or a program cannot be read.
pub(crate) fn status(course: &Course) -> Result<String> {
    let columns = screen::columns();
    let progress = Progress::read(&course.root);
    let places = Places::read(&course.root)?;
    let all: u32 = course.labs.iter().map(|lab| progress.points(lab)).sum();
    let mut shown = String::new();
    let line = spread("Socket lab", &format!("{all} of {POINTS} points"), columns);
    let _ = writeln!(shown, "{}\n", line.bold());
    let most_steps = course.labs.iter().map(|lab| lab.plan.steps.len()).max().unwrap_or(0);
    for lab in &course.labs {
        let handout = Handout::read(&course.root, lab)?;
        let _ =
            writeln!(shown, "{}", row(lab, &handout, &progress, &places, most_steps, columns));
    }
    let _ = writeln!(shown, "\n{}", legend(course, &progress, &places, columns));
    for fault in &places.faults {
        let text = format!("! {fault}; `git diff` shows what was changed");
        let _ = writeln!(shown, "{}", wrap(&text, columns, 2));
    }
    let _ = write!(shown, "\n{}", next(course, &progress, &places, &[], Detail::All)?);
    Ok(shown)
}

fn row(
    lab: &Lab,
    handout: &Handout,
    progress: &Progress,
    places: &Places,
    most_steps: usize,
    columns: usize,
) -> String {
    let steps = lab.numbers().map(|step| match step {
        step if is_done(lab, step, progress, places) => "■".green().to_string(),
        step if places.is_to_do(step) => "·".to_owned(),
        _ => "□".to_owned(),
    });
    let steps: String = steps.collect();
    let missing = most_steps - lab.plan.steps.len();
    let right = format!(
        "{steps}{:missing$}  {:>2}/{:<2} points",
        "",
        progress.points(lab),
        lab.points()
    );
    let room = columns.saturating_sub(console::measure_text_width(&right) + 7);
    spread(&format!("  {}  {}", lab.number, cut(&handout.title, room)), &right, columns)
}

fn legend(course: &Course, progress: &Progress, places: &Places, columns: usize) -> String {
    let signs = "A sign for each step: ■ its checks pass, □ begun, · as it was given.";
    let checked = |lab: &Lab| progress.checked_at(lab);
    let stale = course.labs.iter().filter(|lab| {
        let changed = changed(course, lab, places);
        checked(lab).zip(changed).is_some_and(|(checked, changed)| changed > checked)
    });
    let stale: Vec<String> = stale.map(|lab| lab.number.to_string()).collect();
    let last = course.labs.iter().filter_map(checked).max();
    let when = match (last, &stale[..]) {
        (None, _) => "Nothing has been checked yet: cargo lab check".to_owned(),
        (Some(last), []) => format!("Last checked {} ago.", age(last)),
        (_, [lab]) => {
            format!("Lab {lab} has changed since it was checked: cargo lab check {lab}")
        }
        (_, labs) => format!(
            "Labs {} have changed since they were checked: cargo lab check",
            labs.join(", ")
        ),
    };
    format!("{}\n{}", wrap(signs, columns, 0).dimmed(), wrap(&when, columns, 0))
}

/// When a file was changed last that matters to a lab: one with a place of it or of a lab
/// before, or one of its programs.
fn changed(course: &Course, lab: &Lab, places: &Places) -> Option<SystemTime> {
    let programs = Path::new(SOURCES).join("bin");
    let matters = |file: &PathBuf| {
        let stem = file.strip_prefix(&programs).ok().map(|file| file.with_extension(""));
        match stem {
            Some(stem) => lab.plan.programs.iter().any(|name| stem.starts_with(name)),
            None => places.steps_in(file).iter().any(|step| step.lab <= lab.number),
        }
    };
    let files = project::source_files(&course.root).ok()?;
    let files = files.iter().filter(|file| matters(file));
    files.filter_map(|file| fs::metadata(course.root.join(file)).ok()?.modified().ok()).max()
}

fn age(then: SystemTime) -> String {
    let minutes = then.elapsed().unwrap_or_default().as_secs() / 60;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..60 => count(minutes, "minute"),
        60..1440 => count(minutes / 60, "hour"),
        _ => count(minutes / 1440, "day"),
    }
}

/// The first step that is not done: of those `near` one that has failed, else one of their
/// labs, else any.
pub(crate) fn next_step(
    course: &Course,
    progress: &Progress,
    places: &Places,
    near: &[StepNumber],
) -> Option<StepNumber> {
    let steps = course.labs.iter().flat_map(|lab| lab.numbers().map(move |step| (lab, step)));
    let open = steps.filter(|(lab, step)| !is_done(lab, *step, progress, places));
    let distance = |(lab, step): &(&Lab, StepNumber)| {
        if near.contains(step) && progress.has_failed(lab, *step) {
            0
        } else {
            1 + u8::from(!near.iter().any(|near| near.lab == lab.number))
        }
    };
    open.min_by_key(distance).map(|(_, step)| step)
}

/// Whether a step's checks have passed, or it was given solved and nothing says otherwise.
fn is_done(lab: &Lab, step: StepNumber, progress: &Progress, places: &Places) -> bool {
    progress.is_done(lab, step) || places.is_solved(step) && !progress.has_failed(lab, step)
}

/// How much is said of what to do next.
#[derive(Clone, Copy)]
pub(crate) enum Detail {
    /// The step, its handout, its place, its check, its hints.
    All,
    /// The step and its place, in one line.
    Line,
}

/// What to do next.
///
/// # Errors
/// A handout cannot be read.
pub(crate) fn next(
    course: &Course,
    progress: &Progress,
    places: &Places,
    near: &[StepNumber],
    detail: Detail,
) -> Result<String> {
    let found = next_step(course, progress, places, near);
    let Some((number, (lab, step))) =
        found.and_then(|number| Some((number, course.step(number)?)))
    else {
        let is_checked = course.labs.iter().all(|lab| progress.checked_at(lab).is_some());
        let check = if is_checked { "" } else { " `cargo lab check` checks them." };
        return Ok(format!("All steps are done.{check}\n"));
    };
    let handout = Handout::read(&course.root, lab)?;
    let title = format!("next: {number} {}", handout.step(number));
    let place = places.found(number);
    let place = place.map(|place| format!("{}:{}", place.file.display(), place.line));
    if matches!(detail, Detail::Line) {
        let place = place.map(|place| format!(" · {place}")).unwrap_or_default();
        return Ok(format!("{}{place}\n", title.bold()));
    }
    let about = format!(
        " · about {} · {}",
        count(step.minutes, "minute"),
        count(step.points(), "point")
    );
    let title = format!("{}{about}", title.bold());
    let mut shown = format!("{}\n", wrap(&title, screen::columns(), 2));
    let mut line = |label: &str, text: &str| {
        let _ = writeln!(shown, "  {} {text}", format!("{label:<7}").dimmed());
    };
    line("read", &handout.place(number));
    if let Some(place) = place {
        line("write", &place);
    }
    line("check", &format!("cargo lab check {number}"));
    line("stuck?", &format!("cargo lab hint {number}"));
    Ok(shown)
}
