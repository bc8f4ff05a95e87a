//! `cargo lab explain WORD`: what an error or an event means on the wire.

mod words;

use colored::Colorize;

use crate::screen::{pad, wrap};
use words::WORDS;

/// What is said of a word. [`words`] has them all, and says how they are written down.
struct Word {
    /// By which it is listed, in lower case, with hyphens.
    name: &'static str,
    /// What else people type or paste, such as a part of an error's text. Case, spaces,
    /// hyphens and underscores are of no matter.
    also: &'static [&'static str],
    topic: Topic,
    /// What it is, in one line.
    short: &'static str,
    /// What happens on the wire.
    text: &'static str,
    /// The exchange.
    ladder: &'static str,
    /// How it shows in Rust, in curl, in nc.
    see: &'static str,
    /// The likely causes.
    mostly: &'static str,
    /// Commands that show it.
    look: &'static str,
    /// Where to read on: headings of GUIDE and of the handouts.
    more: &'static [&'static str],
    /// Where it is laid down.
    rfc: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Topic {
    Beginning,
    Ending,
    Stream,
    Udp,
    Http,
}

const TOPICS: [(Topic, &str); 5] = [
    (Topic::Beginning, "how a connection begins"),
    (Topic::Ending, "how it ends"),
    (Topic::Stream, "what it carries"),
    (Topic::Udp, "UDP"),
    (Topic::Http, "HTTP"),
];

/// Labels stand in front of this column.
const INDENT: usize = 11;

/// Columns for the calls of the client, left of a ladder.
const CALLS: usize = 11;

/// Columns between the sides of a ladder.
const WAY: usize = 42;

/// The words that can be explained.
pub(crate) fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|word| word.name)
}

/// What a word means, for a screen of that many columns; without a word, which there are.
/// A word may also be a pasted error message.
///
/// # Errors
/// It is not known; the error says what comes near, for the screen.
pub(crate) fn explain(word: Option<&str>, columns: usize) -> Result<String, String> {
    let Some(asked) = word else { return Ok(list(columns)) };
    match find(asked) {
        Some(word) => Ok(word.shown(columns)),
        None => Err(unknown(asked)),
    }
}

fn list(columns: usize) -> String {
    let width = words().map(str::len).max().unwrap_or_default();
    let mut shown = format!("{}\n", "cargo lab explain WORD".bold());
    for (topic, title) in TOPICS {
        shown.push_str(&format!("\n{title}\n"));
        for word in WORDS.iter().filter(|word| word.topic == topic) {
            let short = wrap(word.short, columns, width + 4);
            shown.push_str(&format!("  {}  {short}\n", pad(&word.name.bold(), width)));
        }
    }
    let how = "A pasted error message will do as well: `cargo lab explain Connection refused`.";
    format!("{shown}\n{}\n", wrap(how, columns, 0).dimmed())
}

impl Word {
    fn shown(&self, columns: usize) -> String {
        let mut shown = format!("{} · {}\n\n", self.name.bold(), self.short);
        shown.push_str(&format!("  {}\n\n", wrap(&flowing(self.text), columns, 2)));
        shown.push_str(&ladder(self.ladder));
        shown.push('\n');
        let see = self.see.replace("\n              ", " ");
        let see: Vec<_> = lines(&see).map(|line| wrap(line, columns, INDENT)).collect();
        let look: Vec<_> = lines(self.look).map(command).collect();
        let more: Vec<_> = self.more.iter().map(ToString::to_string).collect();
        let rfc = wrap(self.rfc, columns, INDENT);
        for (label, lines) in [
            ("you see", see),
            ("mostly", vec![wrap(&flowing(self.mostly), columns, INDENT)]),
            ("look", look),
            ("more", [more, vec![rfc]].concat()),
        ] {
            let lines = lines.join(&format!("\n{:INDENT$}", ""));
            shown.push_str(&format!("  {}{lines}\n", pad(&label.dimmed(), INDENT - 2)));
        }
        shown
    }

    /// Its name, and what else it is called, in the form that [`squeezed`] makes.
    fn calls(&self) -> impl Iterator<Item = String> {
        [self.name].into_iter().chain(self.also.iter().copied()).map(squeezed)
    }
}

/// A text without the line breaks that it has in the source.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Lines as they are, without the indent that they have in the source.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.strip_prefix("            ").unwrap_or(line))
        .filter(|line| !line.trim().is_empty())
}

/// A command, and the comment behind it in the background.
fn command(line: &str) -> String {
    match line.split_once("  # ") {
        Some((command, comment)) => format!("{command}  {}", format!("# {comment}").dimmed()),
        None => line.to_owned(),
    }
}

