//! A chunked body, whatever it is and in whatever pieces it comes.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(oracle::invariants::chunked(input), Ok(()));
});
