//! Where the body of a response goes: a pipe, a terminal, a file.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lab_http::body::Framing;
use lab_http::head::Response;
use socket_lab::cli::{self, Failure};
use socket_lab::{net, terminal};

/// A body on its way out, piece by piece.
pub(crate) struct Output {
    to: To,
    bytes: u64,
    last: u8,
    progress: ProgressBar,
}

enum To {
    /// Exactly as it came.
    Pipe,
    Terminal(Screen),
    File(File, String),
}

impl Output {
    /// To stdout. On a terminal only text is shown, and escaped.
    pub(crate) fn stdout(response: &Response<'_>) -> Self {
        let media_type = response.fields.get("Content-Type").unwrap_or_default();
        // Text in another encoding than UTF-8 is text all the same.
        let declared_text = media_type.to_ascii_lowercase().starts_with(b"text/");
        Self::to(match io::stdout().is_terminal() {
            true => To::Terminal(Screen { held: Vec::new(), declared_text, hidden: false }),
            false => To::Pipe,
        })
    }

    /// To a new file at `path`, or in place of what the file there holds. A terminal shows
    /// how far it is.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn file(path: &Path, framing: Framing) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let file = File::create(path).map_err(|error| cannot_write(&name, &error))?;
        let length = match framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        let progress = ProgressBar::with_draw_target(length, ProgressDrawTarget::stderr());
        let shown = match length {
            Some(_) => "{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            None => "{spinner} {bytes}, {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(shown) {
            progress.set_style(style);
        }
        Ok(Self { progress, ..Self::to(To::File(file, name)) })
    }

    fn to(to: To) -> Self {
        Self { to, bytes: 0, last: b'\n', progress: ProgressBar::hidden() }
    }

    /// The bytes that were taken so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next piece.
    ///
    /// # Errors
    /// It cannot be written, or nobody reads stdout any more.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.bytes += piece.len() as u64;
        self.last = piece.last().copied().unwrap_or(self.last);
        match &mut self.to {
            To::Pipe => terminal::print(piece),
            To::Terminal(screen) => screen.show(piece),
            To::File(file, name) => {
                file.write_all(piece).map_err(|error| cannot_write(name, &error))?;
                self.progress.inc(piece.len() as u64);
                Ok(())
            }
        }
    }

    /// No more will come. If the body is not `whole`, an error follows.
    ///
    /// # Errors
    /// As [`Output::take`].
    pub(crate) fn finish(&mut self, whole: bool) -> Result<(), Failure> {
        self.progress.abandon(); // It stays on the screen as it is.
        if !self.progress.is_hidden() {
            terminal::note("");
        }
        if let To::Terminal(screen) = &mut self.to {
            screen.finish()?;
            return if whole { Ok(()) } else { self.end_line() };
        }
        Ok(())
    }

    /// Ends the line on stdout, if the body has not done so.
    ///
    /// # Errors
    /// As [`Output::take`].
    pub(crate) fn end_line(&self) -> Result<(), Failure> {
        if self.last == b'\n' { Ok(()) } else { terminal::say("") }
    }
}

fn cannot_write(name: &str, error: &io::Error) -> Failure {
    Failure::refused(format!("cannot write {name}: {}", net::why(error)))
}

/// A terminal, on which only text belongs.
struct Screen {
    /// The beginning of a character, or of a line end, whose rest is to come.
    held: Vec<u8>,
    declared_text: bool,
    hidden: bool,
}

impl Screen {
    fn show(&mut self, piece: &[u8]) -> Result<(), Failure> {
        if self.hidden {
            return Ok(());
        }
        self.held.extend_from_slice(piece);
        let whole = self.held.len() - begun(&self.held);
        let rest = self.held.split_off(whole);
        let bytes = std::mem::replace(&mut self.held, rest);
        self.print(&bytes)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        let rest = std::mem::take(&mut self.held);
        self.print(&rest)
    }

    fn print(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let text = str::from_utf8(bytes).is_ok() || self.declared_text;
        if bytes.contains(&0) || !text {
            self.hidden = true;
            cli::notice("the body is binary and is not shown on a terminal; -o FILE keeps it");
            return Ok(());
        }
        terminal::print(terminal::escape(bytes).as_bytes())
    }
}

/// How many bytes at the end of `bytes` begin something that is not whole yet.
fn begun(bytes: &[u8]) -> usize {
    match str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        _ if bytes.ends_with(b"\r") => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_waits_for_its_rest() {
        assert_eq!(begun("größe".as_bytes()), 0);
        assert_eq!(begun("é".as_bytes().split_last().expect("two bytes").1), 1);
        assert_eq!(begun(&"👋".as_bytes()[..3]), 3);
        assert_eq!(begun(b"line\r"), 1);
        assert_eq!(begun(b"line\r\n"), 0);
        assert_eq!(begun(b"\xff\xc3"), 0); // no UTF-8 anyway
    }
}