/// Draws an exchange, as the stories of failed checks do.
fn ladder(script: &str) -> String {
    let mut drawn = format!("{:1$}client{2}server\n", "", CALLS - 1, " ".repeat(WAY - 4));
    for line in lines(script) {
        let mut parts = line.split('|').map(str::trim);
        let mut next = || parts.next().unwrap_or_default();
        let (left, arrow, right) = (next(), next(), next());
        let line = format!("{left:>CALLS$} |{}| {right}", way(arrow));
        drawn.push_str(&format!("{}\n", line.trim_end()));
    }
    drawn
}

/// What goes from one side to the other, in [`WAY`] columns.
fn way(arrow: &str) -> String {
    let (kind, text) = arrow.split_once(' ').unwrap_or((arrow, ""));
    // What is not text: spaces at both ends and between, the tail, the head.
    let rest = WAY.saturating_sub(text.chars().count() + 9);
    match kind {
        ">" => format!(" ---- {text} {:->rest$}> ", ""),
        "<" => format!(" <{:->rest$} {text} ---- ", ""),
        ">x" | "<x" => {
            let (done, lost) = (rest / 2, rest - rest / 2);
            if kind == ">x" {
                format!(" ---- {text} {:->done$}x{:lost$} ", "", "")
            } else {
                format!(" {:lost$}x{:->done$} {text} ---- ", "", "")
            }
        }
        ":" if !text.is_empty() => format!("{:^WAY$}", format!("… {text} …")),
        _ => " ".repeat(WAY),
    }
}

/// Letters and digits alone, in lower case: `TIME_WAIT` and `time wait` are the same.
fn squeezed(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric())
        .collect::<String>()
        .to_lowercase()
}

/// The word that is called so, or the one whose longest name stands in a pasted line.
fn find(asked: &str) -> Option<&'static Word> {
    let parts: Vec<String> = asked
        .split(|character: char| !character.is_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(str::to_lowercase)
        .collect();
    let stands_there = |name: &str| {
        (0..parts.len()).any(|first| {
            let mut rest = name;
            for part in &parts[first..] {
                match rest.strip_prefix(part.as_str()) {
                    Some("") => return true,
                    Some(behind) => rest = behind,
                    None => return false,
                }
            }
            false
        })
    };
    let names = WORDS.iter().flat_map(|word| word.calls().map(move |name| (name, word)));
    let found = names.filter(|(name, _)| stands_there(name));
    found.max_by_key(|(name, _)| name.len()).map(|(_, word)| word)
}

fn unknown(asked: &str) -> String {
    let near = near(asked);
    let near = match &near[..] {
        [] => String::new(),
        [only] => format!("; do you mean {only}?"),
        [most @ .., last] => format!("; do you mean {} or {last}?", most.join(", ")),
    };
    // Somebody may paste a whole page.
    let asked = crate::screen::cut(&flowing(asked), 60);
    format!("\"{asked}\" is not explained here{near}\n`cargo lab explain` lists all words")
}

/// The words whose names are spelled similarly, or begin so.
fn near(asked: &str) -> Vec<&'static str> {
    const MOST: usize = 3;
    let asked = squeezed(asked);
    let length = asked.chars().count();
    if !(2..=40).contains(&length) {
        return Vec::new();
    }
    let mut found: Vec<(usize, &str)> = Vec::new();
    for word in WORDS {
        let distance = word.calls().map(|name| {
            let stands_there = length > 2 && (name.contains(&asked) || asked.contains(&name));
            if stands_there { 0 } else { edits(&asked, &name) }
        });
        found.extend(distance.min().map(|distance| (distance, word.name)));
    }
    found.retain(|(distance, _)| *distance <= length / 3);
    found.sort_by_key(|(distance, _)| *distance);
    found.into_iter().take(MOST).map(|(_, name)| name).collect()
}

