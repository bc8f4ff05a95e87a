//! Whatever is asked for: a request target, a path, a URL.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    assert_eq!(oracle::invariants::target(input), Ok(()));
});
