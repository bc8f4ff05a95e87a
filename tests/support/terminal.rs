//! A pseudo-terminal: what a person at a terminal would type and see (pty(7)).

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::story::{Promise, Seen, fail, quote};
use crate::tap::Tap;
use crate::{PATIENCE, bytes};

/// The end of a pseudo-terminal at which the person sits.
pub struct Terminal {
    keyboard: File,
    screen: Tap,
}

impl Terminal {
    /// A new terminal, and its other end for a program's stdin, stdout or stderr, as often
    /// as `N` says.
    pub fn open<const N: usize>() -> (Self, [OwnedFd; N]) {
        let open = || -> std::io::Result<(Self, [OwnedFd; N])> {
            let pair = nix::pty::openpty(None, None)?;
            let keyboard = File::from(pair.master);
            let screen = Tap::on(keyboard.try_clone()?);
            let mut ends = Vec::new();
            for _ in 1..N {
                ends.push(pair.slave.try_clone()?);
            }
            ends.push(pair.slave);
            let ends = ends.try_into().map_err(|_| std::io::ErrorKind::Other)?;
            Ok((Self { keyboard, screen }, ends))
        };
        open().unwrap_or_else(|error| {
            fail(&format!("this machine has no pseudo-terminal: {error}"))
        })
    }

    /// Types; `\n` is the Enter key, `\x04` Ctrl-D.
    pub fn type_in(&mut self, keys: &str) {
        if let Err(error) = self.keyboard.write_all(keys.as_bytes()) {
            fail(&format!("the pseudo-terminal takes no keys: {error}"));
        }
    }

    /// Waits until `text` stands on the screen.
    pub fn expect(&self, text: &str, promise: &Promise) {
        self.expect_times(1, text, promise);
    }

    /// Waits until `text` stands on the screen so many times.
    pub fn expect_times(&self, times: usize, text: &str, promise: &Promise) {
        let found = self.screen.wait_for(PATIENCE, |bytes| {
            (bytes::text(bytes).matches(text).count() >= times).then_some(())
        });
        if found.is_none() {
            let screen = self.screen.bytes();
            let shown = match quote(&screen) {
                shown if shown.is_empty() => "nothing".to_owned(),
                shown => format!("\n{shown}"),
            };
            promise.broken(Seen::Stdout, format!("`{text}` is not on the screen, but {shown}"));
        }
    }

    /// All that came to the screen, with the bytes that a terminal would act upon.
    pub fn screen(&self) -> Vec<u8> {
        self.screen.wait_for_end(Duration::from_millis(500));
        self.screen.bytes()
    }
}
