//! Whatever a client is sent: a head, how its body ends, and the body.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(oracle::invariants::response(input), Ok(()));
});
