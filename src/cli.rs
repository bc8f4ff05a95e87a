//! How a program starts and how it ends: its options, its errors, its exit status.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::Parser;
use colored::Colorize;

use crate::terminal;

/// Exit status when the network, the peer or a file said no.
const STATUS_REFUSED: u8 = 1;

/// Exit status for wrong arguments, among them a message that cannot be sent.
const STATUS_USAGE: u8 = 2;

/// The longest time an option may name: a year, in seconds. Later deadlines would only
/// risk running over the end of the clock.
const LONGEST_SECONDS: f64 = 365.0 * 24.0 * 60.0 * 60.0;

/// Why a program ends before its work is done.
#[derive(Debug)]
pub enum Failure {
    /// The network, the peer or a file said no. Exit status 1.
    Refused(Explanation),
    /// The arguments or the message cannot be used. Exit status 2.
    Usage(Explanation),
    /// Nobody reads what we print any more, as in `… | head -1`. A program that has done
    /// nothing wrong ends quietly, with status 0.
    OutputClosed,
}

/// What went wrong and, where the user can do something about it, what to do.
#[derive(Debug)]
pub struct Explanation {
    error: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure with exit status 1; `error` reads `WHAT: WHY`.
    pub fn refused(error: impl Into<String>) -> Self {
        Self::Refused(Explanation { error: error.into(), hint: None })
    }

    /// A failure with exit status 2; `error` reads `WHAT: WHY`.
    pub fn usage(error: impl Into<String>) -> Self {
        Self::Usage(Explanation { error: error.into(), hint: None })
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        match &mut self {
            Self::Refused(explanation) | Self::Usage(explanation) => {
                explanation.hint = Some(hint.into());
            }
            Self::OutputClosed => {}
        }
        self
    }
}

/// A program's `main`: reads the options, runs the program, and reports how it ended.
pub fn run<Options: Parser>(program: impl FnOnce(Options) -> Result<(), Failure>) -> ExitCode {
    // Errors and notices go to stderr, so that is the stream whose colour matters. Set
    // once, it also overrules CLICOLOR_FORCE: no colour ever goes into a pipe or a file.
    colored::control::set_override(stderr_takes_colour());

    let result = match Options::try_parse() {
        Ok(options) => program(options),
        Err(not_options) => answer_without_running(&not_options),
    };
    let (status, explanation) = match result {
        Ok(()) | Err(Failure::OutputClosed) => return ExitCode::SUCCESS,
        Err(Failure::Refused(explanation)) => (STATUS_REFUSED, explanation),
        Err(Failure::Usage(explanation)) => (STATUS_USAGE, explanation),
    };
    complain(&explanation);
    ExitCode::from(status)
}

/// Shows an error on stderr, while the program goes on or as its last words.
pub fn complain(explanation: &Explanation) {
    terminal::note(&format!("{} {}", "error:".red().bold(), explanation.error));
    if let Some(hint) = &explanation.hint {
        terminal::note(&format!("{} {hint}", "hint:".cyan().bold()));
    }
}

/// Says on stderr what happened to one connection or one try while the program goes on.
pub fn notice(text: impl Display) {
    terminal::note(&format!("{} {text}", "notice:".yellow()));
}

/// A trouble that may come thousands of times, and is told once a minute.
#[derive(Default)]
pub struct Seldom(Mutex<Option<Instant>>);

impl Seldom {
    /// As [`notice`], unless it was told within the last minute.
    pub fn notice(&self, text: impl Display) {
        if self.is_due(Instant::now()) {
            notice(text);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| now - last > Duration::from_secs(60));
        if is_due {
            *last = Some(now);
        }
        is_due
    }
}

/// Reads the value of an option that is a time in seconds, as in `--timeout 0.5`.
///
/// # Errors
/// Says what is wrong with a value that is no number, not more than zero, or over a year.
pub fn seconds(value: &str) -> Result<Duration, String> {
    let seconds: f64 = value.parse().map_err(|_| "not a number of seconds".to_owned())?;
    if !(seconds > 0.0 && seconds <= LONGEST_SECONDS) {
        return Err("must be more than 0 and at most a year".to_owned());
    }
    // A socket's timeout of zero means "wait for ever", so nothing may round down to it.
    Ok(Duration::from_secs_f64(seconds).max(Duration::from_micros(1)))
}

/// Shows a time as an option would take it: `2 s`, `0.5 s`.
pub fn show_seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// `--help`, `--version`, and arguments that do not fit the options.
fn answer_without_running(answer: &clap::Error) -> Result<(), Failure> {
    let text = answer.to_string();
    if !answer.use_stderr() {
        return terminal::print(text.as_bytes());
    }
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    Err(Failure::usage(text.trim_end()))
}

fn stderr_takes_colour() -> bool {
    // https://no-color.org: set and not empty, whatever the value.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    io::stderr().is_terminal() && !no_color && !dumb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_may_be_whole_or_fractional() {
        assert_eq!(seconds("2"), Ok(Duration::from_secs(2)));
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(show_seconds(Duration::from_millis(500)), "0.5 s");
        assert_eq!(show_seconds(Duration::from_secs(2)), "2 s");
    }

    #[test]
    fn seconds_that_no_socket_could_wait_are_refused() {
        for value in ["", "two", "0", "-1", "nan", "inf", "1e12"] {
            assert!(seconds(value).is_err(), "{value:?} was taken");
        }
        assert_eq!(seconds("1e-12"), Ok(Duration::from_micros(1)));
    }

    #[test]
    fn a_year_is_the_longest_time() {
        assert_eq!(seconds("31536000"), Ok(Duration::from_secs(31_536_000)));
        assert!(seconds("31536001").is_err());
    }

    #[test]
    fn a_trouble_is_told_once_a_minute() {
        let (trouble, start) = (Seldom::default(), Instant::now());
        let due = [0, 1, 60, 61, 62, 121, 122]
            .map(|second| trouble.is_due(start + Duration::from_secs(second)));
        assert_eq!(due, [true, false, false, true, false, false, true]);
    }
}
