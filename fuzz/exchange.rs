//! What a server makes of a request: the connection's fate, the file's, the log's lines.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(oracle::exchange::exchange(input), Ok(()));
});
