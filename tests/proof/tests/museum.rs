//! The museum: what is in it agrees with the course, its wrong programs are caught and told
//! their causes, its right ones pass.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lab::course::Course;
use proof::checks::{Checks, programs};
use proof::manifest;
use proof::results::{self, Row};
use proof::{museum, right};

/// One at a time: each keeps the machine busy.
static RUNS: Mutex<()> = Mutex::new(());

#[test]
fn each_program_has_its_wrong_ones() {
    let course = Course::read(&proof::root()).expect("a course");
    let exhibits = manifest::exhibits(&course).expect("the list is right");
    for program in programs(&course) {
        let count = exhibits.iter().filter(|exhibit| exhibit.program == program).count();
        assert!(count >= 10, "{program} has {count}");
    }
}

#[test]
fn each_check_catches_something() {
    let course = Course::read(&proof::root()).expect("a course");
    let mut caught = BTreeMap::<(u8, String), usize>::new();
    for exhibit in manifest::exhibits(&course).expect("the list is right") {
        for catch in exhibit.catches() {
            *caught.entry((catch.lab, catch.check)).or_default() += 1;
        }
    }
    let jobs = course.labs.iter().flat_map(lab::course::Lab::jobs);
    let idle: Vec<String> = jobs
        .filter(|job| !caught.contains_key(&(job.lab.number, job.name.to_owned())))
        .map(|job| format!("lab {} · {}", job.lab.number, job.name))
        .collect();
    assert!(idle.is_empty(), "{} checks have no exhibit:\n{}", idle.len(), idle.join("\n"));
}

#[test]
fn the_table_is_of_what_is_here() {
    let course = Course::read(&proof::root()).expect("a course");
    let exhibits = manifest::exhibits(&course).expect("the list is right").len();
    for row in [Row::Caught, Row::Told] {
        assert_eq!(
            results::recorded(&course.root, row).as_deref(),
            Some(format!("{exhibits} of {exhibits}").as_str()),
            "run `cargo run --package proof -- exhibits --record`"
        );
    }
}

#[test]
fn every_wrong_program_is_caught_and_told_its_cause() {
    let _alone = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    let checks = Checks::build(&proof::root()).expect("the checks compile");
    let shown = museum::show(&checks, |_| true).expect("the museum opens");
    assert!(shown.complaints.is_empty(), "{shown}");
}

#[test]
fn right_programs_pass() {
    let _alone = RUNS.lock().unwrap_or_else(PoisonError::into_inner);
    let checks = Checks::build(&proof::root()).expect("the checks compile");
    let accepted = right::try_all(&checks, |_| true, |_| true).expect("the museum opens");
    assert!(accepted.complaints.is_empty(), "{accepted}");
}
