//! Conditional requests: a client that has a file already asks whether it has changed (RFC
//! 9110 §13).

use std::time::{Duration, SystemTime};

use crate::head::Request;

/// Whether the client's copy is as new as the file, so that 304 will do.
///
/// HTTP dates have whole seconds, so the file's fraction of a second does not count. A date
/// that cannot be read is as good as none (RFC 9110 §13.1.3).
pub fn is_fresh(request: &Request<'_>, modified: Option<SystemTime>) -> bool {
    // It would count more than a date (§13.1.3), and no tag can match: we give none out.
    if request.fields.get("If-None-Match").is_some() {
        return false;
    }
    let date =
        request.fields.get("If-Modified-Since").and_then(|date| str::from_utf8(date).ok());
    // All three forms of a date are read (§5.6.7).
    let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
    match (date, modified) {
        (Some(date), Some(modified)) => whole_seconds(modified) <= date,
        _ => false,
    }
}

fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::parse_request;

    /// Sun, 06 Nov 1994 08:49:37 GMT, and a bit.
    const MODIFIED: Duration = Duration::from_millis(784_111_777_900);

    fn fresh(fields: &str) -> bool {
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let request = parse_request(head.as_bytes()).expect("a request");
        is_fresh(&request, Some(SystemTime::UNIX_EPOCH + MODIFIED))
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
    }
}
