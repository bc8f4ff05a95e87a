//! `cargo lab watch`: checks what has changed, each time that something is saved.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Read, stdin, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use colored::Colorize;
use console::Term;
use nix::sys::termios::{self, LocalFlags, SetArg, Termios};
use notify::{Config, PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use crate::check::{AT_ONCE, Manner, TIME_LIMIT, Verdict, build_and_check};
use crate::course::{Course, Lab, StepNumber};
use crate::hint::hint;
use crate::jobs::Job;
use crate::line::Line;
use crate::mounts;
use crate::places::Places;
use crate::process::Stop;
use crate::progress::Progress;
use crate::project::{self, SOURCES};
use crate::report::Report;
use crate::screen::{self, count};
use crate::status::{self, next_step};

/// An editor saves in several steps; what comes within this time belongs together.
const QUIET: Duration = Duration::from_millis(60);

/// How often is looked where the system does not tell.
const POLL: Duration = Duration::from_millis(500);

/// Ctrl-D.
const END_OF_INPUT: char = '\u{4}';

/// What stands here belongs to one program; the rest of `src/` is shared.
const PROGRAMS: &str = "src/bin";

/// As many stories are told on a screen.
const STORIES: usize = 1;

/// How the watching is done.
pub struct Watching {
    /// Whether to look again and again, and not to wait to be told.
    pub poll: bool,
}

/// What may happen while nothing is checked, or something is.
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

/// The programs' texts, by file.
type Texts = BTreeMap<PathBuf, String>;

/// Watches until the user ends it.
///
/// # Errors
/// The files cannot be watched or read.
pub fn watch(course: &Course, watching: Watching) -> Result<ExitCode> {
    let (sender, events) = mpsc::channel();
    let on_signal = sender.clone();
    ctrlc::set_handler(move || {
        let _ = on_signal.send(Event::End);
    })
    .context("cannot wait for Ctrl-C")?;
    let poll = watching.poll || mounts::is_silent(&course.root);
    let _watcher = watch_sources(&course.root, poll, sender.clone())?;
    let _keys = Keys::read(sender.clone());
    let mut watch = Watch {
        course,
        texts: texts(&course.root)?,
        sender,
        events,
        focus: Vec::new(),
        saved: None,
    };
    if poll {
        screen::note("note: looking for changes every half second");
    }
    watch.focus.extend(watch.next_step(&Progress::read(&course.root))?);
    watch.go_on()
}

struct Watch<'a> {
    course: &'a Course,
    texts: Texts,
    sender: Sender<Event>,
    events: Receiver<Event>,
    /// The steps that are worked on.
    focus: Vec<StepNumber>,
    /// What was saved last, and when.
    saved: Option<(PathBuf, Instant)>,
}

/// What is to be done next.
enum Next {
    /// Wait for something to happen.
    Wait,
    /// Check these.
    Check(Wanted),
    /// End.
    Quit,
}

/// What is to be checked.
enum Wanted {
    /// The labs of the steps that are worked on.
    Focus,
    /// Everything.
    All,
}

impl<'a> Watch<'a> {
    fn go_on(&mut self) -> Result<ExitCode> {
        let mut next = Next::Check(Wanted::Focus);
        loop {
            next = match next {
                Next::Quit => return Ok(ExitCode::SUCCESS),
                Next::Check(wanted) => self.check(&wanted)?,
                Next::Wait => match self.events.recv() {
                    Ok(event) => self.react(event)?,
                    Err(_) => Next::Quit,
                },
            };
        }
    }

