//! The table of what was measured of the checks, which only this writes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context, Result};
use lab::project;
use sysinfo::{CpuRefreshKind, RefreshKind, System};

use crate::mutants::{self, Mutants, Tally};

const FILE: &str = "tests/proof/RESULTS.md";

/// What stands above the table.
const HEAD: &str = "\
# What the checks are worth

Written by `cargo run --package proof`, never by hand; `tests/README.md` tells how.

| what | figure | measured by `cargo run --package proof --` … | when, of which commit | machine |
|---|---|---|---|---|
";

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Row {
    /// Wrong programs that the checks catch.
    Caught,
    /// Wrong programs whose authors are told the cause.
    Told,
    /// Right programs that all checks accept.
    Right,
    /// Changes of the kit's programs that the checks notice, in a group of files.
    MutantsOf(&'static str),
    /// In all groups.
    Mutants,
    /// Failures in many runs with the same random choices.
    FlakesOfOneSeed,
    /// Failures in many runs, each with random choices of its own.
    FlakesOfManySeeds,
}

impl Row {
    fn all() -> impl Iterator<Item = Self> {
        let museum = [Self::Caught, Self::Told, Self::Right];
        let others = [Self::Mutants, Self::FlakesOfOneSeed, Self::FlakesOfManySeeds];
        museum.into_iter().chain(mutants::groups().map(Self::MutantsOf)).chain(others)
    }

    fn title(self) -> String {
        match self {
            Self::Caught => "wrong programs that are caught".into(),
            Self::Told => "wrong programs that are told their cause".into(),
            Self::Right => "right programs that pass".into(),
            Self::MutantsOf(group) => format!("mutants that are caught, {group}"),
            Self::Mutants => "mutants of `src/` that are caught, together".into(),
            Self::FlakesOfOneSeed => "failures on busy cores, one `LAB_SEED`".into(),
            Self::FlakesOfManySeeds => {
                "failures on busy cores, a `LAB_SEED` for each run".into()
            }
        }
    }
}

/// Writes the figures of groups of mutants, and once there are those of all groups, their sum.
///
/// # Errors
/// As [`record`].
pub fn record_mutants(root: &Path, command: &str, groups: &[Mutants]) -> Result<()> {
    let rows = groups
        .iter()
        .map(|group| (Row::MutantsOf(group.group), group.tally().to_string()))
        .collect::<Vec<_>>();
    record(root, command, &rows)?;
    let all: Option<Vec<String>> =
        mutants::groups().map(|group| recorded(root, Row::MutantsOf(group))).collect();
    let Some(all) = all else { return Ok(()) };
    let all = all.iter().map(|figure| figure.parse()).collect::<Result<Vec<Tally>>>()?;
    let sum: Tally = all.into_iter().sum();
    record(root, "mutants", &[(Row::Mutants, sum.to_string())])
}

/// Writes figures into the table; its other lines stay.
///
/// # Errors
/// The table cannot be read or written.
pub fn record(root: &Path, command: &str, figures: &[(Row, String)]) -> Result<()> {
    let before = project::read(root, Path::new(FILE)).unwrap_or_default();
    let mut lines = lines(&before);
    let (when, machine) = (format!("{}, {}", date(), commit(root)?), machine());
    for (row, figure) in figures {
        let (title, command) = (row.title(), format!("`{command}`"));
        let cells = [&*title, figure, &command, &when, &machine];
        lines.insert(*row, format!("| {} |", cells.join(" | ")));
    }
    let table = lines.values().fold(String::new(), |all, line| all + line + "\n");
    fs::write(root.join(FILE), format!("{HEAD}{table}")).context(FILE)
}

/// The figure that stands in the table.
pub fn recorded(root: &Path, row: Row) -> Option<String> {
    let text = project::read(root, Path::new(FILE)).ok()?;
    let line = lines(&text).remove(&row)?;
    line.split('|').nth(2).map(|cell| cell.trim().to_owned())
}

fn lines(table: &str) -> BTreeMap<Row, String> {
    let row =
        |line: &str| Row::all().find(|row| line.starts_with(&format!("| {} |", row.title())));
    table.lines().filter_map(|line| Some((row(line)?, line.to_owned()))).collect()
}

/// In HTTP's form, without the time.
fn date() -> String {
    let now = httpdate::fmt_http_date(SystemTime::now());
    now.split(' ').skip(1).take(3).collect::<Vec<_>>().join(" ")
}

/// The commit, and whether anything differs from it.
fn commit(root: &Path) -> Result<String> {
    let git = |arguments: &[&str]| -> Result<String> {
        let output = Command::new("git").current_dir(root).args(arguments).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let changes = git(&["status", "--porcelain", "--untracked-files=no"])?;
    let is_only_this = changes.lines().all(|line| line.ends_with(FILE));
    Ok(if is_only_this { commit } else { format!("{commit} and changes") })
}

fn machine() -> String {
    let cpus = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(cpus);
    let cpu = system.cpus().first().map_or("unknown CPU", |cpu| cpu.brand());
    let count = system.cpus().len();
    let release = System::long_os_version().unwrap_or_default();
    let kernel = System::kernel_version().unwrap_or_default();
    let rustc = Command::new("rustc").arg("--version").output().ok();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let version = rustc.as_deref().and_then(|text| text.split(' ').nth(1)).unwrap_or("?");
    format!("{count} cores, {cpu}; {release}, kernel {kernel}; Rust {version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_takes_the_place_of_the_one_before() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(folder.path().join("tests/proof")).expect("a folder");
        let write =
            |row, figure: &str| record(folder.path(), "museum", &[(row, figure.to_owned())]);
        write(Row::Told, "1 of 2").expect("written");
        write(Row::Caught, "2 of 2").expect("written");
        write(Row::Told, "2 of 2").expect("written");
        assert_eq!(recorded(folder.path(), Row::Told).as_deref(), Some("2 of 2"));
        let text = fs::read_to_string(folder.path().join(FILE)).expect("a table");
        assert!(text.starts_with(HEAD), "{text}");
        let told = text.find("told their cause").expect("its row");
        assert!(text.find("are caught").expect("its row") < told, "{text}");
        assert_eq!(text.lines().count(), HEAD.lines().count() + 2, "{text}");
    }
}
