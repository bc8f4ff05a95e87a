//! Other programs, asked with a limit of time.

use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{self, Ended, Stop};

/// Longer than any of them takes, unless it waits for something.
pub(super) const LIMIT: Duration = Duration::from_secs(5);

/// How a program ended in time.
pub(super) struct Said {
    /// Whether its exit status was 0.
    pub(super) is_well: bool,
    /// What it wrote to stdout.
    pub(super) stdout: String,
    /// What it wrote to stderr.
    pub(super) stderr: String,
}

/// Runs a program to its end; `None` if it cannot be started, or takes too long.
pub(super) fn ask(command: &mut Command) -> Option<Said> {
    let Ended { status, stdout, stderr, .. } =
        process::run(command, LIMIT, &Stop::default()).ok()?;
    Some(Said { is_well: status.success(), stdout, stderr })
}

/// Where a program is that a shell would run, found as a shell does.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| {
        fs::metadata(path)
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_program_that_does_not_end_is_given_up() {
        let began = Instant::now();
        assert!(ask(Command::new("sleep").arg("60")).is_none());
        assert!(began.elapsed() < LIMIT * 3);
    }

    #[test]
    fn what_a_program_says_is_known() {
        let said = ask(Command::new("sh").args(["-c", "echo a; echo b >&2; exit 1"]));
        let said = said.expect("an end");
        assert!(!said.is_well);
        assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("a\n", "b\n"));
        assert!(ask(&mut Command::new("no-such-program")).is_none());
    }

    #[test]
    fn programs_are_found_in_the_path() {
        assert!(find("sh").is_some());
        assert_eq!(find("no-such-program"), None);
    }
}
