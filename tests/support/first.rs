//! A program's first check. Where it fails, all other checks of that program would tell
//! the same problem once more; they refer to it instead.

use std::sync::OnceLock;
use std::thread;

use crate::story;

/// The check that a program must pass before its others say anything.
pub struct First {
    program: &'static str,
    check: &'static str,
    run: fn(),
    before: Option<&'static First>,
    passed: OnceLock<bool>,
}

impl First {
    /// `check` is the name of the `#[test]` that calls `run`.
    pub const fn new(program: &'static str, check: &'static str, run: fn()) -> Self {
        Self { program, check, run, before: None, passed: OnceLock::new() }
    }

    /// The same, for a program that must pass `before` even before that.
    #[must_use]
    pub const fn after(mut self, before: &'static First) -> Self {
        self.before = Some(before);
        self
    }

    /// Goes on only if the program passes its first check, which runs once for all.
    pub fn must_pass(&self) {
        if let Some(before) = self.before {
            before.must_pass();
        }
        let passed = *self.passed.get_or_init(|| {
            // On a thread of its own, so that its conversation is not part of this
            // check's record; what it prints goes where that thread's output goes.
            let run = self.run;
            let first = thread::Builder::new().name(self.check.to_owned()).spawn(move || {
                story::fail_quietly();
                run();
            });
            first.is_ok_and(|first| first.join().is_ok())
        });
        if !passed {
            story::fail(&format!(
                "– {}\n  skipped         {} does not pass its first check yet: mend \
                 that first\n  try it          cargo test --test {} {}",
                story::headline(),
                self.program,
                story::test_name(),
                self.check,
            ));
        }
    }
}
