//! Keys, one at a time.

use std::io::{IsTerminal, Read, stdin};
use std::sync::mpsc::Sender;
use std::thread;

use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use nix::unistd::{getpgrp, tcgetpgrp};

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
        let keys = Self { before: termios::tcgetattr(stdin()).ok()? };
        keys.hold();
        let read = move || {
            for byte in stdin().lock().bytes().map_while(std::io::Result::ok) {
                if sender.send(Event::Key(char::from(byte))).is_err() {
                    return;
                }
            }
            // The terminal is gone.
            let _ = sender.send(Event::End);
        };
        // It ends with the process, as nothing else ends a read.
        thread::Builder::new().spawn(read).ok().map(|_| keys)
    }
}

impl Keys {
    /// Sets the terminal so, also when a shell has set it back meanwhile (Ctrl-Z and `fg`).
    pub(super) fn hold(&self) {
        let Ok(mut now) = termios::tcgetattr(stdin()) else { return };
        let waits_for_enter = LocalFlags::ICANON | LocalFlags::ECHO;
        // Behind another program the terminal is not ours, and SIGTTOU would stop us.
        let is_in_front = tcgetpgrp(stdin()).map_or(true, |group| group == getpgrp());
        if now.local_flags.intersects(waits_for_enter) && is_in_front {
            now.local_flags.remove(waits_for_enter);
            let _ = termios::tcsetattr(stdin(), SetArg::TCSANOW, &now);
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(stdin(), SetArg::TCSANOW, &self.before);
    }
}
