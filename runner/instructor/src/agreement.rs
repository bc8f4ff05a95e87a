//! Marks, handouts, `lab.toml` and checks say the same, each of the others.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use toml_edit::DocumentMut;

use lab::course::{Check, Course, Lab, POINTS};
use lab::fault::{Fault, Faults};
use lab::handout::{Handout, Section};
use lab::places::Places;
use lab::project::{SOURCES, read};
use lab::screen::count;

/// Books with a table of the labs.
const BOOKS: &[&str] = &["GUIDE.md", "INSTRUCTORS.md"];

/// Where the checks' files have their names.
const MANIFEST: &str = "tests/Cargo.toml";

/// For no step more than three files have to be open, and the handout is one of them.
const MOST_FILES: usize = 2;

/// Compares them all.
///
/// # Errors
/// [`Faults`], or a file that cannot be read.
pub fn check(course: &Course) -> Result<()> {
    let places = Places::read(&course.root)?;
    let mut faults = places.faults.clone();
    for (number, place) in places.all() {
        if course.step(number).is_none() {
            let what = format!("step {number} is in no lab.toml");
            faults.push(Fault::new(&place.file, place.line, what));
        }
    }
    let tests = tests_in(&read(&course.root, Path::new(MANIFEST))?);
    for lab in &course.labs {
        compare_steps(course, lab, &places, &mut faults)?;
        find_programs(course, lab, &mut faults);
        compare_checks(course, lab, &tests, &mut faults)?;
    }
    for book in BOOKS.iter().map(Path::new) {
        if course.root.join(book).exists() {
            compare_plan(course, book, &mut faults)?;
        }
    }
    Ok(Faults::none_in(faults)?)
}

/// The minutes and points of each lab where a book has a table of them.
fn compare_plan(course: &Course, book: &Path, faults: &mut Vec<Fault>) -> Result<()> {
    let rows: Vec<_> = course
        .labs
        .iter()
        .map(|lab| {
            let link = format!("]({})", lab.handout().display());
            (link, lab.minutes(), lab.points())
        })
        .collect();
    let all = rows.iter().map(|(_, minutes, _)| minutes).sum();
    let text = read(&course.root, book)?;
    let table = || text.lines().zip(1..).filter(|(line, _)| line.starts_with('|'));
    for (link, ..) in &rows {
        if !table().any(|(line, _)| line.contains(link)) {
            let what = format!("no row of a table has a link {}", &link[1..]);
            faults.push(Fault::new(book, 1, what));
        }
    }
    let sum = ("| all |".to_owned(), all, POINTS);
    for (line, index) in table() {
        let row = rows.iter().chain([&sum]).find(|(sign, ..)| line.contains(sign));
        let Some((_, minutes, points)) = row else { continue };
        let end = format!("| {minutes} | {points} |");
        if !line.ends_with(&end) {
            faults.push(Fault::new(book, index, format!("this row does not end with {end}")));
        }
    }
    Ok(())
}

/// The steps of a lab: in `lab.toml`, in the handout, in a program.
fn compare_steps(
    course: &Course,
    lab: &Lab,
    places: &Places,
    faults: &mut Vec<Fault>,
) -> Result<()> {
    let handout = Handout::read(&course.root, lab)?;
    let whole =
        format!("Time: about {} minutes. Points: {} of 100.", lab.minutes(), lab.points());
    if !handout.text.lines().any(|line| line == whole) {
        faults.push(Fault::new(&handout.file, 1, format!("no line says \"{whole}\"")));
    }
    for section in &handout.sections {
        if !lab.numbers().any(|number| number == section.number) {
            let what = format!("step {} is not in {}", section.number, lab.file().display());
            faults.push(Fault::new(&handout.file, section.line, what));
        }
    }
    for (number, step) in lab.steps() {
        let Some(place) = places.found(number) else {
            faults.push(
                lab.fault(&step.number, format!("no program has marks of step {number}")),
            );
            continue;
        };
        let Some(section) = handout.sections.iter().find(|its| its.number == number) else {
            let shown = handout.file.display();
            let what = format!("step {number} has no heading in {shown}");
            faults.push(Fault::new(&place.file, place.line, what));
            continue;
        };
        let mut fault =
            |what: String| faults.push(Fault::new(&handout.file, section.line, what));
        let (minutes, points) = (step.minutes, step.points());
        let counted = count(points, "point");
        let summary =
            format!("](../../{}) · {minutes} minutes · {counted}", place.file.display());
        if !section.lines.iter().any(|line| line.starts_with('[') && line.ends_with(&summary)) {
            fault(format!("no line of step {number} is like \"[`name`{summary}\""));
        }
        let row = format!("| {number} | {points} |");
        if !handout.text.lines().any(|line| line.starts_with(&row)) {
            fault(format!("no row of its table of points begins with {row}"));
        }
        let command = format!("cargo lab check {number}");
        if !section.lines.contains(&command) {
            fault(format!("no line of step {number} is \"{command}\""));
        }
        let files = files(section);
        if files.len() > MOST_FILES {
            let files: Vec<_> = files.into_iter().collect();
            fault(format!("step {number} sends its reader to {}", files.join(", ")));
        }
    }
    Ok(())
}

