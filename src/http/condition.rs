//! Conditional requests: a client that has a file already asks whether it has changed (RFC
//! 9110 §13).

use std::time::{SystemTime, UNIX_EPOCH};

use crate::head::Request;
use crate::response::Status;

/// The status for a file that is there: 200, or what the request's conditions make of it
/// (RFC 9110 §13.2.2).
pub fn status(request: &Request<'_>, modified: SystemTime) -> Status {
    if !is_as_demanded(request, modified) {
        Status::PreconditionFailed
    } else if is_fresh(request, modified) {
        Status::NotModified
    } else {
        Status::Ok
    }
}

/// Whether the client's copy is as new as the file, so that 304 will do.
fn is_fresh(request: &Request<'_>, modified: SystemTime) -> bool {
    // An entity tag counts more than a date (§13.1.3). None can match, as we give none out,
    // but `*` stands for any file that is there (§13.1.2).
    if let Some(tags) = request.fields.get("If-None-Match") {
        return tags == b"*";
    }
    is_unchanged_since(request, "If-Modified-Since", modified).unwrap_or(false)
}

/// Whether the file is the one that the client means: otherwise it asks for nothing to be
/// done (§13.1.1, §13.1.4).
fn is_as_demanded(request: &Request<'_>, modified: SystemTime) -> bool {
    if let Some(tags) = request.fields.get("If-Match") {
        return tags == b"*";
    }
    is_unchanged_since(request, "If-Unmodified-Since", modified).unwrap_or(true)
}

/// Whether the file is no newer than the date in that field; `None` if there is no date.
fn is_unchanged_since(request: &Request<'_>, name: &str, modified: SystemTime) -> Option<bool> {
    // Fill in start 6.4: compare the date that the client gives with that of the file

    // One that cannot be read, or stands beside another, is as good as none (§13.1.3).
    let mut values = request.fields.all(name);
    let (Some(date), None) = (values.next(), values.next()) else { return None };
    // In any of the three forms (§5.6.7).
    let date = httpdate::parse_http_date(str::from_utf8(date).ok()?).ok()?;
    // HTTP dates have no fractions of a second, but the times of files do.
    let whole_seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).map(|t| t.as_secs());
    Some(whole_seconds(modified).ok()? <= whole_seconds(date).ok()?)
    // Fill in instead: None
    // Fill in end 6.4
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::head::parse_request;

    /// Sun, 06 Nov 1994 08:49:37 GMT, and a bit.
    const MODIFIED: Duration = Duration::from_millis(784_111_777_900);

    fn status_with(fields: &str) -> Status {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let request = parse_request(head.as_bytes()).expect("a request");
        status(&request, SystemTime::UNIX_EPOCH + MODIFIED)
    }

    fn fresh(fields: &str) -> bool {
        status_with(fields) == Status::NotModified
    }

    #[test]
    fn a_copy_is_fresh_from_the_second_of_the_change_on() {
        for (date, is) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", true),
            ("Sunday, 06-Nov-94 08:49:37 GMT", true),
            ("Sun Nov  6 08:49:37 1994", true),
            ("Sun, 06 Nov 1994 08:49:36 GMT", false),
            ("Sun, 06 Nov 1994 08:49:38 GMT", true),
            ("Fri, 01 Jan 2500 00:00:00 GMT", true),
            ("yesterday", false),
            ("", false),
        ] {
            assert_eq!(fresh(&format!("If-Modified-Since: {date}\r\n")), is, "{date}");
        }
        assert!(!fresh(""));
    }

    #[test]
    fn an_entity_tag_counts_more_than_a_date() {
        let date = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert!(!fresh(&format!("{date}If-None-Match: \"x\"\r\n")));
        assert!(fresh("If-None-Match: *\r\n"));
    }

    #[test]
    fn of_two_dates_none_counts() {
        let date = "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
        assert!(fresh(date));
        assert!(!fresh(&format!("{date}{date}")));
    }

    #[test]
    fn a_file_may_be_demanded_as_it_was() {
        for (fields, status) in [
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT", Status::Ok),
            ("If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT", Status::PreconditionFailed),
            ("If-Unmodified-Since: yesterday", Status::Ok),
            ("If-Match: *", Status::Ok),
            ("If-Match: \"x\"", Status::PreconditionFailed),
            ("If-Match: *\r\nIf-None-Match: *", Status::NotModified),
            ("If-Match: \"x\"\r\nIf-None-Match: *", Status::PreconditionFailed),
        ] {
            assert_eq!(status_with(&format!("{fields}\r\n")), status, "{fields}");
        }
    }
}
