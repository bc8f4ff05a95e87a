//! The project's folder: its file system, its crates, git, its marks; limits.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::statvfs::statvfs;

use super::Finding;
use super::ask::{Said, ask};
use super::network::is_wsl;
use crate::course::Course;
use crate::mounts;
use crate::places::Places;

/// So many files are open when lab 5's checks have 500 clients at once, and some more.
const OPEN_FILES: u64 = 1024;

/// All programs and checks take less than this, built once.
const ROOM: u64 = 2 << 30;

/// With less than this no build comes to its end.
const NO_ROOM: u64 = 300 << 20;

/// Of several damaged marks one follows from the other.
const MOST_FAULTS: usize = 3;

/// Whether all crates are there, so that no network is needed.
pub(super) fn crates(course: &Course) -> Vec<Finding> {
    let cargo = |arguments: &[&str]| {
        ask(Command::new("cargo").args(arguments).current_dir(&course.root))
    };
    let host = ask(Command::new("rustc").arg("-vV").current_dir(&course.root));
    let host = host.and_then(|said| {
        said.stdout.lines().find_map(|line| line.strip_prefix("host: ").map(str::to_owned))
    });
    let Some(host) = host else { return Vec::new() };
    // Other systems' crates need not be there. Another cargo may hold the lock; then nobody
    // knows.
    let said = cargo(&["fetch", "--offline", "--locked", "--target", &host]);
    said.map(|said| fetched(&said)).into_iter().collect()
}

fn fetched(said: &Said) -> Finding {
    if said.is_well {
        Finding::good("all crates are there: building needs no network")
    } else if said.stderr.contains("--locked") {
        Finding::note(
            "Cargo.lock does not fit the manifests",
            "`git diff Cargo.lock '*Cargo.toml'` shows what has changed there",
        )
    } else if said.stderr.contains("--offline") || said.stderr.contains("offline mode") {
        Finding::note(
            "not all crates are there: the next build needs the network",
            "`cargo fetch`, as long as you have one",
        )
    } else {
        let why = said.stderr.lines().next().unwrap_or_default();
        let why = why.strip_prefix("error: ").unwrap_or(why);
        Finding::broken(
            format!("cargo cannot read the manifests: {why}"),
            "`cargo fetch` says more",
        )
    }
}

/// The file system, its room, and how many files may be open.
pub(super) fn folder(course: &Course) -> Vec<Finding> {
    [file_system(&course.root), room(&course.root), open_files()]
        .into_iter()
        .flatten()
        .collect()
}

fn file_system(root: &Path) -> Option<Finding> {
    let kind = mounts::file_system(root)?;
    let shown = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let move_it =
        format!("move the kit to a folder of this machine: `cp -r {} ~/`", shown.display());
    Some(if !mounts::is_silent(root) {
        Finding::good(format!("the kit is on a file system of this machine ({kind})"))
    } else if is_wsl() && ["9p", "drvfs"].contains(&kind.as_str()) {
        Finding::note(
            format!(
                "the kit is on a drive of Windows ({kind}): building is slow there, and \
                 `cargo lab watch` hears of no changes and must look again and again"
            ),
            move_it,
        )
    } else {
        Finding::note(
            format!(
                "the kit is on a file system of elsewhere ({kind}), which may be slow; \
                 `cargo lab watch` must look again and again"
            ),
            move_it,
        )
    })
}

fn room(root: &Path) -> Option<Finding> {
    let target =
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    // It may not have been made yet.
    let folder = target.ancestors().find(|folder| folder.is_dir()).unwrap_or(root);
    let disk = statvfs(folder).ok()?;
    // The types differ from system to system.
    #[allow(clippy::useless_conversion, reason = "not useless everywhere")]
    let free =
        u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()));
    Some(room_for(free, &target))
}

fn room_for(free: u64, target: &Path) -> Finding {
    let mebibytes = free >> 20;
    let shown = if free < 10 << 30 {
        format!("{}.{} GiB", mebibytes >> 10, (mebibytes & 1023) * 10 / 1024)
    } else {
        format!("{} GiB", free >> 30)
    };
    let what = format!("{shown} are free on the disk where cargo builds");
    let remedy = format!("make room there; `cargo clean` removes {}", target.display());
    match free {
        0..NO_ROOM => Finding::broken(what, remedy),
        NO_ROOM..ROOM => Finding::note(what, remedy),
        _ => Finding::good(what),
    }
}

fn open_files() -> Option<Finding> {
    let limits = fs::read_to_string("/proc/self/limits").ok();
    let (most, hard) = limits.and_then(|limits| open_files_of(&limits)).or_else(|| {
        let said = ask(Command::new("sh").args(["-c", "ulimit -Sn; ulimit -Hn"]))?;
        let mut numbers = said.stdout.lines().map(number);
        Some((numbers.next()??, numbers.next()??))
    })?;
    let shown = if most == u64::MAX { "any number of".to_owned() } else { most.to_string() };
    let what = format!("a program may have {shown} files and sockets open");
    Some(if most >= OPEN_FILES {
        Finding::good(what)
    } else if hard >= OPEN_FILES {
        Finding::note(
            format!("{what}, and lab 5 has 500 clients at once"),
            format!("`ulimit -n {OPEN_FILES}`, in the terminal in which you work"),
        )
    } else {
        Finding::note(
            format!("{what}, and lab 5 has 500 clients at once"),
            "the administrator can allow more: `man limits.conf`",
        )
    })
}

