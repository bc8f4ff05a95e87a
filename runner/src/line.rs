//! A line on the terminal that says what goes on.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::screen;

/// A line on the terminal that says what goes on; nothing in a pipe.
#[derive(Clone)]
pub(crate) struct Line(ProgressBar);

impl Line {
    /// A line, or none at all if it `is_hidden`.
    pub(crate) fn new(is_hidden: bool) -> Self {
        let target = if is_hidden || !stderr().is_terminal() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
            bar.set_style(style.tick_strings(&["⠋", "⠙", "⠸", "⠴", "⠦", "⠇", " "]));
        }
        bar.enable_steady_tick(Duration::from_millis(120));
        Self(bar)
    }

    /// Says something else.
    pub(crate) fn say(&self, what: &str) {
        self.0.set_message(what.to_owned());
    }

    /// Writes something that stays above the line.
    pub(crate) fn above(&self, text: &str) {
        self.0.suspend(|| screen::print(text));
    }

    /// Takes it away.
    pub(crate) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
