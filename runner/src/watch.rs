//! `cargo lab watch`: checks what has changed, each time that something is saved.
//!
//! - [`sources`]: being told of changes; [`keys`]: of what is typed;
//! - [`run`]: what is checked then, on a thread of its own.

mod keys;
mod run;
mod sources;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io::{IsTerminal, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, anyhow};
use colored::Colorize;
use console::Term;

use self::keys::Keys;
use self::run::Run;
use self::sources::{Texts, texts};
use crate::course::{Course, StepNumber};
use crate::jobs::Job;
use crate::line::Line;
use crate::places::Places;
use crate::process::Stop;
use crate::progress::Progress;
use crate::project::SOURCES;
use crate::{hint, mounts, screen, status};

/// An editor saves in several steps; what comes within this time belongs together.
const QUIET: Duration = Duration::from_millis(60);

/// So long at most it is waited for; what is then still being written comes next time.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the terminal is looked at.
const GLANCE: Duration = Duration::from_secs(1);

/// Ctrl-D.
const END_OF_INPUT: char = '\u{4}';

/// What stands here belongs to one program; the rest of `src/` is shared.
const PROGRAMS: &str = "src/bin";

/// What may happen.
enum Event {
    /// Files below `src/` may have changed.
    Saved,
    /// A key was pressed.
    Key(char),
    /// The run that was started is over, in full or because it was stopped.
    Over,
    /// Ctrl-C, or the terminal is gone.
    End,
}

/// What an event makes us do.
enum Wish {
    /// Check the labs of the steps that are worked on.
    Check,
    /// Check everything.
    CheckAll,
    /// End.
    Quit,
}

/// Watches until the user ends it. With `poll` it looks again and again, and does not wait
/// to be told.
///
/// # Errors
/// The files cannot be watched or read.
pub(crate) fn watch(course: &Course, poll: bool) -> Result<ExitCode> {
    let (sender, events) = mpsc::channel();
    let on_signal = sender.clone();
    ctrlc::set_handler(move || {
        let _ = on_signal.send(Event::End);
    })
    .context("cannot wait for Ctrl-C")?;
    let poll = poll || mounts::is_silent(&course.root);
    let watched = sources::watch(&course.root, poll, sender.clone())?;
    let keys = Keys::read(sender.clone());
    let mut watch = Watch {
        course,
        is_polled: watched.is_polled,
        keys,
        texts: texts(&course.root).unwrap_or_default(),
        sender,
        events,
        focus: Vec::new(),
        saved: None,
        is_seen: true,
    };
    watch.focus.extend(watch.next_step(&Progress::read(&course.root))?);
    watch.go_on();
    Ok(ExitCode::SUCCESS)
}

struct Watch<'a> {
    course: &'a Course,
    is_polled: bool,
    keys: Option<Keys>,
    texts: Texts,
    sender: Sender<Event>,
    events: Receiver<Event>,
    /// The steps that are worked on.
    focus: Vec<StepNumber>,
    /// What was saved, and has not been checked yet.
    saved: Option<Saved>,
    /// Whether anybody reads what is shown.
    is_seen: bool,
}

/// A change.
struct Saved {
    files: Vec<PathBuf>,
    /// When it was noticed.
    at: Instant,
}

impl<'a> Watch<'a> {
    fn go_on(&mut self) {
        let mut wish = Some(Wish::Check);
        while self.is_seen {
            wish = match wish.take() {
                Some(Wish::Quit) => return,
                Some(wish) => match self.check(&wish) {
                    Ok(wish) => wish,
                    Err(error) => {
                        // It may pass: a file that is being moved, a manifest half written.
                        self.show_error(&error);
                        None
                    }
                },
                None => {
                    let event = match self.events.recv_timeout(GLANCE) {
                        Ok(event) => event,
                        Err(RecvTimeoutError::Timeout) => {
                            self.keys.iter().for_each(Keys::hold);
                            continue;
                        }
                        Err(RecvTimeoutError::Disconnected) => return,
                    };
                    let wish = self.wish(&event);
                    if wish.is_none() {
                        self.answer(&event);
                    }
                    wish
                }
            };
        }
    }