/// How many letters must be put in, taken out or exchanged to make one of the other
/// (Levenshtein's distance).
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (number, letter) in one.chars().enumerate() {
        let mut diagonal = number;
        let mut left = number + 1;
        for (above, its) in row.iter_mut().skip(1).zip(&other) {
            let here = (diagonal + usize::from(letter != *its)).min(left + 1).min(*above + 1);
            diagonal = *above;
            *above = here;
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = number + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::path::Path;

    use console::measure_text_width;

    use super::*;

    fn shown(word: &str) -> String {
        colored::control::set_override(false);
        explain(Some(word), 79).expect("a word")
    }

    fn name(asked: &str) -> Option<&'static str> {
        find(asked).map(|word| word.name)
    }

    #[test]
    fn each_word_fits_a_screen() {
        let mut wrong = Vec::new();
        for word in words() {
            let text = shown(word);
            if text.lines().count() > 30 {
                wrong.push(format!("{word}: {} lines", text.lines().count()));
            }
            let wide = text.lines().filter(|line| measure_text_width(line) > 79);
            wrong.extend(wide.map(|line| format!("{word}: too wide: {line}")));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        let list = explain(None, 79).expect("the list");
        assert!(list.lines().all(|line| measure_text_width(line) <= 79), "{list}");
    }

    #[test]
    fn each_ladder_is_aligned() {
        for word in WORDS {
            assert!(lines(word.ladder).count() > 0, "{} has no ladder", word.name);
            for line in ladder(word.ladder).lines().skip(1) {
                let columns: Vec<char> = line.chars().collect();
                assert!(columns.len() <= 74, "{}: too wide: {line}", word.name);
                for pole in [CALLS + 1, CALLS + 1 + WAY + 1] {
                    assert_eq!(columns.get(pole), Some(&'|'), "{}: {line}", word.name);
                }
                assert_eq!(line.matches('|').count(), 2, "{}: {line}", word.name);
            }
            for line in lines(word.ladder) {
                let arrow = line.split('|').nth(1).expect("an arrow").trim();
                let kind = arrow.split(' ').next().expect("a kind");
                assert!(["", ">", "<", ">x", "<x", ":"].contains(&kind), "{line}");
                assert_eq!(way(arrow).chars().count(), WAY, "{}: {line}", word.name);
            }
        }
    }

    #[test]
    fn no_name_is_that_of_two_words() {
        let mut all = BTreeMap::new();
        for word in WORDS {
            for call in word.calls() {
                let before = all.insert(call.clone(), word.name);
                assert_eq!(before, None, "{call} is {} too", word.name);
            }
        }
    }

    #[test]
    fn each_place_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for word in WORDS {
            assert!(!word.more.is_empty() && !word.rfc.is_empty(), "{}", word.name);
            for place in word.more {
                let (file, anchor) = place.split_once('#').expect("an anchor");
                let text = fs::read_to_string(root.join(file)).expect(place);
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let titles = headings.map(|line| line.trim_start_matches('#').trim());
                let anchors: BTreeSet<String> = titles.map(crate::handout::anchor).collect();
                assert!(anchors.contains(anchor), "{}: {place}", word.name);
            }
        }
    }

    #[test]
    fn people_spell_words_as_they_like() {
        for (asked, word) in [
            ("refused", "refused"),
            ("ECONNREFUSED", "refused"),
            ("connection refused", "refused"),
            ("Connection_Refused", "refused"),
            ("ErrorKind::ConnectionRefused", "refused"),
            ("Connection reset by peer", "reset"),
            ("EPIPE", "broken-pipe"),
            ("EADDRINUSE", "in-use"),
            ("address already in use", "in-use"),
            ("eof", "end"),
            ("would block", "blocking"),
            ("EAGAIN", "blocking"),
            ("timed out", "timeout"),
            ("FIN", "end"),
            ("RST", "reset"),
            ("SYN", "handshake"),
            ("TIME_WAIT", "time-wait"),
            ("close wait", "close-wait"),
        ] {
            assert_eq!(name(asked), Some(word), "{asked}");
        }
    }

    #[test]
    fn a_pasted_line_is_recognized() {
        for (asked, word) in [
            ("error: Connection refused: nothing is listening on 127.0.0.1:12000", "refused"),
            ("error: Connection refused: no socket is bound to 127.0.0.1:12000", "unreachable"),
            ("error: cannot listen on 127.0.0.1:12000: Address already in use", "in-use"),
            ("error: Connection reset by peer: 0 of 16777216 bytes came back", "reset"),
            ("error: no reply from 127.0.0.1:12000 within 0.5 s", "lost-datagram"),
            ("error: the server closed the connection: 4 of 10 bytes came", "end"),
            ("error: no progress for 1 s: 0 of 5 bytes came back", "timeout"),
            ("Broken pipe (os error 32)", "broken-pipe"),
            ("curl: (52) Empty reply from server", "end"),
            ("curl: (56) Recv failure: Connection reset by peer", "reset"),
            ("curl: (18) transfer closed with 6 bytes remaining to read", "content-length"),
        ] {
            assert_eq!(name(asked), Some(word), "{asked}");
        }
    }

    #[test]
    fn near_words_are_named() {
        let error = explain(Some("refusd"), 79).expect_err("misspelled");
        assert!(error.contains("do you mean refused?"), "{error}");
        assert!(error.contains("`cargo lab explain`"), "{error}");
        assert_eq!(name("xyzzy"), None);
        assert_eq!(near("xyzzy"), Vec::<&str>::new());
        assert_eq!(find("").map(|word| word.name), None);
        assert_eq!(edits("kitten", "sitting"), 3);
    }
}
