//! What a failed check tells a learner: what should happen, what happened, the likely
//! cause, the conversation, a command to try, where to read on.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::OnceLock;

use crate::{bytes, executables, record, run, seed};

/// The longest story.
const LINES: usize = 25;

const CAUSE: &str = "likely cause";

const ENDED_BY_ITSELF: &str = "the server has ended, and goes on only until it is told to end: \
     an error, or the end of one client, is not its own (accept, or receive, again in a loop)";

/// How a program ends that comes to a place that is not filled in.
const NOT_YET: &str = "not yet implemented: ";

/// How many lines of a program's output a story quotes.
const LINES_QUOTED: usize = 3;

/// Column in which the text behind a label begins.
const INDENT: usize = 18;

/// What a check saw instead of what was promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing came, and nothing ended.
    Nothing,
    /// A part came, then nothing more.
    Part,
    /// Other bytes came.
    Other,
    /// More came than there should be.
    More,
    /// The connection was closed too early.
    Closed,
    /// The connection was reset.
    Reset,
    /// The connection was refused, or nobody has the port.
    Refused,
    /// The connection, or the program, went on when it should have ended.
    StillOpen,
    /// The program ended when it should have gone on.
    Ended,
    /// It took too little or too much time.
    Time,
    /// The program ended with another exit status.
    Status,
    /// Something else stood on stdout.
    Stdout,
    /// Something else stood on stderr.
    Stderr,
}

/// Whatever a check may see.
const ANYTHING: &[Seen] = &[
    Seen::Nothing,
    Seen::Part,
    Seen::Other,
    Seen::More,
    Seen::Closed,
    Seen::Reset,
    Seen::Refused,
    Seen::StillOpen,
    Seen::Ended,
    Seen::Time,
    Seen::Status,
    Seen::Stdout,
    Seen::Stderr,
];

/// What a program promises, and what to tell when it breaks the promise.
#[derive(Clone)]
pub struct Promise {
    should: String,
    causes: Vec<(Vec<Seen>, String)>,
    by_hand: Option<String>,
    read: Option<&'static str>,
}

/// A promise in a sentence: what should happen.
pub fn promise(should: impl Into<String>) -> Promise {
    Promise { should: should.into(), causes: Vec::new(), by_hand: None, read: None }
}

impl Promise {
    /// The likely cause where one of `seen` is what happened. The first that fits is told.
    #[must_use]
    pub fn cause(mut self, seen: &[Seen], cause: impl Into<String>) -> Self {
        self.causes.push((seen.to_vec(), cause.into()));
        self
    }

    /// The likely cause whatever happened, if none that was named before fits.
    #[must_use]
    pub fn because(self, cause: impl Into<String>) -> Self {
        self.cause(ANYTHING, cause)
    }

    /// The same promise, with this as the only cause.
    #[must_use]
    pub fn instead_because(&self, cause: &str) -> Self {
        let mut promise = self.clone();
        let all = [Seen::Stdout, Seen::Stderr, Seen::Status];
        promise.causes = vec![(all.to_vec(), cause.to_owned())];
        promise
    }

    /// The same promise, with this as the only cause, whatever is seen.
    #[must_use]
    pub fn only_because(&self, cause: &str) -> Self {
        let mut promise = self.clone();
        promise.causes.clear();
        promise.because(cause)
    }

    /// A command by which to see the same.
    #[must_use]
    pub fn try_it(mut self, command: impl Into<String>) -> Self {
        self.by_hand = Some(command.into());
        self
    }

    /// Where to read on, one of [`crate::handout`].
    #[must_use]
    pub fn read(mut self, place: &'static str) -> Self {
        self.read = Some(place);
        self
    }

    /// Fails the check.
    pub fn broken(&self, seen: Seen, happened: impl Into<String>) -> ! {
        self.broken_because(seen, happened, None)
    }