    /// What an event makes us do, whether or not something is being checked.
    fn wish(&mut self, event: &Event) -> Option<Wish> {
        match event {
            Event::End | Event::Key('q' | 'Q' | END_OF_INPUT) => Some(Wish::Quit),
            Event::Saved => self.has_changed().then_some(Wish::Check),
            Event::Key('r' | 'R') => Some(Wish::Check),
            Event::Key('c' | 'C') => Some(Wish::CheckAll),
            Event::Key(_) | Event::Over => None,
        }
    }

    /// Shows what a key asks for.
    fn answer(&mut self, event: &Event) {
        let told = match event {
            Event::Key('h' | 'H') => hint::next(self.course, &self.focus),
            Event::Key('l' | 'L') => status::status(self.course),
            Event::Key(_) | Event::Saved | Event::Over | Event::End => return,
        };
        match told {
            Ok(told) => self.show(&told),
            Err(error) => self.show_error(&error),
        }
    }

    /// Checks, until that is over or something else is wanted.
    fn check(&mut self, wish: &Wish) -> Result<Option<Wish>> {
        let course = self.course;
        let queue = self.queue(wish)?;
        let saved = self.saved.take();
        if queue.is_empty() {
            self.show(&status::status(course)?);
            return Ok(None);
        }
        self.show_headline(wish, saved.as_ref());
        let is_shared =
            |saved: &Saved| saved.files.iter().any(|file| !file.starts_with(PROGRAMS));
        let run = Run {
            course,
            queue,
            focus: self.focus.clone(),
            is_shared: saved.as_ref().is_some_and(is_shared),
            noticed: saved.map(|saved| saved.at),
        };
        let (stop, line) = (Stop::default(), Line::new(false));
        // What was wanted, and what was asked for, meanwhile.
        let (mut next, mut asked) = (None, Vec::new());
        let over = self.sender.clone();
        let outcome = thread::scope(|scope| -> Result<String> {
            let work = || {
                let outcome = run.run(&stop, &line);
                let _ = over.send(Event::Over);
                outcome
            };
            let running = thread::Builder::new().spawn_scoped(scope, work)?;
            while let Ok(event) = self.events.recv() {
                if matches!(event, Event::Over) {
                    break;
                }
                match self.wish(&event) {
                    None => asked.push(event),
                    // Nothing is wanted any more by whoever has ended it.
                    Some(_) if matches!(next, Some(Wish::Quit)) => {}
                    wish => {
                        next = wish;
                        stop.stop();
                    }
                }
            }
            running.join().map_err(|_| anyhow!("the run has failed"))?
        });
        line.clear();
        if next.is_some() {
            return Ok(next);
        }
        self.show(&outcome?);
        for event in asked {
            self.answer(&event);
        }
        Ok(None)
    }

    /// The next step, of the labs that are worked on if there is one.
    fn next_step(&self, progress: &Progress) -> Result<Option<StepNumber>> {
        let places = Places::read(&self.course.root)?;
        Ok(status::next_step(self.course, progress, &places, &self.focus))
    }

    /// Waits until the editor is done; whether any program is another one than before.
    fn has_changed(&mut self) -> bool {
        let at = Instant::now();
        // What else comes in this time is dealt with behind the change.
        let mut others = Vec::new();
        while at.elapsed() < PATIENCE
            && let Ok(event) = self.events.recv_timeout(QUIET)
        {
            if !matches!(event, Event::Saved) {
                others.push(event);
            }
        }
        for event in others {
            let _ = self.sender.send(event);
        }
        let Some(texts) = texts(&self.course.root) else { return false };
        let files: BTreeSet<PathBuf> = texts
            .keys()
            .chain(self.texts.keys())
            .filter(|file| texts.get(*file) != self.texts.get(*file))
            .cloned()
            .collect();
        if files.is_empty() {
            return false;
        }
        let before = std::mem::replace(&mut self.texts, texts);
        let files: Vec<PathBuf> = files.into_iter().collect();
        if let Ok(steps) = self.steps_in(&files, &before) {
            self.focus = steps;
        }
        self.saved = Some(Saved { files, at });
        true
    }

