//! A program's first check. Where it fails, all other checks of that program would tell
//! the same problem once more; they refer to it instead.

use std::sync::OnceLock;
use std::thread;

use crate::{run, story};

/// The check that a program must pass before its others say anything. It is run once, for
/// itself and for all others, which so always agree on it.
pub struct First {
    program: &'static str,
    check: &'static str,
    run: fn(),
    before: Option<&'static First>,
    /// What it has told, if it failed.
    outcome: OnceLock<Result<(), String>>,
}

impl First {
    /// `check` is the name of the `#[test]` that calls [`First::tell`].
    pub const fn new(program: &'static str, check: &'static str, run: fn()) -> Self {
        Self { program, check, run, before: None, outcome: OnceLock::new() }
    }

    /// The same, for a program that must pass `before` even before that.
    #[must_use]
    pub const fn after(mut self, before: &'static First) -> Self {
        self.before = Some(before);
        self
    }

    /// Is the check itself.
    pub fn tell(&self) {
        if let Some(before) = self.before {
            before.must_pass();
        }
        if let Err(story) = self.outcome() {
            story::fail(story);
        }
    }

    /// Goes on only if the program passes its first check.
    pub fn must_pass(&self) {
        if let Some(before) = self.before {
            before.must_pass();
        }
        if let Err(story) = self.outcome() {
            story::skip_like(story);
            let reason = format!(
                "{} has to pass first: all else that {} does builds on it",
                self.check, self.program
            );
            let by_hand = format!("cargo lab check {}", self.check);
            story::skip(&reason, Some(self.check), &by_hand);
        }
    }

    fn outcome(&self) -> &Result<(), String> {
        let find_out = || self.find_out();
        self.outcome
            .get_or_init(|| run::find_out_once(story::test_name(), self.check, find_out))
    }

    fn find_out(&self) -> Result<(), String> {
        // On a thread of its own, so that its conversation is not part of another
        // check's record.
        let run = self.run;
        let first = thread::Builder::new().name(self.check.to_owned()).spawn(move || {
            story::fail_quietly();
            run();
        });
        let failed = match first.map(thread::JoinHandle::join) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(failed)) => failed,
            Err(error) => story::broken_machine(&error),
        };
        let words = failed.downcast_ref::<&str>().map(|words| (*words).to_owned());
        let story = failed.downcast_ref::<String>().cloned().or(words);
        Err(story.unwrap_or_else(|| "the check itself has failed".to_owned()))
    }
}
