//! Bytes, shown so that a person can read them, and what differs between two runs of them.

use std::fmt::Write;

/// Shows bytes as a quoted string with escapes, cut in the middle to about `most`
/// characters.
pub fn show(bytes: &[u8], most: usize) -> String {
    if bytes.len() <= most {
        let whole = bytes.escape_ascii().to_string();
        if whole.len() <= most {
            return format!("\"{whole}\"");
        }
    }
    // Three quarters for the start, which tells more.
    let start = fitting(bytes.iter(), most - most / 4);
    let mut end = fitting(bytes.iter().rev(), most / 4);
    end.reverse();
    format!("\"{}\"…\"{}\"", start.concat(), end.concat())
}

/// As many escaped bytes as fit into `room` characters.
fn fitting<'a>(bytes: impl Iterator<Item = &'a u8>, room: usize) -> Vec<String> {
    let mut used = 0;
    let shown = bytes.map(|byte| byte.escape_ascii().to_string());
    shown
        .take_while(|text| {
            used += text.len();
            used <= room
        })
        .collect()
}

/// `1 byte`, `12 bytes`, `65,507 bytes`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let unit = if number == 1 { "byte" } else { "bytes" };
    let _ = write!(text, " {unit}");
    text
}

/// `12 of 65,507 bytes`.
pub fn count_of(came: usize, due: usize) -> String {
    let came = count(came);
    let (number, _) = came.split_once(' ').unwrap_or((&came, ""));
    format!("{number} of {}", count(due))
}

/// The text of a program's output, whatever its bytes.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Where two runs of bytes first differ, in words. `None` if they do not.
pub fn difference(want: &[u8], got: &[u8]) -> Option<String> {
    if want == got {
        return None;
    }
    let at = want.iter().zip(got).position(|(want, got)| want != got);
    match at {
        None if got.is_empty() => Some("nothing came".to_owned()),
        None if got.len() < want.len() => Some(format!(
            "{} came: {}; {} is missing",
            count_of(got.len(), want.len()),
            show(got, 40),
            show(&want[got.len()..], 20)
        )),
        None => Some(format!(
            "{} more than expected came at the end: {}",
            count(got.len() - want.len()),
            show(&got[want.len()..], 48)
        )),
        Some(at) => {
            let from = at.saturating_sub(8);
            let part = |bytes: &[u8]| show(&bytes[from..bytes.len().min(from + 24)], 60);
            let place =
                if from == 0 { String::new() } else { format!(" (from byte {from} on)") };
            let lengths = if want.len() == got.len() {
                String::new()
            } else {
                format!(", {} instead of {}", count(got.len()), count(want.len()))
            };
            Some(format!("{} came, not {}{place}{lengths}", part(got), part(want)))
        }
    }
}

/// The cause of NUL bytes behind others.
pub(crate) const WHOLE_BUFFER: &str = "NUL bytes came that nobody sent: the whole buffer was \
     sent, and not only the part that was filled by the read";

/// What kind of mistake turns `sent` into `got` where `want` was due, if it is one that
/// many have made before.
pub fn likely_mistake(sent: &[u8], want: &[u8], got: &[u8]) -> Option<String> {
    let known = |text: &str| Some(text.to_owned());
    // Of a stream no more was read than was due.
    let is = |candidate: &[u8]| {
        candidate == got || got.len() == want.len() && candidate.starts_with(got)
    };
    let lossy = String::from_utf8_lossy(sent);
    let replacement = "\u{fffd}".as_bytes();
    let replaced =
        |bytes: &[u8]| bytes.windows(replacement.len()).any(|part| part == replacement);
    if got.is_empty() {
        return None;
    }
    if got == sent {
        return known("the bytes came back as they were: nothing makes them uppercase");
    }
    if replaced(got) && !replaced(sent) {
        return known(
            "bytes that are no UTF-8 were replaced by U+FFFD: work on bytes, not on a \
             string (from_utf8_lossy, decode(errors=\"replace\"))",
        );
    }
    if got.contains(&0) && !sent.contains(&0) {
        return known(WHOLE_BUFFER);
    }
    if is(lossy.to_uppercase().as_bytes()) {
        return known(
            "letters outside a-z were changed too: the promise is about ASCII only \
             (make_ascii_uppercase; in Python bytes.upper(), not str.upper())",
        );
    }
    if got == String::from_utf8_lossy(want).trim_end().as_bytes() {
        return known(
            "white space at the end was cut off (trim, strip): it is data like any other",
        );
    }
    if got == String::from_utf8_lossy(want).trim().as_bytes() {
        return known("white space was cut off (trim, strip): it is data like any other");
    }
    if got.strip_suffix(b"\n").is_some_and(|start| start == want) {
        return known("a line end was added that nobody sent");
    }
    if want.starts_with(got) && want.get(got.len()) == Some(&0) {
        return known(
            "the bytes end where the first NUL stood: a string function was used on bytes",
        );
    }
    if !want.starts_with(got) {
        return None;
    }
    if fewer_characters(want) == Some(got.len()) {
        return known(&format!(
            "{} is the number of characters, and {} that of bytes: a letter like ü has two in \
             UTF-8, so count bytes, not characters",
            got.len(),
            want.len()
        ));
    }
    cut_short(want.len(), got.len())
}