    /// Checks, until that is over or something else is wanted.
    fn check(&mut self, wanted: &Wanted) -> Result<Next> {
        let course = self.course;
        let queue = self.queue(wanted)?;
        if queue.is_empty() {
            self.show(&(status::status(course)? + &keys()));
            return Ok(Next::Wait);
        }
        self.show(&self.headline(wanted));
        let stop = Arc::new(Stop::default());
        let mut next = Next::Wait;
        // What was asked for meanwhile, by keys.
        let mut later = Vec::new();
        let is_shared =
            self.saved.as_ref().is_some_and(|(file, _)| !file.starts_with(PROGRAMS));
        let noticed = self.saved.as_ref().map(|(_, noticed)| *noticed);
        let run = Run { course, queue, focus: self.focus.clone(), noticed, is_shared };
        let line = Line::new(false);
        let outcome = thread::scope(|scope| -> Result<_> {
            let over = self.sender.clone();
            let (run, line, on_run) = (&run, &line, &stop);
            let work = move || {
                let outcome = run.run(on_run, line);
                let _ = over.send(Event::Over);
                outcome
            };
            let running = thread::Builder::new().spawn_scoped(scope, work)?;
            loop {
                next = match self.events.recv() {
                    Ok(Event::Over) => break,
                    Ok(Event::Saved) if self.has_changed()? => Next::Check(Wanted::Focus),
                    Ok(Event::Key('r' | 'R')) => Next::Check(Wanted::Focus),
                    Ok(Event::Key('c' | 'C')) => Next::Check(Wanted::All),
                    Ok(Event::End | Event::Key('q' | 'Q' | END_OF_INPUT)) | Err(_) => {
                        Next::Quit
                    }
                    Ok(Event::Key(key)) => {
                        later.push(Event::Key(key));
                        continue;
                    }
                    Ok(Event::Saved) => continue,
                };
                stop.stop();
            }
            running.join().map_err(|_| anyhow!("the run has failed"))
        });
        line.clear();
        if stop.is_set() {
            return Ok(next);
        }
        self.show(&(outcome?? + &keys()));
        for event in later {
            next = self.react(event)?;
        }
        Ok(next)
    }

    /// What an event leads to while nothing is being checked.
    fn react(&mut self, event: Event) -> Result<Next> {
        Ok(match event {
            Event::End | Event::Key('q' | 'Q' | END_OF_INPUT) => Next::Quit,
            Event::Saved if self.has_changed()? => Next::Check(Wanted::Focus),
            Event::Key('r' | 'R') => Next::Check(Wanted::Focus),
            Event::Key('c' | 'C') => Next::Check(Wanted::All),
            Event::Key('h' | 'H') => {
                let step = self.step_of_hints()?;
                let told = match step {
                    Some(step) => hint(self.course, step)?,
                    None => "All steps are done.\n".to_owned(),
                };
                self.show(&(told + &keys()));
                Next::Wait
            }
            Event::Key('l' | 'L') => {
                self.show(&(status::status(self.course)? + &keys()));
                Next::Wait
            }
            Event::Key(_) => {
                screen::print(&keys());
                Next::Wait
            }
            Event::Saved | Event::Over => Next::Wait,
        })
    }

    /// The step that a hint is asked for: the first of those worked on that is not done.
    fn step_of_hints(&self) -> Result<Option<StepNumber>> {
        let progress = Progress::read(&self.course.root);
        let is_open = |step: &&StepNumber| {
            let lab = self.course.lab(step.lab);
            lab.is_some_and(|lab| !progress.is_done(lab, **step))
        };
        match self.focus.iter().find(is_open) {
            Some(step) => Ok(Some(*step)),
            None => self.next_step(&progress),
        }
    }

    /// The next step, of the labs that are worked on if there is one.
    fn next_step(&self, progress: &Progress) -> Result<Option<StepNumber>> {
        let places = Places::read(&self.course.root)?;
        Ok(next_step(self.course, progress, &places, &self.focus))
    }

