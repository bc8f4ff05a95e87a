//! What goes to and comes from the person or the pipe at the other end of stdin, stdout
//! and stderr.

use std::fmt::Write as _;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use crate::cli::Failure;
use crate::net;

/// Prints one line of the program's own words on stdout, at once.
///
/// # Errors
/// [`Failure::OutputClosed`] if nobody reads; otherwise why it could not be written.
pub fn say(line: &str) -> Result<(), Failure> {
    print(format!("{line}\n").as_bytes())
}

/// Prints bytes that a peer sent: as they came into a pipe or a file, with control
/// characters escaped on a terminal, which they could otherwise drive.
///
/// # Errors
/// As [`say`].
pub fn show(bytes: &[u8]) -> Result<(), Failure> {
    if io::stdout().is_terminal() { print(escape(bytes).as_bytes()) } else { print(bytes) }
}

/// Prints bytes on stdout as they are, at once.
///
/// # Errors
/// As [`say`].
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::OutputClosed,
        _ => Failure::refused(format!("cannot print: {}", net::why(&error))),
    })
}

/// Writes one line on stderr. A closed stderr is no reason to stop.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Reads one line of at most `limit` bytes from stdin, without its line end; `None` at the
/// end of the input. The prompt appears on stderr, and only where a person can read and
/// answer it.
///
/// # Errors
/// A stdin that cannot be read.
pub fn ask(prompt: &str, limit: usize) -> Result<Option<Vec<u8>>, Failure> {
    let stdin = io::stdin();
    let person = stdin.is_terminal();
    if person {
        let mut stderr = io::stderr();
        let _ = write!(stderr, "{prompt}").and_then(|()| stderr.flush());
    }
    let mut line = Vec::new();
    // Two bytes more than the limit: the longest line end there is.
    let most = (limit as u64).saturating_add(2);
    stdin.lock().take(most).read_until(b'\n', &mut line).map_err(|error| {
        Failure::refused(format!("cannot read stdin: {}", net::why(&error)))
    })?;
    if line.is_empty() {
        if person {
            note(""); // Ctrl-D leaves the cursor behind the prompt.
        }
        return Ok(None);
    }
    if line.ends_with(b"\n") {
        line.pop();
        if line.ends_with(b"\r") {
            line.pop();
        }
    }
    Ok(Some(line))
}

/// As [`ask`], for the message that a client is to send.
///
/// # Errors
/// No line at all, or a stdin that cannot be read.
pub fn ask_for_message(limit: usize) -> Result<Vec<u8>, Failure> {
    ask("Input lowercase sentence: ", limit)?.ok_or_else(|| {
        Failure::usage("no message: the input ended before a line")
            .with_hint("type one, or give it as the last argument")
    })
}

/// Bytes as text that cannot drive a terminal: control characters other than line ends
/// and tabs become `\x1b` and the like, and so do bytes that are no UTF-8.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut characters = chunk.valid().chars().peekable();
        while let Some(character) = characters.next() {
            let ends_a_line = character == '\r' && characters.peek() == Some(&'\n');
            if !character.is_control() || matches!(character, '\n' | '\t') || ends_a_line {
                text.push(character);
            } else {
                let _ = write!(text, "\\x{:02x}", u32::from(character));
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_line_ends_and_tabs_stay_as_they_are() {
        let text = "One\ttwo\r\nthree – ½ ☃\n";
        assert_eq!(escape(text.as_bytes()), text);
    }

    #[test]
    fn what_could_drive_a_terminal_is_escaped() {
        assert_eq!(escape(b"\x1b[2Jwiped"), "\\x1b[2Jwiped");
        assert_eq!(escape(b"over\rwritten"), "over\\x0dwritten");
        assert_eq!(escape(b"\x07\x7f\x00"), "\\x07\\x7f\\x00");
        // U+009B, the one-character form of ESC [, in UTF-8 and as a bare byte.
        assert_eq!(escape("\u{9b}31m".as_bytes()), "\\x9b31m");
        assert_eq!(escape(b"\x9b31m"), "\\x9b31m");
    }
}
