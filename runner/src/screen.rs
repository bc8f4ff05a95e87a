//! The terminal: how wide it is, and text that fits.

use std::io::{self, Write};

use console::{Term, measure_text_width};

/// Columns where nobody says how many there are, as in a pipe.
const UNLESS_KNOWN: usize = 96;

/// Wider lines are harder to read.
const MOST: usize = 100;

/// Columns of text on stdout.
pub fn columns() -> usize {
    let known = Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    // What ends in the last column makes some terminals begin a new line.
    known.map_or(UNLESS_KNOWN, |columns| columns.saturating_sub(1).clamp(40, MOST))
}

/// Whether text has colours: on a terminal, unless NO_COLOR is set.
pub fn is_coloured() -> bool {
    colored::control::SHOULD_COLORIZE.should_colorize()
}

/// Writes to stdout; `false` if nobody reads it any more, as behind `| head`.
pub fn print(text: &str) -> bool {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
}

/// Writes a line to stderr, unless that is closed.
pub fn note(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Breaks text between words, so that no line is wider than `columns`; all but the first
/// begin with `indent` spaces. Lines of the text that begin with a space stay as they are.
pub fn wrap(text: &str, columns: usize, indent: usize) -> String {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for (number, word) in paragraph.split(' ').enumerate() {
            let length = measure_text_width(&line) + 1 + measure_text_width(word);
            if !line.trim().is_empty()
                && !paragraph.starts_with(' ')
                && indent + length > columns
            {
                lines.push(std::mem::take(&mut line));
            } else if number > 0 {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join(&format!("\n{:indent$}", ""))
}

/// Text that is filled up with spaces to that width, as it looks on the screen.
pub fn pad(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(measure_text_width(text));
    format!("{text}{:missing$}", "")
}

/// Text cut to that width, with `…` at its end if something was cut off.
pub fn cut(text: &str, width: usize) -> String {
    console::truncate_str(text, width, "…").into_owned()
}

/// Something and something else, at the left and at the right end of a line.
pub fn spread(left: &str, right: &str, columns: usize) -> String {
    let gap = columns.saturating_sub(measure_text_width(left) + measure_text_width(right));
    format!("{left}{:1$}{right}", "", gap.max(2))
}

/// `1 check`, `2 checks`.
pub fn count(number: impl Into<u64>, what: &str) -> String {
    let number = number.into();
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrap("one two three", 9, 0), "one two\nthree");
        assert_eq!(wrap("one two three", 9, 2), "one two\n  three");
        assert_eq!(wrap("unbreakable is kept", 5, 0), "unbreakable\nis\nkept");
        assert_eq!(wrap("one\n\ntwo", 9, 0), "one\n\ntwo");
    }

    #[test]
    fn lines_of_code_stay_as_they_are() {
        assert_eq!(wrap("  let a = [1, 2, 3];", 9, 0), "  let a = [1, 2, 3];");
        assert_eq!(wrap("loop {\n    go();\n}", 9, 0), "loop {\n    go();\n}");
    }
}
