//! Dates as HTTP writes them.

use std::io::Write;
use std::time::{Duration, SystemTime};

use httpdate::HttpDate;

/// All dates are equally long (RFC 9110 §5.6.7), in bytes.
const LENGTH: usize = "Fri, 05 Apr 2024 13:33:33 GMT".len();

/// Writes dates. One of the same second as the last is not made anew.
#[derive(Default)]
pub struct Dates {
    /// Since 1970.
    second: Option<u64>,
    text: [u8; LENGTH],
}

impl Dates {
    /// As in `Fri, 05 Apr 2024 13:33:33 GMT`.
    pub fn text(&mut self, time: SystemTime) -> &str {
        let second = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.second != Some(second) {
            self.second = Some(second);
            let date = HttpDate::from(SystemTime::UNIX_EPOCH + Duration::from_secs(second));
            // It is as long as the place for it.
            let _ = write!(&mut self.text[..], "{date}");
        }
        str::from_utf8(&self.text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_that_of_its_second() {
        let mut dates = Dates::default();
        let time = |millis| SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        for (millis, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778_000, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
        ] {
            assert_eq!(dates.text(time(millis)), text);
        }
    }
}
