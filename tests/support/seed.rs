//! Random choices that can be repeated: `LAB_SEED=7 cargo test` makes the same ones again.

use std::sync::OnceLock;

/// The seed of this run: `LAB_SEED`, else one that is new each time.
pub fn seed() -> u64 {
    static SEED: OnceLock<u64> = OnceLock::new();
    *SEED.get_or_init(|| {
        let given = std::env::var("LAB_SEED").ok();
        given
            .and_then(|seed| seed.trim().parse().ok())
            .unwrap_or_else(|| fastrand::u64(..100_000))
    })
}

/// A generator that makes the same choices for the same seed and the same check, whatever
/// other checks run beside it. The story of a failed check then names the seed.
pub fn random() -> fastrand::Rng {
    crate::record::with(|record| record.seed_used = true);
    let check = crate::story::check_name();
    let mixed = check.bytes().fold(seed(), |sum, byte| {
        sum.wrapping_mul(0x100_0000_01b3).wrapping_add(u64::from(byte))
    });
    fastrand::Rng::with_seed(mixed)
}

/// `length` random bytes.
pub fn random_bytes(random: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}

/// `length` random lowercase letters, in a run that repeats where no buffer is likely to
/// end: a lost or repeated piece shows.
pub fn random_letters(random: &mut fastrand::Rng, length: usize) -> Vec<u8> {
    const PRIME: usize = 65_521;
    let run: Vec<u8> = (0..length.min(PRIME)).map(|_| random.u8(b'a'..=b'z')).collect();
    let mut letters = run.repeat(length.div_ceil(PRIME));
    letters.truncate(length);
    letters
}
