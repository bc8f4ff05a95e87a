//! Keys, one at a time.

use std::io::{IsTerminal, Read, stdin};
use std::sync::mpsc::Sender;
use std::thread;

use nix::sys::termios::{self, LocalFlags, SetArg, Termios};

use super::Event;

/// The terminal gives each key at once and does not show it, for as long as this lives.
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    /// Reads keys on a thread of its own; none if stdin is no terminal.
    pub(super) fn read(sender: Sender<Event>) -> Option<Self> {
        if !stdin().is_terminal() {
            return None;
        }
        let before = termios::tcgetattr(stdin()).ok()?;
        let mut now = before.clone();
        now.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        termios::tcsetattr(stdin(), SetArg::TCSANOW, &now).ok()?;
        let read = move || {
            for byte in stdin().lock().bytes().map_while(std::io::Result::ok) {
                if sender.send(Event::Key(char::from(byte))).is_err() {
                    return;
                }
            }
            // The terminal is gone.
            let _ = sender.send(Event::End);
        };
        let keys = Self { before };
        // It ends with the process, as nothing else ends a read.
        thread::Builder::new().spawn(read).ok().map(|_| keys)
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}