/// How many characters a text has, if not as many as bytes.
pub fn fewer_characters(text: &[u8]) -> Option<usize> {
    let count = str::from_utf8(text).ok()?.chars().count();
    (count < text.len()).then_some(count)
}

/// Why only so many bytes came of those that were due, if their number tells.
pub fn cut_short(due: usize, came: usize) -> Option<String> {
    let is_cut = (SMALLEST_BUFFER..LARGEST_BUFFER).contains(&came) && came < due;
    (is_cut && is_round(came)).then(|| {
        format!(
            "exactly {}: the size of a buffer, so only what fits into one is handled (a stream or \
             a file is read again and again, until a read returns 0 bytes; a datagram needs a \
             larger buffer)",
            count(came)
        )
    })
}

/// Sizes between which people choose those of their buffers.
const SMALLEST_BUFFER: usize = 512;
const LARGEST_BUFFER: usize = 1 << 20;

/// Lengths that people give to buffers: a few powers of two together, or round decimals,
/// and one less (for a NUL that is no part of it).
fn is_round(length: usize) -> bool {
    let round = |length: usize| length.count_ones() <= 2 || length.is_multiple_of(500);
    round(length) || round(length + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_bytes_are_shown_whole_and_long_ones_from_both_ends() {
        assert_eq!(show(b"hello\r\n\x00", 40), r#""hello\r\n\x00""#);
        let long: Vec<u8> = (b'a'..=b'z').cycle().take(1000).collect();
        assert_eq!(show(&long, 20), "\"abcdefghijklmno\"…\"hijkl\"");
    }

    #[test]
    fn numbers_of_bytes_are_grouped() {
        assert_eq!(count(1), "1 byte");
        assert_eq!(count(65_507), "65,507 bytes");
        assert_eq!(count(16_777_216), "16,777,216 bytes");
    }

    #[test]
    fn a_difference_is_told_by_its_place() {
        assert_eq!(difference(b"abc", b"abc"), None);
        assert_eq!(
            difference(b"HELLO", b"HEL").as_deref(),
            Some("3 of 5 bytes came: \"HEL\"; \"LO\" is missing")
        );
        assert_eq!(
            difference(b"A", b"AB").as_deref(),
            Some("1 byte more than expected came at the end: \"B\"")
        );
        assert_eq!(
            difference(b"HELLO", b"hello").as_deref(),
            Some("\"hello\" came, not \"HELLO\"")
        );
    }

    #[test]
    fn known_mistakes_are_recognised() {
        let cause = |sent: &[u8], want: &[u8], got: &[u8]| {
            likely_mistake(sent, want, got).unwrap_or_default()
        };
        assert!(cause(b"abc", b"ABC", b"abc").contains("as they were"));
        assert!(cause("ä".as_bytes(), "ä".as_bytes(), "Ä".as_bytes()).contains("outside a-z"));
        assert!(cause(b"a\n", b"A\n", b"A").contains("white space"));
        assert!(cause(b"a\xff", b"A\xff", "A\u{fffd}".as_bytes()).contains("UTF-8"));
        assert!(cause(b"a\0b", b"A\0B", b"A").contains("NUL"));
        let big = vec![b'A'; 5000];
        assert!(cause(&vec![b'a'; 5000], &big, &big[..2048]).contains("2,048"));
        let text = "größe".as_bytes();
        assert!(cause(text, text, &text[..5]).contains("5 is the number of characters"));
        assert!(cause(b"abc", b"ABC", b"xyz").is_empty());
    }
}