    /// Waits until the editor is done; whether any program is another one than before.
    fn has_changed(&mut self) -> Result<bool> {
        let saved_at = Instant::now();
        loop {
            match self.events.recv_timeout(QUIET) {
                Ok(Event::Saved) => {}
                Ok(other) => {
                    // It is dealt with behind the change.
                    let _ = self.sender.send(other);
                    break;
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let texts = texts(&self.course.root)?;
        let changed: Vec<PathBuf> = texts
            .keys()
            .chain(self.texts.keys())
            .filter(|file| texts.get(*file) != self.texts.get(*file))
            .cloned()
            .collect();
        let before = std::mem::replace(&mut self.texts, texts);
        let Some(first) = changed.first() else { return Ok(false) };
        self.saved = Some((first.clone(), saved_at));
        self.focus = self.steps_in(&changed, &before)?;
        Ok(true)
    }

    /// The steps in whose places something has changed; else those of the changed files.
    fn steps_in(&self, changed: &[PathBuf], before: &Texts) -> Result<Vec<StepNumber>> {
        let places = Places::read(&self.course.root)?;
        let of_files: BTreeSet<StepNumber> =
            changed.iter().flat_map(|file| places.steps_in(file)).collect();
        let is_new = |step: &StepNumber| {
            places.found(*step).is_some_and(|found| {
                let text = before.get(&found.file).map(String::as_str).unwrap_or_default();
                !text.contains(&found.content)
            })
        };
        let written: Vec<_> = of_files.iter().copied().filter(is_new).collect();
        if !written.is_empty() {
            return Ok(written);
        }
        if !of_files.is_empty() {
            return Ok(of_files.into_iter().collect());
        }
        // What programs share: whoever changes it works on the next step.
        let progress = Progress::read(&self.course.root);
        Ok(self.next_step(&progress)?.into_iter().collect())
    }

    /// The checks that are wanted, the most urgent first.
    fn queue(&self, wanted: &Wanted) -> Result<Vec<Job<'a>>> {
        let progress = Progress::read(&self.course.root);
        let all = self.course.labs.iter().flat_map(|lab| lab.jobs());
        if matches!(wanted, Wanted::All) {
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

    fn headline(&self, wanted: &Wanted) -> String {
        let what = match wanted {
            Wanted::All => "all labs".to_owned(),
            Wanted::Focus => steps(&self.focus),
        };
        match &self.saved {
            Some((file, _)) => format!("{} was saved; checking {what}\n", file.display()),
            None => format!("watching {SOURCES}/; checking {what}\n"),
        }
    }

    /// Shows something on a screen of its own.
    fn show(&self, text: &str) {
        let terminal = Term::stdout();
        if terminal.is_term() {
            let _ = terminal.clear_screen();
        }
        screen::print(text);
    }
}

/// `2.1, 2.2`.
fn steps(steps: &[StepNumber]) -> String {
    let steps: Vec<_> = steps.iter().map(ToString::to_string).collect();
    steps.join(", ")
}

/// One run of checks, on a thread of its own.
struct Run<'a> {
    course: &'a Course,
    queue: Vec<Job<'a>>,
    focus: Vec<StepNumber>,
    /// When the change was noticed that led to it.
    noticed: Option<Instant>,
    /// Whether what has changed may matter to other labs too.
    is_shared: bool,
}

impl<'a> Run<'a> {
    /// Runs them; what is to be shown in the end.
    fn run(&self, stop: &Stop, line: &Line) -> Result<String> {
        let manner = Manner { at_once: usize::from(AT_ONCE), time_limit: TIME_LIMIT, stop };
        let mut tally = Tally::of(self);
        let mut told = false;
        let tell = |verdict: &Verdict<'_>| {
            if let Some(story) = verdict.story().filter(|_| !told) {
                // The first is told at once; which one is the most useful shows in the end.
                told = true;
                let points = Some(verdict.job.points).filter(|points| *points > 0);
                line.above(&story.shown(points, screen::columns()));
            }
            if let Some(text) = tally.take(verdict) {
                line.above(&text);
            }
        };
        let (built, verdicts) = build_and_check(self.course, &self.queue, &manner, line, tell)?;
        let places = Places::read(&self.course.root)?;
        let report = Report::of(self.course, &places, &built, &verdicts)?;
        let mut shown = report.shown(STORIES);
        if self.is_shared && report.all_pass() {
            shown.push_str(&self.others(&manner, line)?);
        }
        let progress = Progress::read(&self.course.root);
        let next = report.next(&progress, &self.focus)?;
        shown.push_str(&format!("\n{next}"));
        Ok(shown)
    }

    /// The checks of other labs that have passed, if programs of theirs have changed too.
    fn others(&self, manner: &Manner<'_>, line: &Line) -> Result<String> {
        let progress = Progress::read(&self.course.root);
        let is_here = |lab: &Lab| self.queue.iter().any(|job| job.lab.number == lab.number);
        let others = self.course.labs.iter().filter(|lab| !is_here(lab));
        let passed: Vec<Job<'a>> = others.flat_map(|lab| progress.passed(lab)).collect();
        if passed.is_empty() {
            return Ok(String::new());
        }
        let (built, verdicts) = build_and_check(self.course, &passed, manner, line, |_| ())?;
        let failed = verdicts.iter().filter(|verdict| !verdict.passes()).count();
        if failed == 0 {
            let passed = count(verdicts.len() as u64, "check");
            return Ok(format!("\n✓ In other labs {passed} that passed before still pass.\n"));
        }
        let places = Places::read(&self.course.root)?;
        let report = Report::of(self.course, &places, &built, &verdicts)?;
        Ok(format!("\nIn other labs, what passed before:\n\n{}", report.shown(STORIES)))
    }
}

/// Counts the checks that tell most of what is worked on: those with points.
struct Tally {
    focus: Vec<StepNumber>,
    noticed: Option<Instant>,
    all: usize,
    left: usize,
    passed: usize,
}

impl Tally {
    fn of(run: &Run<'_>) -> Self {
        let (focus, noticed) = (run.focus.clone(), run.noticed);
        let mut tally = Self { focus, noticed, all: 0, left: 0, passed: 0 };
        tally.all = run.queue.iter().filter(|job| tally.counts(job)).count();
        tally.left = tally.all;
        tally
    }

    fn counts(&self, job: &Job<'_>) -> bool {
        job.points > 0 && job.step.is_some_and(|step| self.focus.contains(&step))
    }

    /// With the last of them there is something to say.
    fn take(&mut self, verdict: &Verdict<'_>) -> Option<String> {
        if !self.counts(&verdict.job) {
            return None;
        }
        self.left -= 1;
        self.passed += usize::from(verdict.passes());
        let since = self.noticed.map_or(String::new(), |noticed| {
            format!(", {:.1} s after saving", noticed.elapsed().as_secs_f64())
        });
        let (steps, passed, all) = (steps(&self.focus), self.passed, self.all);
        let all = count(all as u64, "check");
        (self.left == 0).then(|| {
            format!("{steps}: {passed} of {all} with points pass{since}; more are running\n")
        })
    }
}

/// Tells of changes below `src/` for as long as it lives.
fn watch_sources(root: &Path, poll: bool, sender: Sender<Event>) -> Result<Box<dyn Watcher>> {
    let tell = move |event: notify::Result<notify::Event>| {
        // What was only opened and read has not changed. Where something went wrong, a look
        // does no harm.
        if event.map_or(true, |event| !event.kind.is_access()) {
            let _ = sender.send(Event::Saved);
        }
    };
    let config = Config::default().with_poll_interval(POLL).with_compare_contents(true);
    let sources = root.join(SOURCES);
    if !poll {
        let told = RecommendedWatcher::new(tell.clone(), config).and_then(|mut watcher| {
            watcher.watch(&sources, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        match told {
            Ok(watcher) => return Ok(Box::new(watcher)),
            // As where there are no more inotify(7) instances for this user.
            Err(error) => screen::note(&format!("note: looking every half second, as {error}")),
        }
    }
    let mut watcher = PollWatcher::new(tell, config)?;
    watcher.watch(&sources, RecursiveMode::Recursive)?;
    Ok(Box::new(watcher))
}

/// The terminal gives each key at once and does not show it, for as long as this lives.
struct Keys {
    before: Termios,
}

impl Keys {
    /// Reads keys on a thread of its own; none if stdin is no terminal.
    fn read(sender: Sender<Event>) -> Option<Self> {
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

/// The programs and what they share.
fn texts(root: &Path) -> Result<Texts> {
    Ok(project::sources(root)?.into_iter().collect())
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
