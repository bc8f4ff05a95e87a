//! What a server makes of a request: of right ones, of damaged ones, and of those with the
//! fields that decide on what follows them.

use oracle::exchange::{exchange, exchanges};
use oracle::generate::{damaged, for_all, request};

const CASES: u32 = 2048;

#[test]
fn the_fields_that_decide_are_understood() {
    for_all(CASES, exchanges(), |bytes| exchange(&bytes.0));
}

#[test]
fn also_where_they_are_damaged() {
    for_all(CASES, damaged(exchanges()), |bytes| exchange(&bytes.0));
}

#[test]
fn no_request_breaks_out_of_the_log() {
    for_all(CASES, request(), |message| exchange(&message.bytes.0));
}