    /// The steps in whose places something has changed; else those of the changed files.
    fn steps_in(&self, changed: &[PathBuf], before: &Texts) -> Result<Vec<StepNumber>> {
        let places = Places::read(&self.course.root)?;
        let of_files: BTreeSet<StepNumber> =
            changed.iter().flat_map(|file| places.steps_in(file)).collect();
        let is_new = |step: &StepNumber| {
            places.found(*step).is_some_and(|found| {
                let text = before.get(&found.file).map(Vec::as_slice).unwrap_or_default();
                !String::from_utf8_lossy(text).contains(&found.content)
            })
        };
        let written: Vec<_> = of_files.iter().copied().filter(is_new).collect();
        if !written.is_empty() {
            return Ok(written);
        }
        if !of_files.is_empty() {
            return Ok(of_files.into_iter().collect());
        }
        // What programs share: whoever changes it works on the next step, or has done all.
        let progress = Progress::read(&self.course.root);
        let last = || self.course.labs.last().map(|lab| lab.numbers().collect());
        Ok(match self.next_step(&progress)? {
            Some(step) => vec![step],
            None => last().unwrap_or_default(),
        })
    }

    /// The checks that are wanted, the most urgent first.
    fn queue(&self, wish: &Wish) -> Result<Vec<Job<'a>>> {
        let progress = Progress::read(&self.course.root);
        let all = self.course.labs.iter().flat_map(|lab| lab.jobs());
        if matches!(wish, Wish::CheckAll) {
            let mut queue: Vec<_> = all.collect();
            queue.sort_by_key(|job| Reverse(progress.took(job)));
            return Ok(queue);
        }
        let places = Places::read(&self.course.root)?;
        let is_in_focus =
            |job: &Job<'_>| job.step.is_some_and(|step| self.focus.contains(&step));
        let is_wanted = |job: &Job<'_>| {
            is_in_focus(job)
                || self.focus.iter().any(|step| step.lab == job.lab.number)
                    && job.step.is_none_or(|step| !places.is_to_do(step))
        };
        let mut queue: Vec<_> = all.filter(is_wanted).collect();
        // What has points and what is quick tells soon; what is slow begins soon enough.
        queue.sort_by_key(|job| (!is_in_focus(job), job.points == 0, progress.took(job)));
        Ok(queue)
    }

    fn show_headline(&mut self, wish: &Wish, saved: Option<&Saved>) {
        let what = match wish {
            Wish::CheckAll => "all labs".to_owned(),
            Wish::Check | Wish::Quit => steps(&self.focus),
        };
        let why = match saved.map(|saved| &saved.files[..]) {
            Some([file]) => format!("{} was saved", file.display()),
            Some(files) => format!("{} files were saved", files.len()),
            None if self.is_polled => format!("looking at {SOURCES}/ every half second"),
            None => format!("watching {SOURCES}/"),
        };
        self.clear_screen();
        let headline = screen::wrap(&format!("{why}; checking {what}"), screen::columns(), 2);
        self.is_seen = screen::print(&(headline + "\n"));
    }

    fn show_error(&mut self, error: &Error) {
        self.show(&format!("error: {error:#}\n"));
    }

    /// Shows something on a screen of its own, above the keys.
    fn show(&mut self, text: &str) {
        self.clear_screen();
        self.is_seen = screen::print(&(text.to_owned() + &keys()));
    }

    fn clear_screen(&self) {
        let terminal = Term::stdout();
        if terminal.is_term() {
            let _ = terminal.clear_screen();
        }
    }
}

/// `2.1, 2.2`.
fn steps(steps: &[StepNumber]) -> String {
    let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
    steps.join(", ")
}

fn keys() -> String {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return String::new();
    }
    let keys =
        [("h", "hint"), ("l", "list"), ("c", "check all"), ("r", "rerun"), ("q", "quit")];
    let keys = keys.map(|(key, what)| format!("{} {what}", key.bold().cyan()));
    format!("\n{}\n", keys.join("  "))
}