    /// Fails the check; `found` is a cause that the check found out by itself and is more
    /// certain than those that were foreseen.
    pub fn broken_because(
        &self,
        seen: Seen,
        happened: impl Into<String>,
        found: Option<String>,
    ) -> ! {
        let mut happened = happened.into();
        let foreseen = self.causes.iter().find(|(fits, _)| fits.contains(&seen));
        let mut cause = found.or_else(|| foreseen.map(|(_, cause)| cause.clone()));
        let programs = record::with(|record| record.programs.clone());
        let started = programs.iter().rev().find_map(|program| program.by_hand());
        let ran = programs.last().and_then(|program| program.ran());
        let last = programs.len().saturating_sub(1);
        let mut heard = Vec::new();
        for (number, program) in programs.into_iter().enumerate() {
            if matches!(seen, Seen::Closed | Seen::Reset | Seen::Refused | Seen::Ended) {
                // The end of a connection is seen sooner than what a program says of it.
                program.wait_for_last_words();
            }
            // A panic or a traceback explains more than anything seen from outside; not so
            // that of a step that comes later, where something wrong was seen before.
            let crash = program.crash().filter(|crash| {
                let is_seen = matches!(seen, Seen::Other | Seen::Part | Seen::More);
                !(is_seen && crash.contains(NOT_YET))
            });
            if let Some(crash) = crash {
                cause = Some(format!("{} crashed: {crash}", program.name()));
            } else if let Some(how) = program.desertion() {
                happened.push_str(&format!("; {} has ended by itself: {how}", program.name()));
                cause.get_or_insert_with(|| ENDED_BY_ITSELF.to_owned());
            } else if let Some(words) = program.last_words()
                && !words.lines().all(|line| happened.contains(line))
                // Those that have ended before have done what they should.
                && (number == last || program.is_running())
            {
                heard.push((format!("{} says", program.name()), words));
            }
        }
        let mut facts = vec![("should happen", self.should.clone())];
        facts.extend(ran.map(|command| ("ran", executables::as_run_here(&command))));
        facts.push(("happened", happened));
        facts.extend(cause.map(|cause| (CAUSE, cause)));
        let mut after = Vec::new();
        after.extend(heard.iter().map(|(label, words)| (label.as_str(), words.clone())));
        let by_hand = self.by_hand.clone().or(started);
        after.extend(by_hand.map(|command| ("try it", executables::as_run_here(&command))));
        let cause = facts.iter().find(|(label, _)| *label == CAUSE).map(|(_, cause)| cause);
        after.extend(self.more(seen, cause.map(String::as_str)).map(|more| ("more", more)));
        let seed = seed::seed();
        if record::with(|record| record.seed_used) {
            after.push(("repeat", format!("LAB_SEED={seed} makes the same random choices")));
        }

        let mut lines = vec![format!("✗ {}", headline())];
        let before: Vec<String> =
            facts.iter().flat_map(|(label, text)| lay_out(label, text)).collect();
        let after: Vec<String> =
            after.iter().flat_map(|(label, text)| lay_out(label, text)).collect();
        let room = LINES.saturating_sub(1 + before.len() + after.len());
        lines.extend(before);
        let ladder = record::with(|record| record.ladder(room));
        lines.extend(ladder.into_iter().map(|line| format!("    {line}")));
        lines.extend(after);
        lines.truncate(LINES);
        fail(&lines.join("\n"));
    }
}

impl Promise {
    /// Where to go on: the hints of the step, the event explained, the place to read.
    fn more(&self, seen: Seen, cause: Option<&str>) -> Option<String> {
        let step = cause.and_then(step_not_done).or_else(|| self.read.and_then(step_of));
        let hint = step.map(|step| format!("cargo lab hint {step}"));
        let word = match seen {
            Seen::Refused => Some("cargo lab explain refused".to_owned()),
            Seen::Reset => Some("cargo lab explain reset".to_owned()),
            _ => None,
        };
        let read = self.read.map(str::to_owned);
        let ways: Vec<String> = [hint, word, read].into_iter().flatten().collect();
        (!ways.is_empty()).then(|| ways.join(" · "))
    }
}

/// The step whose place a program has come to, which is not filled in.
fn step_not_done(cause: &str) -> Option<String> {
    let (_, what) = cause.split_once(NOT_YET)?;
    what.split(':').next().map(str::to_owned)
}

