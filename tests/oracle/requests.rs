//! Requests, as `head` reads them and as httparse does.

use oracle::difference::{Said, Tally};
use oracle::generate::{Message, damaged, for_all, request};
use oracle::mistakes::{REQUEST_LINE, near_head, slips_in_head};
use oracle::request_head::REQUEST_HEADS;
use oracle::{Bytes, Verdict, invariants};
use proptest::strategy::Strategy;

const CASES: u32 = 512;

#[test]
fn a_request_is_read_as_it_was_written() {
    for_all(CASES, request(), |message| {
        let Said::Read(reading) = (REQUEST_HEADS.ours)(&message.bytes.0) else {
            return Err("it is not read".to_owned());
        };
        let Message { bytes, length, start, fields } = message;
        let version = format!("HTTP/1.{}", reading.minor_version);
        let read = [&*reading.method, &*reading.target, &*version].map(Bytes::from);
        if (read, reading.fields, reading.length) != (start, fields, length) {
            return Err("it is read as something else".to_owned());
        }
        let agreement = REQUEST_HEADS.compare(&bytes.0)?;
        if !agreement.differences.is_empty() {
            return Err(format!("a right request differs in {:?}", agreement.differences));
        }
        invariants::request_head(&bytes.0)
    });
}

#[test]
fn a_slip_is_read_alike_or_not_at_all() {
    for bytes in slips_in_head(REQUEST_LINE) {
        assert_eq!(compare(&bytes, &Tally::default()), Ok(()));
    }
}

#[test]
fn nearly_a_request_is_read_alike_or_not_at_all() {
    let tally = Tally::default();
    for_all(CASES, near_head(REQUEST_LINE), |bytes| compare(&bytes, &tally));
    assert!(tally.is_varied(), "{tally:?}");
}

#[test]
fn a_damaged_request_is_read_alike_or_not_at_all() {
    let tally = Tally::default();
    let bytes = request().prop_map(|message| message.bytes);
    for_all(CASES, damaged(bytes), |bytes| compare(&bytes, &tally));
    assert!(tally.is_varied(), "{tally:?}");
}

fn compare(bytes: &Bytes, tally: &Tally) -> Verdict {
    tally.count(&REQUEST_HEADS.compare(&bytes.0)?);
    invariants::request_head(&bytes.0)
}

#[test]
fn every_difference_that_is_meant_occurs_in_its_example() {
    assert_eq!(REQUEST_HEADS.every_difference_occurs(), Ok(()));
}
