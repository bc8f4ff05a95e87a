//! The chunked coding, as `chunked` decodes it and as it is written down; the lines of it
//! that say how long a chunk is, as httparse reads them.

use oracle::chunk_size::{CHUNK_SIZES, LONGEST_MEASURED, Reading};
use oracle::difference::{Said, Tally};
use oracle::generate::{coding, damaged, for_all, pieces};
use oracle::mistakes::{CHUNK_SIZE, near, slips};
use oracle::plain::{self, Chunked, End};
use oracle::{Bytes, invariants};
use proptest::prelude::*;

const CASES: u32 = 512;

#[test]
fn a_body_comes_back_and_nothing_behind_it_is_taken() {
    for_all(CASES, (coding(), pieces()), |(coding, pieces)| {
        let want = Chunked { body: coding.body, end: End::Whole(coding.length) };
        if plain::chunked(&coding.bytes.0) != want {
            return Err("the plain decoder does not decode it".to_owned());
        }
        // Ours must do as the plain one does.
        invariants::chunked_in_pieces(&coding.bytes.0, &pieces)
    });
}

#[test]
fn a_damaged_coding_comes_to_the_same_in_whatever_pieces() {
    let bytes = coding().prop_map(|coding| coding.bytes);
    for_all(CASES, (damaged(bytes), pieces()), |(bytes, pieces)| {
        invariants::chunked_in_pieces(&bytes.0, &pieces)?;
        invariants::chunked_in_pieces(&bytes.0, &[1])?;
        invariants::chunked_in_pieces(&bytes.0, &[bytes.0.len().max(1)])
    });
}

#[test]
fn noise_comes_to_the_same_in_whatever_pieces() {
    let byte = prop_oneof![3 => proptest::sample::select(b"0123a;\r\n\r\n".to_vec()), 1 => any::<u8>()];
    let noise = proptest::collection::vec(byte, 0..60).prop_map(Bytes);
    for_all(CASES, (noise, pieces()), |(bytes, pieces)| {
        invariants::chunked_in_pieces(&bytes.0, &pieces)?;
        invariants::chunked_in_pieces(&bytes.0, &[1])
    });
}

#[test]
fn a_slip_in_the_size_of_a_chunk_is_read_alike_or_not_at_all() {
    for bytes in slips(CHUNK_SIZE) {
        assert_eq!(CHUNK_SIZES.compare(&bytes.0).err(), None);
    }
}

#[test]
fn the_size_of_a_chunk_is_read_alike_or_not_at_all() {
    let tally = Tally::default();
    let size = (0..=u64::MAX, 0..64u32).prop_map(|(size, bits)| format!("{:x}", size >> bits));
    let size = prop_oneof![Just(String::new()), size];
    for_all(CASES, (size, near(CHUNK_SIZE)), |(size, bytes)| {
        tally.count(&CHUNK_SIZES.compare(&[size.as_bytes(), &bytes.0].concat())?);
        Ok(())
    });
    assert!(tally.is_varied(), "{tally:?}");
}

#[test]
fn large_sizes_are_not_mistaken_for_small_ones() {
    for size in [255, 65_536, 1 << 32, (1 << 32) + 5, LONGEST_MEASURED - 1, u64::MAX] {
        let line = format!("{size:x}\r\n");
        let want = Reading { size: size.min(LONGEST_MEASURED), length: line.len() };
        assert_eq!((CHUNK_SIZES.ours)(line.as_bytes()), Said::Read(want));
    }
}

#[test]
fn every_difference_that_is_meant_occurs_in_its_example() {
    assert_eq!(CHUNK_SIZES.every_difference_occurs(), Ok(()));
}
