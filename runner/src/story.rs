//! What a failed check tells, taken apart. The checks write it for people:
//!
//! ```text
//! ✗ lab 2 · the_check
//!   should happen   …
//!   happened        …, over as many lines
//!                   as it takes
//!   likely cause    …
//!     client :53574                          server :12000
//!       | ---- "hello\n" (6 bytes) ------------> |
//!   try it          …
//! ```
//!
//! A check that only refers to another begins with `–`.

use colored::Colorize;

use crate::course::StepNumber;
use crate::screen;

/// Marks the beginning of a failed check's story.
pub(crate) const FAILED: &str = "✗ ";

/// Marks the beginning of what a check says that has not been tried.
const SKIPPED: &str = "– ";

/// How a program ends that comes to a place that is not filled in.
const NOT_YET: &str = "not yet implemented: ";

/// Behind this stands what the check takes for the cause.
pub const CAUSE: &str = "likely cause";

/// The text of a labelled line begins in this column.
const INDENT: usize = 18;

/// A failed check's story.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Story {
    /// As the check has written it.
    pub text: String,
    /// Whether the check was not tried at all.
    pub is_skipped: bool,
    facts: Vec<(String, String)>,
}

impl Story {
    /// Finds the story in what a check wrote to stderr.
    pub fn read(stderr: &str) -> Option<Self> {
        let starts = |line: &&str| line.starts_with(FAILED) || line.starts_with(SKIPPED);
        let lines: Vec<&str> = stderr.lines().skip_while(|line| !starts(line)).collect();
        let (headline, rest) = lines.split_first()?;
        let mut facts: Vec<(String, String)> = Vec::new();
        for line in rest {
            let (label, text) = line.split_at_checked(INDENT).unwrap_or((line, ""));
            if label.trim().is_empty() {
                if let Some((_, before)) = facts.last_mut() {
                    before.push(' ');
                    before.push_str(text);
                }
            } else if is_label(label) {
                facts.push((label.trim().to_owned(), text.to_owned()));
            }
        }
        let is_skipped = headline.starts_with(SKIPPED);
        Some(Self { text: lines.join("\n"), is_skipped, facts })
    }

    /// What stands behind a label, in one line.
    pub fn fact(&self, label: &str) -> Option<&str> {
        self.facts.iter().find(|(its, _)| its == label).map(|(_, text)| text.as_str())
    }

    /// The step that is not done yet, if a program has come to its place.
    pub(crate) fn not_yet(&self) -> Option<StepNumber> {
        let cause = self.fact(CAUSE)?;
        let (_, what) = cause.split_once(NOT_YET)?;
        what.split(':').next()?.parse().ok()
    }

    /// For the screen, with the points in its first line.
    pub(crate) fn shown(&self, points: Option<u16>, columns: usize) -> String {
        let (mut shown, mut label) = (String::new(), "");
        for (number, line) in self.text.lines().enumerate() {
            let line = if number == 0 {
                let points = points.map(|points| format!("0/{points} points"));
                headline(line, &points.unwrap_or_default(), columns)
            } else {
                painted(line, &mut label)
            };
            shown.push_str(line.trim_end());
            shown.push('\n');
        }
        shown
    }
}

fn headline(line: &str, points: &str, columns: usize) -> String {
    let line = screen::spread(line, points, columns);
    let mark_ends = line.find(' ').unwrap_or_default();
    let (mark, rest) = line.split_at(mark_ends);
    format!("{}{}", mark.red().bold(), rest.bold())
}

/// A line behind the headline; `label` is the one that it has, or goes on with.
fn painted<'a>(line: &'a str, label: &mut &'a str) -> String {
    let Some((start, text)) = line.split_at_checked(INDENT) else { return line.to_owned() };
    // A label may be longer than its column, as that of a program's last words.
    if is_label(start) && start.ends_with(' ') {
        *label = start.trim();
    } else if !start.trim().is_empty() {
        *label = "";
        return line.to_owned();
    }
    let text = if *label == CAUSE { text.yellow() } else { text.normal() };
    format!("{}{text}", start.dimmed())
}

fn is_label(start: &str) -> bool {
    start.starts_with("  ") && !start.starts_with("   ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "\
✗ lab 2 · one_check
  should happen   both lines come back
                  in uppercase
  likely cause    tcp_server crashed: src/bin/tcp_server.rs:9:5 not yet
                  implemented: 2.2: answer
    client :53574                          server :12000
      | ---- \"hello\\n\" (6 bytes) ------------> |
  more            labs/2
";

    #[test]
    fn facts_are_put_together_again() {
        let story = Story::read(&format!("noise\n{TOLD}")).expect("a story");
        assert_eq!(story.fact("should happen"), Some("both lines come back in uppercase"));
        assert_eq!(story.fact("more"), Some("labs/2"));
        assert_eq!(story.fact("client"), None);
        assert_eq!(story.not_yet(), "2.2".parse().ok());
        assert!(!story.is_skipped);
        assert_eq!(format!("{}\n", story.text), TOLD);
    }

    #[test]
    fn the_headline_has_the_points() {
        let story = Story::read("✗ lab 2 · x\n").expect("a story");
        colored::control::set_override(false);
        assert_eq!(story.shown(Some(4), 30), "✗ lab 2 · x         0/4 points\n");
    }

    #[test]
    fn without_a_headline_there_is_no_story() {
        assert_eq!(Story::read("thread 'x' panicked at tests/lab.rs:1:1:\n"), None);
    }
}
