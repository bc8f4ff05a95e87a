//! The lines of an access log, as a check reads them.

use std::time::{Duration, SystemTime};

/// A date, as [`fits`] takes it: `#` for a digit, `?` for a letter.
pub const DATE: &str = "???, ## ??? #### ##:##:## GMT";

/// Whether `text` is as `form`, where a form's `#` is any digit and its `?` any letter.
pub fn fits(form: &str, text: &str) -> bool {
    form.len() == text.len()
        && form.bytes().zip(text.bytes()).all(|(form, byte)| match form {
            b'#' => byte.is_ascii_digit(),
            b'?' => byte.is_ascii_alphabetic(),
            _ => form == byte,
        })
}

/// Whether `date` is one of HTTP's, in the form of today, and about now.
pub fn http_date_is_now(date: &str) -> bool {
    httpdate::parse_http_date(date)
        .is_ok_and(|then| httpdate::fmt_http_date(then) == date && is_about_now(then))
}

fn is_about_now(then: SystemTime) -> bool {
    let off = SystemTime::now().duration_since(then).unwrap_or_else(|error| error.duration());
    off < Duration::from_secs(60)
}

/// A line of the combined format, taken apart as log analysers do: a backslash before a
/// quotation mark means that it does not end the field.
pub struct Combined<'a> {
    /// What stands before the date: the address, and two names that nobody knows.
    pub before: &'a str,
    /// Between its brackets.
    pub date: &'a str,
    /// The request line.
    pub request: &'a str,
    /// Three digits.
    pub status: &'a str,
    /// Of the body that were sent, or `-`.
    pub bytes: &'a str,
    /// The page that led there.
    pub referer: &'a str,
    /// User-Agent.
    pub agent: &'a str,
}

impl<'a> Combined<'a> {
    /// `None` if it is no such line.
    pub fn of(line: &'a str) -> Option<Self> {
        let (before, rest) = line.split_once('[')?;
        let (date, rest) = rest.split_once("] ")?;
        let (request, rest) = quoted(rest)?;
        let (status, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
        let (bytes, rest) = rest.split_once(' ')?;
        let (referer, rest) = quoted(rest)?;
        let (agent, rest) = quoted(rest.strip_prefix(' ')?)?;
        let numbers = [status, bytes]
            .iter()
            .all(|number| *number == "-" || number.bytes().all(|byte| byte.is_ascii_digit()));
        (rest.is_empty() && numbers).then_some(Self {
            before,
            date,
            request,
            status,
            bytes,
            referer,
            agent,
        })
    }

    /// Whether its date, in whatever time zone, is about now.
    pub fn is_of_now(&self) -> bool {
        is_now(self.date)
    }
}

/// What stands between quotation marks at the beginning of `text`, and what stands behind.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('"')?;
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })?;
    Some((&text[..end], &text[end + 1..]))
}

/// Whether `20/Nov/2026:16:21:22 +0000`, in whatever time zone, is about now.
fn is_now(date: &str) -> bool {
    if !fits("##/???/####:##:##:## +####", &date.replacen(" -", " +", 1)) {
        return false;
    }
    let (day, month, year, time) = (&date[..2], &date[3..6], &date[7..11], &date[12..20]);
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].into_iter();
    let mut dates = days.map(|weekday| format!("{weekday}, {day} {month} {year} {time} GMT"));
    let Some(there) = dates.find_map(|date| httpdate::parse_http_date(&date).ok()) else {
        return false;
    };
    let number = |digits: &str| digits.parse::<u64>().unwrap_or_default();
    let ahead = Duration::from_secs(number(&date[22..24]) * 3600 + number(&date[24..26]) * 60);
    is_about_now(if &date[21..22] == "+" { there - ahead } else { there + ahead })
}
