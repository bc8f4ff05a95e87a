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

#[test]
fn a_body_ends_where_its_head_says_whatever_has_happened_to_both() {
    let line = select(vec![
        "Content-Length: 0",
        "Content-Length: 7",
        "Content-Length: 007",
        "Content-Length: 7, 7",
        "content-length:7 ",
        "Content-Length: 8",
        "Content-Length: ",
        "Content-Length: +7",
        "Transfer-Encoding: chunked",
        "TRANSFER-ENCODING:\tCHUNKED",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding:",
        "A: b",
    ]);
    let status =
        select(vec!["200 OK", "200 OK", "404 Not Found", "204 No Content", "304 ", "100 "]);
    let head = (status, vec(line, 0..3)).prop_map(|(status, lines)| {
        let lines: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        format!("HTTP/1.1 {status}\r\n{lines}\r\n").into_bytes()
    });
    let whole = (head, coding()).prop_map(|(head, body)| Bytes([head, body.bytes.0].concat()));
    let whole = whole.boxed();
    let stream = prop_oneof![whole.clone(), damaged(whole)];
    for_all(CASES, (any::<u8>(), stream), |(how, stream)| {
        invariants::response(&[&[how][..], &stream.0].concat())
    });
}

#[test]
fn every_difference_that_is_meant_occurs_in_its_example() {
    assert_eq!(RESPONSE_HEADS.every_difference_occurs(), Ok(()));
}
