//! Marks: the places in the finished programs that students fill in.
//!
//! ```text
//! // Fill in start 2.2: answer in uppercase until the client closes its side
//! …the solution, whole statements…
//! // Fill in instead: todo!("2.2: answer in uppercase until the client closes its side")
//! // Fill in end 2.2
//! ```
//!
//! What stands behind `instead:` takes the solution's place in the students' kit; there may
//! be several such lines, or none. The lines of start and end stay, solved or not, so that
//! the place can be found again.

use std::path::Path;

use crate::course::StepNumber;
use crate::fault::Fault;

const MARK: &str = "// Fill in ";

/// A file cut at its marks.
pub struct Marked<'a> {
    pieces: Vec<Piece<'a>>,
}

/// A place that students fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// Its step.
    pub step: StepNumber,
    /// What is to be done there, in a few words.
    pub what: &'a str,
    /// The line of its beginning, counted from 1.
    pub line: usize,
    start: &'a str,
    end: &'a str,
    solution: Vec<&'a str>,
    starter: Vec<String>,
}

impl Place<'_> {
    /// The lines between its marks: the solution, what a kit has instead, or what a student
    /// has written.
    pub fn content(&self) -> String {
        self.solution.concat()
    }
}

enum Piece<'a> {
    Line(&'a str),
    Place(Place<'a>),
}

impl<'a> Marked<'a> {
    /// Finds the marks of a file.
    ///
    /// # Errors
    /// Marks that are nested, not closed, have no number, or are none at all.
    pub fn read(file: &Path, text: &'a str) -> Result<Self, Vec<Fault>> {
        Self::cut(file, text, Reader::Author)
    }

    /// As [`Marked::read`], for a file of a kit: a student may write comments like any.
    ///
    /// # Errors
    /// Marks that are nested or not closed.
    pub fn read_in_kit(file: &Path, text: &'a str) -> Result<Self, Vec<Fault>> {
        Self::cut(file, text, Reader::Student)
    }

    fn cut(file: &Path, text: &'a str, reader: Reader) -> Result<Self, Vec<Fault>> {
        let (mut pieces, mut faults) = (Vec::new(), Vec::new());
        let mut open: Option<Place<'a>> = None;
        for (index, line) in text.split_inclusive('\n').enumerate() {
            let mut fault = |what: String| faults.push(Fault::new(file, index + 1, what));
            let is_strict = matches!(reader, Reader::Author);
            let mark = mark_in(line).filter(|(_, mark)| is_strict || Mark::read(mark).is_ok());
            let Some((indent, mark)) = mark else {
                if is_strict && is_nearly_a_mark(line) {
                    fault(format!("a mark begins with \"{MARK}\", exactly"));
                }
                match &mut open {
                    Some(place) => place.solution.push(line),
                    None => pieces.push(Piece::Line(line)),
                }
                continue;
            };
            match (Mark::read(mark), &mut open) {
                (Err(what), _) => fault(what),
                (Ok(Mark::Start(step, what)), None) => {
                    open = Some(Place {
                        step,
                        what,
                        line: index + 1,
                        start: line,
                        end: "",
                        solution: Vec::new(),
                        starter: Vec::new(),
                    });
                }
                (Ok(Mark::Start(step, _)), Some(place)) => fault(format!(
                    "step {step} begins within step {}, which begins in line {}",
                    place.step, place.line
                )),
                (Ok(Mark::Instead(code)), Some(place)) => {
                    let (step, line_end) = (place.step, line_end(line));
                    if code.contains("todo!(\"") && !code.contains(&format!("todo!(\"{step}: "))
                    {
                        fault(format!("this todo! does not say \"{step}: …\""));
                    }
                    let code = format!("{indent}{code}");
                    place.starter.push(code.trim_end().to_owned() + line_end);
                }
                (Ok(Mark::End(step)), Some(place)) if step == place.step => {
                    place.end = line;
                    pieces.extend(open.take().map(Piece::Place));
                }
                (Ok(Mark::End(step)), Some(place)) => {
                    fault(format!("the end of step {step} stands within step {}", place.step));
                }
                (Ok(Mark::Instead(_) | Mark::End(_)), None) => {
                    fault("this mark stands in no step".to_owned());
                }
            }
        }
        if let Some(place) = open {
            let what = format!("step {} has no end", place.step);
            faults.push(Fault::new(file, place.line, what));
        }
        if faults.is_empty() { Ok(Self { pieces }) } else { Err(faults) }
    }

    /// The places, from top to bottom.
    pub fn places(&self) -> impl Iterator<Item = &Place<'a>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Place(place) => Some(place),
            Piece::Line(_) => None,
        })
    }

    /// The file as students get it, with the solutions of those steps.
    pub fn with_solutions(&self, is_solved: impl Fn(StepNumber) -> bool) -> String {
        self.with(
            |place| {
                if is_solved(place.step) { place.content() } else { place.starter.concat() }
            },
        )
    }

    /// The file with other lines between the marks of a step.
    pub fn with_content(&self, step: StepNumber, content: &str) -> String {
        self.with(|place| if place.step == step { content.to_owned() } else { place.content() })
    }

    fn with(&self, content: impl Fn(&Place<'a>) -> String) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Line(line) => text.push_str(line),
                Piece::Place(place) => {
                    text.push_str(place.start);
                    text.push_str(&content(place));
                    text.push_str(place.end);
                }
            }
        }
        text
    }
}

/// Whose mistakes are told.
#[derive(Clone, Copy)]
enum Reader {
    /// What is nearly a mark was meant for one.
    Author,
    /// The marks are there already, and are only to be left.
    Student,
}

