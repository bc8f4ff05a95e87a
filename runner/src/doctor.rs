//! `cargo lab doctor`: what is wrong with this machine before a lab, and what helps. It looks,
//! changes nothing, and sends nothing anywhere but over loopback.
//!
//! - [`ports`]: the labs' ports and who holds them; [`processes`]: which process has which
//!   socket; [`network`]: loopback and `localhost`;
//! - [`tools`]: the compiler, `nc` and the like; [`kit`]: the project's folder;
//! - [`ask`]: other programs, with a limit of time.

mod ask;
mod kit;
mod network;
mod ports;
mod processes;
mod tools;

use std::thread;

use colored::Colorize;

use crate::course::Course;
use crate::screen::{count, wrap};

/// One thing that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What was found, in one sentence without a full stop.
    pub what: String,
    /// How it is.
    pub state: State,
}

/// How a thing is that was examined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// As it should be.
    Good,
    /// Good to know: something will be different, or is missing at one place.
    Note {
        /// What helps.
        remedy: String,
    },
    /// A lab, or handing it in, cannot be done until it is mended.
    Broken {
        /// What helps.
        remedy: String,
    },
}

impl Finding {
    fn good(what: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Good }
    }

    fn note(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Note { remedy: remedy.into() } }
    }

    fn broken(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what: what.into(), state: State::Broken { remedy: remedy.into() } }
    }

    /// What helps, unless it is as it should be.
    pub(crate) fn remedy(&self) -> Option<&str> {
        match &self.state {
            State::Good => None,
            State::Note { remedy } | State::Broken { remedy } => Some(remedy),
        }
    }

    /// Whether a lab cannot be done until this is mended.
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self.state, State::Broken { .. })
    }
}

/// Examines this machine and the project's folder, which takes a second or two.
pub(crate) fn examine(course: &Course) -> Vec<Finding> {
    type Probe = fn(&Course) -> Vec<Finding>;
    // Most of them wait for another program.
    let probes: [Probe; 9] = [
        tools::toolchain,
        tools::advisers,
        tools::tools,
        kit::crates,
        kit::folder,
        kit::git,
        kit::marks,
        network::examine,
        ports::examine,
    ];
    thread::scope(|scope| {
        let started = probes.map(|probe| {
            let thread = thread::Builder::new().spawn_scoped(scope, move || probe(course));
            (probe, thread)
        });
        let found = started.into_iter().map(|(probe, thread)| match thread {
            Ok(thread) => thread.join().unwrap_or_default(),
            Err(_) => probe(course),
        });
        found.flatten().collect()
    })
}

/// Whether a lab cannot be done until something is mended.
pub(crate) fn is_broken(findings: &[Finding]) -> bool {
    findings.iter().any(Finding::is_broken)
}

/// The findings for a screen of that many columns: a line for each, remedies below, and a
/// line that sums up.
pub(crate) fn shown(findings: &[Finding], columns: usize) -> String {
    let mut shown = String::new();
    for finding in findings {
        let mark = match finding.state {
            State::Good => "✓".green(),
            State::Note { .. } => "!".yellow(),
            State::Broken { .. } => "✗".red().bold(),
        };
        shown.push_str(&format!("{mark} {}\n", wrap(&finding.what, columns, 2)));
        if let Some(remedy) = finding.remedy() {
            shown.push_str(&format!("    {}\n", wrap(remedy, columns, 4)));
        }
    }
    let broken = findings.iter().filter(|finding| finding.is_broken()).count() as u64;
    let notes = findings.iter().filter(|finding| finding.remedy().is_some()).count() as u64;
    let sum = match (broken, notes - broken) {
        (0, 0) => "All is well: the labs can begin.".to_owned(),
        (0, notes) => {
            format!("The labs can begin; {} to know, marked !.", count(notes, "thing"))
        }
        (broken, _) => {
            let it = if broken == 1 { "it" } else { "them" };
            format!(
                "{} to mend first, marked ✗: what is below {it} helps.",
                count(broken, "thing")
            )
        }
    };
    format!("{shown}\n{}\n", wrap(&sum, columns, 0).bold())
}

/// `a, b and c`, or with another word before the last.
fn joined(names: &[impl AsRef<str>], before_last: &str) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match &names[..] {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} {before_last} {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_screen_has_a_mark_for_each_and_remedies_below() {
        colored::control::set_override(false);
        let findings = [
            Finding::good("one"),
            Finding::note("two", "do this"),
            Finding::broken("three", "do that"),
        ];
        assert!(is_broken(&findings));
        assert_eq!(
            shown(&findings, 79),
            "✓ one\n! two\n    do this\n✗ three\n    do that\n\n\
             1 thing to mend first, marked ✗: what is below it helps.\n"
        );
        assert!(!is_broken(&findings[..2]));
        assert!(
            shown(&findings[..2], 79)
                .ends_with("The labs can begin; 1 thing to know, marked !.\n")
        );
        assert!(shown(&findings[..1], 79).ends_with("\nAll is well: the labs can begin.\n"));
    }

    #[test]
    fn this_machine_can_be_examined() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let course = Course::read(&root).expect("the course");
        let findings = examine(&course);
        assert!(findings.len() > 10, "{findings:?}");
        for finding in findings {
            assert_ne!(finding.remedy(), Some(""), "{finding:?}");
            assert!(!finding.what.ends_with('.'), "{finding:?}");
        }
    }
}