/// The step that a section of a handout tells of: `…README.md#21-listening` is 2.1's.
fn step_of(place: &str) -> Option<String> {
    let (_, anchor) = place.split_once("README.md#")?;
    let (lab, step) = anchor.split('-').next()?.split_at_checked(1)?;
    let is_number =
        |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    (is_number(lab) && is_number(step)).then(|| format!("{lab}.{step}"))
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// From now on checks fail on this thread without telling their story.
pub(crate) fn fail_quietly() {
    QUIET.set(true);
}

/// Whether [`fail_quietly`] was called on this thread.
pub(crate) fn is_quiet() -> bool {
    QUIET.get()
}

/// Set where it is only asked whether a check fails: the first that does ends them all.
const FAIL_FAST: &str = "LAB_FAIL_FAST";

/// Ends the check as failed. Unlike a panic this shows no place in the kit's own code.
#[expect(clippy::print_stderr, reason = "libtest shows it with the check that failed")]
#[expect(clippy::disallowed_methods, reason = "the keepers end what was started")]
pub(crate) fn fail(story: &str) -> ! {
    if !QUIET.get() {
        eprintln!("{story}");
    }
    if std::env::var_os(FAIL_FAST).is_some() {
        std::process::exit(101);
    }
    resume_unwind(Box::new(story.to_owned()))
}

/// Marks a check that was not tried.
const SKIPPED: &str = "– ";

/// Ends the check as not tried, for the reason that stands in the story of another that was
/// not tried; goes on if that one was.
pub(crate) fn skip_like(other: &str) {
    if let Some((_, reason)) = other.split_once('\n').filter(|_| other.starts_with(SKIPPED)) {
        fail(&format!("{SKIPPED}{}\n{reason}", headline()));
    }
}

/// Ends the check as not tried: something else comes first, which is `waits_for` if it is
/// another check.
pub(crate) fn skip(reason: &str, waits_for: Option<&str>, by_hand: &str) -> ! {
    let mut lines = vec![format!("{SKIPPED}{}", headline())];
    lines.extend(lay_out("skipped", reason));
    lines.extend(waits_for.into_iter().flat_map(|check| lay_out("waits for", check)));
    lines.extend(lay_out("try it", by_hand));
    fail(&lines.join("\n"));
}

/// Ends the check because the machine, not the program, cannot do what it needs.
pub(crate) fn broken_machine(error: &std::io::Error) -> ! {
    fail(&format!("this machine cannot run the check: {error}"))
}

/// The name of the check that runs on this thread.
pub fn check_name() -> String {
    std::thread::current().name().unwrap_or("check").to_owned()
}

/// This check in a headline: `lab 2 · one_client_after_another_is_served`.
pub(crate) fn headline() -> String {
    headline_of(&check_name())
}

/// A check of this lab in a headline.
pub(crate) fn headline_of(check: &str) -> String {
    let group = test_name();
    match group.strip_prefix("lab").and_then(|lab| lab.split_once('_')) {
        Some((number, _)) => format!("lab {number} · {check}"),
        None => format!("{group} · {check}"),
    }
}

/// The name of the test executable as cargo knows it, `lab2_tcp`.
pub(crate) fn test_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let executable = std::env::current_exe().unwrap_or_default();
        let name = executable.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // cargo adds a hash to it.
        name.rsplit_once('-').map_or(name, |(name, _)| name).to_owned()
    })
}

/// A label and its text, broken into lines between words.
fn lay_out(label: &str, text: &str) -> Vec<String> {
    let (mut lines, columns) = (Vec::new(), run::columns());
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split(' ') {
            let length = line.chars().count() + 1 + word.chars().count();
            if !line.is_empty() && INDENT + length > columns {
                lines.push(std::mem::take(&mut line));
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    let mut label = format!("  {label} ");
    for line in &mut lines {
        *line = format!("{label:<INDENT$}{line}");
        label.clear();
    }
    lines
}

/// A program's output for a story: at most three lines, readable, without control bytes.
pub(crate) fn quote(output: &[u8]) -> String {
    let text = bytes::text(output);
    let cut = text.lines().nth(LINES_QUOTED).map(|_| "…".to_owned());
    let lines: Vec<String> = text
        .lines()
        .take(LINES_QUOTED)
        .map(|line| {
            let readable: String = line.chars().flat_map(readable).collect();
            if readable.chars().count() > 200 {
                readable.chars().take(200).chain("…".chars()).collect()
            } else {
                readable
            }
        })
        .chain(cut)
        .collect();
    lines.join("\n")
}

fn readable(character: char) -> Vec<char> {
    if character.is_control() && character != '\t' {
        character.escape_default().collect()
    } else {
        vec![character]
    }
}