enum Mark<'a> {
    Start(StepNumber, &'a str),
    Instead(&'a str),
    End(StepNumber),
}

impl<'a> Mark<'a> {
    /// Reads what stands behind `// Fill in `.
    fn read(mark: &'a str) -> Result<Self, String> {
        if let Some(code) = mark.strip_prefix("instead:") {
            return Ok(Self::Instead(code.strip_prefix(' ').unwrap_or(code)));
        }
        let (kind, rest) = mark.split_once(' ').unwrap_or((mark, ""));
        let (number, what) = rest.split_once(':').unwrap_or((rest, ""));
        let what = what.trim();
        if !matches!(kind, "start" | "end") {
            return Err(format!("\"{kind}\" is no mark: start, instead: or end"));
        }
        let step = number.trim().parse().map_err(|_| {
            format!("\"{}\" is no number of a step, as in \"{kind} 2.1\"", number.trim())
        })?;
        match kind {
            "start" if what.is_empty() => {
                Err(format!("what is to be done in step {step} does not stand behind a colon"))
            }
            "start" => Ok(Self::Start(step, what)),
            _ => Ok(Self::End(step)),
        }
    }
}

/// The white space before a mark, and what stands behind `// Fill in `.
fn mark_in(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start();
    let indent = &line[..line.len() - text.len()];
    Some((indent, text.strip_prefix(MARK)?.trim_end()))
}

/// Whether it was meant for a mark: it would be taken for a part of the solution.
fn is_nearly_a_mark(line: &str) -> bool {
    let Some(comment) = line.trim_start().strip_prefix("//") else { return false };
    let letters = comment.chars().filter(|character| !"/!- _".contains(*character));
    letters.take(6).flat_map(char::to_lowercase).eq("fillin".chars())
}

fn line_end(line: &str) -> &'static str {
    if line.ends_with("\r\n") { "\r\n" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: &str = "\
fn serve() {
    // Fill in start 2.1: listen
    let listener = listen();
    // Fill in instead: let listener = loop {
    // Fill in instead:     todo!(\"2.1: listen\")
    // Fill in instead: };
    // Fill in end 2.1
    // Fill in start 2.2: log
    log();
    // Fill in end 2.2
}
";

    fn faults(text: &str) -> Vec<String> {
        let faults = Marked::read(Path::new("a.rs"), text).err().unwrap_or_default();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_solution_or_what_stands_instead_is_in_the_kit() {
        let marked = Marked::read(Path::new("a.rs"), PROGRAM).expect("marks");
        let solved = marked.with_solutions(|_| true);
        let lines = PROGRAM.split_inclusive('\n');
        let expected: String = lines.filter(|line| !line.contains("instead:")).collect();
        assert_eq!(solved, expected);
        let starter = "\
fn serve() {
    // Fill in start 2.1: listen
    let listener = loop {
        todo!(\"2.1: listen\")
    };
    // Fill in end 2.1
    // Fill in start 2.2: log
    // Fill in end 2.2
}
";
        assert_eq!(marked.with_solutions(|_| false), starter);
    }

    #[test]
    fn a_student_may_write_any_comment() {
        let text =
            PROGRAM.replace("    log();\n", "    // Filling in.\n    // Fill in the rest\n");
        assert_eq!(faults(&text).len(), 2);
        let marked = Marked::read_in_kit(Path::new("a.rs"), &text).expect("marks");
        let last = marked.places().last().expect("a place");
        assert_eq!(last.content(), "    // Filling in.\n    // Fill in the rest\n");
        let damaged = text.replace("// Fill in end 2.1", "// Fill in the end");
        assert!(Marked::read_in_kit(Path::new("a.rs"), &damaged).is_err());
    }

    #[test]
    fn starters_end_their_lines_as_the_file_does() {
        let windows = PROGRAM.replace('\n', "\r\n");
        let marked = Marked::read(Path::new("a.rs"), &windows).expect("marks");
        let starter = marked.with_solutions(|_| false);
        assert_eq!(starter.matches('\n').count(), starter.matches("\r\n").count());
    }

    #[test]
    fn a_place_knows_its_step_and_its_line() {
        let marked = Marked::read(Path::new("a.rs"), PROGRAM).expect("marks");
        let places: Vec<_> = marked
            .places()
            .map(|place| (place.step.to_string(), place.what, place.line))
            .collect();
        assert_eq!(places, [("2.1".to_owned(), "listen", 2), ("2.2".to_owned(), "log", 8)]);
    }

    #[test]
    fn what_is_wrong_with_a_mark_is_told_with_its_line() {
        for (text, fault) in [
            ("\n// Fill in start 1.1: a\n", "a.rs:2: step 1.1 has no end"),
            (
                "// Fill in start 1.1: a\n// Fill in start 1.2: b\n// Fill in end 1.1\n",
                "a.rs:2: step 1.2 begins within step 1.1, which begins in line 1",
            ),
            (
                "// Fill in start 1.1: a\n// Fill in end 1.2\n// Fill in end 1.1\n",
                "a.rs:2: the end of step 1.2 stands within step 1.1",
            ),
            ("\n// Fill in end 1.1\n", "a.rs:2: this mark stands in no step"),
            ("// Fill in instead: a\n", "a.rs:1: this mark stands in no step"),
            ("// Fill in start: a\n", "a.rs:1: \"start:\" is no mark: start, instead: or end"),
            (
                "// Fill in start one: a\n",
                "a.rs:1: \"one\" is no number of a step, as in \"start 2.1\"",
            ),
            (
                "// Fill in start 1.1\n",
                "a.rs:1: what is to be done in step 1.1 does not stand behind a colon",
            ),
            (
                "// Fill in middle 1.1\n",
                "a.rs:1: \"middle\" is no mark: start, instead: or end",
            ),
        ] {
            assert_eq!(faults(text), [fault], "{text}");
        }
    }
}
