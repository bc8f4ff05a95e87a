//! `cargo lab watch`, at a terminal and in a pipe.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

use crate::small_kit::{Kit, PATIENCE};

const SERVER: &str = "src/bin/echo_server.rs";

const RIGHT: &str = "
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length])?,
        }
    }";

const WRONG: &str = "
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            length => stream.write_all(&buffer[..length].to_ascii_uppercase())?,
        }
    }";

/// A `cargo lab watch` that runs.
struct Watching {
    lab: Child,
    pieces: Receiver<Vec<u8>>,
    shown: String,
    /// What stood before the text that was waited for last.
    before: String,
    keyboard: Option<File>,
}

impl Watching {
    /// Its stdin and stdout are a terminal of that many columns.
    fn at_a_terminal(kit: &Kit, columns: u16) -> (Self, impl AsFd) {
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pair = openpty(Some(&size), None).expect("a pseudo-terminal");
        let mut lab = kit.command(&["watch"]);
        let end = || Stdio::from(pair.slave.try_clone().expect("another end"));
        let lab = lab.stdin(end()).stdout(end()).stderr(end()).spawn().expect("cargo lab");
        let keyboard = File::from(pair.master);
        let screen = keyboard.try_clone().expect("the same terminal");
        let pieces = read(screen);
        (
            Self {
                lab,
                pieces,
                shown: String::new(),
                before: String::new(),
                keyboard: Some(keyboard),
            },
            pair.slave,
        )
    }

    fn in_a_pipe(kit: &Kit, more: &[&str]) -> Self {
        let mut lab = kit.command(&[&["watch"], more].concat());
        let mut lab = lab.stdout(Stdio::piped()).spawn().expect("cargo lab");
        let pieces = read(lab.stdout.take().expect("a pipe"));
        Self { lab, pieces, shown: String::new(), before: String::new(), keyboard: None }
    }

    /// Waits until that was shown, and forgets all before it.
    fn shows(&mut self, text: &str) {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.shown.find(text) {
                self.before = self.shown[..at].to_owned();
                self.shown.drain(..at + text.len());
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(piece) => self.shown.push_str(&String::from_utf8_lossy(&piece)),
                Err(_) => panic!("{text:?} was not shown, but:\n{}", self.shown),
            }
        }
    }

    fn press(&mut self, key: &str) {
        let keyboard = self.keyboard.as_mut().expect("a terminal");
        keyboard.write_all(key.as_bytes()).expect("a key");
    }

    fn ends_with(&mut self, status: i32) {
        let ended = self.lab.wait().expect("an end");
        assert_eq!(ended.code(), Some(status));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // Where a test has failed.
        let _ = self.lab.kill();
        let _ = self.lab.wait();
    }
}

fn read(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, pieces) = mpsc::channel();
    let reader = thread::Builder::new().spawn(move || {
        let mut buffer = [0; 4096];
        // A terminal ends with an error (EIO).
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if sender.send(buffer[..length].to_vec()).is_err() {
                return;
            }
        }
    });
    reader.expect("a thread");
    pieces
}

#[test]
fn each_change_is_checked() {
    for more in [&[][..], &["--poll"]] {
        let kit = Kit::solved(&["1.1", "2.1"]);
        let mut watch = Watching::in_a_pipe(&kit, more);
        watch.shows("checking 1.1");
        watch.shows("next: 1.2 Sending it back");
        kit.fill_in(SERVER, "1.2", WRONG);
        watch.shows("src/bin/echo_server.rs was saved; checking 1.2");
        watch.shows("✗ lab 1 · a_line_comes_back");
        watch.shows("0 of 2 checks with points pass");
        watch.shows("next: 1.2 Sending it back");
        kit.fill_in(SERVER, "1.2", RIGHT);
        watch.shows("checking 1.2");
        watch.shows("2 of 2 checks with points pass");
        watch.shows("✓ 1.2  Sending it back");
        watch.shows("next: 2.1");
        // What does not compile is told, too.
        kit.change(SERVER, "let mut buffer", "let buffer oops");
        watch.shows("✗ echo_server does not compile");
        watch.shows("next: make echo_server compile");
        kill(Pid::from_raw(watch.lab.id().cast_signed()), Signal::SIGINT).expect("it runs");
        watch.ends_with(0);
    }
}

