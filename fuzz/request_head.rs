//! Whatever a server is sent: the head of a request, and the file that it names.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(oracle::invariants::request_head(input), Ok(()));
});