/// The soft and the hard limit, in proc_pid_limits(5).
fn open_files_of(limits: &str) -> Option<(u64, u64)> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let mut numbers = line.split_whitespace().map(number);
    Some((numbers.next()??, numbers.next()??))
}

fn number(text: &str) -> Option<u64> {
    if text.trim() == "unlimited" { Some(u64::MAX) } else { text.trim().parse().ok() }
}

/// Whether the kit is a repository, and git knows who commits. Nothing if there is no git.
pub(super) fn git(course: &Course) -> Vec<Finding> {
    let git = |arguments: &[&str]| {
        ask(Command::new("git").arg("-C").arg(&course.root).args(arguments))
    };
    let Some(inside) = git(&["rev-parse", "--is-inside-work-tree"]) else { return Vec::new() };
    if inside.stderr.contains("dubious ownership") {
        return vec![Finding::note(
            "git refuses the kit, as its folder belongs to somebody else",
            "`git status` says how to allow it",
        )];
    }
    let mut findings = Vec::new();
    if !inside.is_well {
        findings.push(Finding::note(
            "the kit is no git repository: what you change cannot be brought back",
            "`git init && git add . && git commit -m 'The kit as it was given'`",
        ));
    }
    let unset = ["user.name", "user.email"]
        .into_iter()
        .filter(|key| git(&["config", key]).is_some_and(|said| said.stdout.trim().is_empty()));
    let unset: Vec<&str> = unset.collect();
    if !unset.is_empty() {
        let commands = unset.iter().map(|key| match *key {
            "user.name" => "`git config user.name NAME`",
            _ => "`git config user.email ADDRESS`",
        });
        findings.push(Finding::note(
            "git does not know who you are, and will ask when you commit",
            commands.collect::<Vec<_>>().join(" and "),
        ));
    } else if inside.is_well {
        findings.push(Finding::good("the kit is a git repository, and git knows who commits"));
    }
    findings
}

/// Whether all places can be found that students fill in.
pub(super) fn marks(course: &Course) -> Vec<Finding> {
    let places = match Places::read(&course.root) {
        Ok(places) => places,
        Err(error) => {
            return vec![Finding::broken(
                format!("the programs cannot be read: {error:#}"),
                "`git status` shows what is missing, `git restore FILE` brings it back",
            )];
        }
    };
    // Steps, by where they were given.
    let numbers = || course.labs.iter().flat_map(crate::course::Lab::numbers);
    let reset = |file: &Path| {
        let step = numbers().find(|step| places.given(*step).is_some_and(|it| it.file == file));
        let whole =
            step.map(|step| format!("; `cargo lab reset {step} --file` puts it back whole"));
        format!(
            "`git diff {}` shows what has changed{}",
            file.display(),
            whole.unwrap_or_default()
        )
    };
    let faults = places.faults.iter().take(MOST_FAULTS);
    let mut findings: Vec<_> =
        faults.map(|fault| Finding::broken(fault.to_string(), reset(&fault.file))).collect();
    for step in numbers() {
        if let (Some(given), None) = (places.given(step), places.found(step))
            && !places.faults.iter().any(|fault| fault.file == given.file)
        {
            let file = given.file.display();
            let what = format!("{file}: the marks of step {step} are gone");
            findings.push(Finding::broken(what, reset(&given.file)));
        }
    }
    if findings.is_empty() {
        findings.push(Finding::good("the marks of all steps are there"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        let limits = "Limit                     Soft Limit           Hard Limit           Units\n\
                      Max open files            1024                 unlimited            files\n";
        assert_eq!(open_files_of(limits), Some((1024, u64::MAX)));
        assert_eq!(open_files_of(""), None);
    }

    #[test]
    fn little_room_is_told() {
        let here = Path::new("/kit/target");
        assert!(room_for(100 << 20, here).is_broken());
        let little = room_for(1536 << 20, here);
        assert_eq!(little.what, "1.5 GiB are free on the disk where cargo builds");
        assert!(!little.is_broken() && little.remedy().is_some());
        assert_eq!(room_for(20 << 30, here).remedy(), None);
    }

    #[test]
    fn what_cargo_says_of_crates_is_told() {
        let said = |is_well, stderr: &str| Said {
            is_well,
            stdout: String::new(),
            stderr: stderr.to_owned(),
        };
        assert_eq!(fetched(&said(true, "")).remedy(), None);
        let missing = fetched(&said(
            false,
            "error: failed to download `a v1.0.0`\n\nCaused by:\n  attempting to make an HTTP \
             request, but --offline was specified",
        ));
        assert!(missing.remedy().is_some_and(|remedy| remedy.contains("cargo fetch")));
        let old =
            fetched(&said(false, "cannot update the lock file because --locked was passed"));
        assert!(old.what.contains("Cargo.lock"));
        let broken = fetched(&said(false, "error: failed to load manifest\n"));
        assert!(broken.is_broken() && broken.what.ends_with(": failed to load manifest"));
    }
}