/// The programs of a lab are there.
fn find_programs(course: &Course, lab: &Lab, faults: &mut Vec<Fault>) {
    for name in &lab.plan.programs {
        let place = Path::new(SOURCES).join("bin").join(name);
        let file = place.with_extension("rs");
        if !course.root.join(&place).is_dir() && !course.root.join(&file).is_file() {
            let what = format!("there is no {}, nor a folder of that name", file.display());
            faults.push(Fault::new(&lab.file(), 1, what));
        }
    }
}

/// The checks of a lab: in `lab.toml` and in their file, which is one of the `tests` that
/// cargo knows.
fn compare_checks(
    course: &Course,
    lab: &Lab,
    tests: &BTreeSet<String>,
    faults: &mut Vec<Fault>,
) -> Result<()> {
    let file = lab.checks();
    if !tests.contains(&lab.plan.test) {
        let what = format!("{MANIFEST} has no [[test]] of the name {}", lab.plan.test);
        faults.push(Fault::new(&lab.file(), 1, what));
    }
    let there = checks_in(&read(&course.root, &file)?);
    let counted = lab.plan.steps.iter().flat_map(|step| &step.checks);
    let listed: Vec<_> =
        lab.plan.given.iter().chain(counted.map(|Check { name, .. }| name)).collect();
    for (index, name) in listed.iter().enumerate() {
        let shown = name.get_ref();
        if !there.iter().any(|(_, its)| its == shown) {
            let what = format!("{} has no check {shown}", file.display());
            faults.push(lab.fault(name, what));
        }
        if listed[..index].iter().any(|before| before.get_ref() == shown) {
            faults.push(lab.fault(name, format!("{shown} stands here twice")));
        }
    }
    for (line, name) in there {
        if !listed.iter().any(|listed| *listed.get_ref() == name) {
            let what = format!("{name} is not in {}", lab.file().display());
            faults.push(Fault::new(&file, line, what));
        }
    }
    Ok(())
}

/// The source files that a section links to.
fn files(section: &Section) -> BTreeSet<&str> {
    let links = section.lines.iter().flat_map(|line| line.split("](").skip(1));
    let targets = links.filter_map(|link| link.split([')', '#']).next());
    let targets = targets.filter_map(|target| target.strip_prefix("../../"));
    targets.filter(|target| Path::new(target).starts_with(SOURCES)).collect()
}

/// The names of the tests that a manifest has.
fn tests_in(manifest: &str) -> BTreeSet<String> {
    let manifest = manifest.parse::<DocumentMut>().unwrap_or_default();
    let tests = manifest.get("test").and_then(|tests| tests.as_array_of_tables());
    let names = tests.into_iter().flatten().filter_map(|test| test.get("name"));
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// The names of the functions that are `#[test]`, each with its line.
fn checks_in(text: &str) -> Vec<(usize, String)> {
    let (mut checks, mut is_test) = (Vec::new(), false);
    for (line, index) in text.lines().zip(1..) {
        let line = line.trim();
        if line == "#[test]" {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("fn ").filter(|_| is_test) {
            let name = rest.split('(').next().unwrap_or_default();
            checks.push((index, name.to_owned()));
            is_test = false;
        }
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_a_function_below_its_attribute() {
        let text = "#[test]\n#[ignore = \"long\"]\nfn one() {\n}\nfn helper() {}\n#[test]\nfn two() {}\n";
        assert_eq!(checks_in(text), [(3, "one".to_owned()), (7, "two".to_owned())]);
    }
}
