//! Responses, as `head` mends and reads them and as httparse does; and their bodies, as
//! `receive` takes them from a connection.

use oracle::difference::{Said, Tally};
use oracle::generate::{Message, coding, damaged, for_all, response};
use oracle::mistakes::{STATUS_LINE, near_head, slips_in_head};
use oracle::response_head::RESPONSE_HEADS;
use oracle::{Bytes, Verdict, invariants};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

const CASES: u32 = 512;

#[test]
fn a_response_is_read_as_it_was_written() {
    for_all(CASES, response(), |message| {
        let Said::Read(reading) = (RESPONSE_HEADS.ours)(&message.bytes.0) else {
            return Err("it is not read".to_owned());
        };
        let Message { bytes, length, start: [version, status, mut reason], fields } = message;
        if !reason.0.is_ascii() {
            reason.0.clear();
        }
        let read = [format!("HTTP/1.{}", reading.minor_version), reading.status.to_string()];
        let read = read.map(|part| Bytes::from(&*part));
        if (read, reading.reason, reading.fields, reading.length)
            != ([version, status], reason, fields, length)
        {
            return Err("it is read as something else".to_owned());
        }
        let agreement = RESPONSE_HEADS.compare(&bytes.0)?;
        if !agreement.differences.is_empty() {
            return Err(format!("a right response differs in {:?}", agreement.differences));
        }
        invariants::response(&[&[2][..], &bytes.0].concat())
    });
}

#[test]
fn a_slip_is_read_alike_or_not_at_all() {
    for bytes in slips_in_head(STATUS_LINE) {
        assert_eq!(compare(2, &bytes, &Tally::default()), Ok(()));
    }
}

#[test]
fn nearly_a_response_is_read_alike_or_not_at_all() {
    let tally = Tally::default();
    for_all(CASES, (any::<u8>(), near_head(STATUS_LINE)), |(how, bytes)| {
        compare(how, &bytes, &tally)
    });
    assert!(tally.is_varied(), "{tally:?}");
}

#[test]
fn a_damaged_response_is_read_alike_or_not_at_all() {
    let tally = Tally::default();
    let bytes = response().prop_map(|message| message.bytes);
    for_all(CASES, (any::<u8>(), damaged(bytes)), |(how, bytes)| compare(how, &bytes, &tally));
    assert!(tally.is_varied(), "{tally:?}");
}

/// `how` it comes is for [`invariants::response`].
fn compare(how: u8, bytes: &Bytes, tally: &Tally) -> Verdict {
    tally.count(&RESPONSE_HEADS.compare(&bytes.0)?);
    invariants::response(&[&[how][..], &bytes.0].concat())
}

/// What may say how a body ends.
const FRAMING: &[&str] = &[
    "",
    "A: b\r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 7\r\n",
    "content-length:007\t\r\n",
    "Content-Length: 7, 7\r\n",
    "Content-Length: 7,\r\n",
    "Content-Length: 8\r\n",
    "Content-Length: \r\n",
    "Content-Length: +7\r\n",
    "Content-Length: 18446744073709551616\r\n",
    "Transfer-Encoding: chunked\r\n",
    "TRANSFER-ENCODING:\tCHUNKED\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: \r\n",
];

const STATUSES: &[&str] = &["200 OK", "404 Not Found", "100 ", "204 No Content", "304"];

/// The first byte that has [`invariants::response`] take it for the answer to GET, HEAD
/// and CONNECT, three bytes at a time.
const METHODS: [u8; 3] = [2, 128 + 2, 192 + 2];

#[test]
fn a_body_ends_where_its_head_says() {
    for status in STATUSES {
        for first in FRAMING {
            for second in FRAMING {
                let stream = format!(
                    "HTTP/1.1 {status}\r\n{first}{second}\r\n5\r\nhello\r\n0\r\n\r\nHTTP/1.1 "
                );
                for how in METHODS {
                    let verdict = invariants::response(&[&[how], stream.as_bytes()].concat());
                    assert_eq!(verdict, Ok(()), "{how} {stream}");
                }
            }
        }
    }
}

#[test]
fn a_damaged_body_ends_where_its_head_says() {
    let head = (select(STATUSES), vec(select(FRAMING), 0..3)).prop_map(|(status, lines)| {
        format!("HTTP/1.1 {status}\r\n{}\r\n", lines.concat()).into_bytes()
    });
    let whole = (head, coding()).prop_map(|(head, body)| Bytes([head, body.bytes.0].concat()));
    for_all(CASES, (select(&METHODS[..]), damaged(whole)), |(how, stream)| {
        invariants::response(&[&[how][..], &stream.0].concat())
    });
}

#[test]
fn every_difference_that_is_meant_occurs_in_its_example() {
    assert_eq!(RESPONSE_HEADS.every_difference_occurs(), Ok(()));
}