#[test]
fn what_programs_share_is_checked_in_all_labs() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.lab(&["check"]).ends_with(0);
    let mut watch = Watching::in_a_pipe(&kit, &[]);
    watch.shows("All steps are done.\n");
    kit.change("src/words.rs", "ready to receive", "ready to relieve");
    watch.shows("src/words.rs was saved; checking 2.1");
    watch.shows("✓ 2.1  Hello, world");
    watch.shows("In other labs, what passed before:");
    watch.shows("✗ lab 1 · it_says_where_it_listens");
    kit.change("src/words.rs", "ready to relieve", "ready to receive");
    watch.shows("✓ 1.1  Listening");
}

#[test]
fn what_may_pass_is_told_and_the_watching_goes_on() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    let mut watch = Watching::in_a_pipe(&kit, &[]);
    watch.shows("next: 1.2 Sending it back");
    let manifest = kit.read("Cargo.toml");
    kit.put("Cargo.toml", "[package");
    kit.fill_in(SERVER, "1.2", RIGHT);
    watch.shows("error: cargo cannot build the checks");
    kit.put("Cargo.toml", &manifest);
    std::fs::rename(kit.path(SERVER), kit.path("server.rs")).expect("a file that is there");
    watch.shows("was saved");
    std::fs::rename(kit.path("server.rs"), kit.path(SERVER)).expect("a file that is there");
    watch.shows("✓ 1.2  Sending it back");
    std::fs::write(kit.path(SERVER), b"fn main() {} // \xff\n").expect("a file");
    watch.shows("✗ echo_server does not compile");
}

#[test]
fn a_change_while_checks_run_begins_anew() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    let mut watch = Watching::in_a_pipe(&kit, &[]);
    watch.shows("next: 1.2 Sending it back");
    // Its check would wait for 5 seconds.
    kit.fill_in(SERVER, "1.2", "    loop {}");
    watch.shows("checking 1.2");
    kit.fill_in(SERVER, "1.2", RIGHT);
    watch.shows("checking 1.2");
    assert!(!watch.before.contains("next:"), "the first was not stopped:\n{}", watch.before);
    watch.shows("✓ 1.2  Sending it back");
}

#[test]
fn nothing_is_checked_that_has_not_changed() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    let mut watch = Watching::in_a_pipe(&kit, &[]);
    watch.shows("next: 1.2 Sending it back · src/bin/echo_server.rs:20\n");
    // Saved as it was: the time is another one, the text is not.
    let copy = kit.path("src/bin/.echo_server.rs.swp");
    std::fs::write(&copy, kit.read(SERVER)).expect("a file");
    std::fs::rename(&copy, kit.path(SERVER)).expect("a file that is there");
    // Time enough to be noticed by itself, though not needed: nothing must come of it.
    std::thread::park_timeout(std::time::Duration::from_millis(300));
    kit.change("src/bin/greeter.rs", "hello", "hallo");
    watch.shows("was saved");
    let before = watch.before.trim_start();
    assert_eq!(before, "src/bin/greeter.rs ", "something else was taken for a change");
}

#[test]
fn keys_are_as_people_know_them() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    let (mut watch, terminal) = Watching::at_a_terminal(&kit, 80);
    watch.shows("next: ");
    watch.shows("quit");
    let flags = tcgetattr(&terminal).expect("a terminal").local_flags;
    assert!(!flags.contains(LocalFlags::ICANON), "keys wait for Enter");
    watch.press("h");
    watch.shows("hint 1 of 3");
    watch.press("h");
    watch.shows("hint 2 of 3");
    watch.press("l");
    watch.shows("20 of 100 points");
    watch.press("c");
    watch.shows("checking all labs");
    watch.shows("lab 2 · a greeting");
    watch.shows("quit");
    watch.press("r");
    watch.shows("checking 1.1");
    watch.press("q");
    watch.ends_with(0);
    let flags = tcgetattr(&terminal).expect("a terminal").local_flags;
    assert!(flags.contains(LocalFlags::ICANON | LocalFlags::ECHO), "{flags:?} is left");
}

#[test]
fn the_screen_has_colour_and_no_line_is_too_long() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    kit.fill_in(SERVER, "1.2", WRONG);
    let (mut watch, _terminal) = Watching::at_a_terminal(&kit, 80);
    watch.press("c");
    watch.shows("checking all labs");
    watch.shows("quit");
    let mut screens = watch.before.clone();
    assert!(screens.contains("\u{1b}[33m"), "a story without colour:\n{screens}");
    watch.press("l");
    watch.shows("quit");
    screens.push_str(&watch.before);
    watch.press("q");
    watch.ends_with(0);
    assert!(screens.contains('✗') && screens.contains("Socket lab"), "{screens}");
    for line in screens.split(['\n', '\r']) {
        let width = console::measure_text_width(line);
        assert!(width <= 80, "{width} columns: {line}");
    }
}
