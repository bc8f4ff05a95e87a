//! What the fuzzers in `fuzz/` have found worth keeping, held against the same invariants
//! without a fuzzer.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use oracle::invariants::ALL;

#[test]
fn what_the_fuzzers_have_found_holds_still() {
    for (name, holds) in ALL {
        let files = files_of(name);
        assert!(!files.is_empty(), "there is nothing in corpus/{name}");
        for file in files {
            let input = fs::read(&file).expect("a file of the corpus");
            // A panic would not tell which file it was.
            let verdict = catch_unwind(|| holds(&input));
            assert!(matches!(verdict, Ok(Ok(()))), "{}: {verdict:?}", file.display());
        }
    }
}

#[test]
fn nothing_in_the_corpus_is_left_out() {
    for folder in files_of("") {
        let known = ALL.iter().any(|(name, _)| folder.ends_with(name));
        assert!(known, "{} is of no fuzz target", folder.display());
    }
}

fn files_of(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let entries = fs::read_dir(&folder);
    assert!(entries.is_ok(), "{}: {entries:?}", folder.display());
    entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
