//! The compiler, and the programs that the handouts use.

use std::fs;
use std::process::Command;

use super::ask::{ask, find};
use super::{Finding, joined};
use crate::course::Course;
use crate::project;

/// Where packages come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum System {
    Debian,
    Fedora,
    MacOs,
    Other,
}

/// A program that a handout uses, or one of several of which any will do.
struct Tool {
    names: &'static [&'static str],
    what_for: &'static str,
    /// The packages that have it: of Debian and Ubuntu, of Fedora, of Homebrew.
    packages: [&'static str; 3],
}

/// Those that are missed only where they are used. `nc` is looked at more closely.
const TOOLS: [Tool; 5] = [
    Tool {
        names: &["curl"],
        what_for: "from lab 3 on it shows what servers answer",
        packages: ["curl", "curl", "curl"],
    },
    Tool {
        names: &["python3"],
        what_for: "once, in lab 4, as another web server",
        packages: ["python3", "python3", "python"],
    },
    Tool {
        names: &["ab"],
        what_for: "once, in lab 6, to measure",
        packages: ["apache2-utils", "httpd-tools", "httpd"],
    },
    Tool {
        names: &["ss", "lsof"],
        what_for: "it shows sockets, and who holds a port",
        packages: ["iproute2", "iproute", "lsof"],
    },
    Tool {
        names: &["wireshark", "tshark", "tcpdump"],
        what_for: "it shows packets; the labs can be done without",
        packages: ["wireshark", "wireshark", "--cask wireshark-app"],
    },
];

const GIT: Tool = Tool {
    names: &["git"],
    what_for: "each step is committed",
    packages: ["git", "git", "git"],
};

const NC: Tool = Tool {
    names: &["nc"],
    what_for: "the handouts send with it what you type",
    packages: ["netcat-openbsd", "netcat", "netcat"],
};

const RUSTUP: &str = "install Rust with rustup: https://rustup.rs";

/// What a program of the toolchain says of its version.
enum Version {
    Told(String),
    /// It is not there, or cannot be run.
    Missing,
    /// It is there, and takes too long, as on a machine that is busy.
    Slow,
}

/// Asked in the project's folder, as rustup may have another toolchain for it.
fn version(course: &Course, name: &str, arguments: &[&str]) -> Version {
    match ask(Command::new(name).args(arguments).arg("--version").current_dir(&course.root)) {
        Some(said) if said.is_well => Version::Told(said.stdout),
        None if find(name).is_some() => Version::Slow,
        _ => Version::Missing,
    }
}

/// `rustc` and `cargo`.
pub(super) fn toolchain(course: &Course) -> Vec<Finding> {
    let told = ["rustc", "cargo"].map(|name| version(course, name, &[]));
    vec![match &told {
        [Version::Told(rustc), Version::Told(cargo)] => {
            // As in `rustc 1.88.0 (6b00bc388 2025-06-23)`.
            let number =
                |said: &str| said.split(' ').nth(1).unwrap_or_default().trim().to_owned();
            let manifest = project::read(&course.root, "Cargo.toml".as_ref()).ok();
            new_enough(
                &number(rustc),
                &number(cargo),
                manifest.as_deref().and_then(rust_version),
            )
        }
        [Version::Missing, _] => Finding::broken("rustc cannot be run", RUSTUP),
        [_, Version::Missing] => Finding::broken("cargo cannot be run", RUSTUP),
        _ => Finding::note(
            "rustc and cargo do not answer in time, so their version is not known",
            "try again when this machine is less busy",
        ),
    }]
}

fn new_enough(rustc: &str, cargo: &str, needed: Option<String>) -> Finding {
    let what = format!("rustc {rustc} and cargo {cargo}");
    match needed {
        Some(needed)
            if [rustc, cargo].map(numbers_of).iter().any(|it| *it < numbers_of(&needed)) =>
        {
            let update = if find("rustup").is_some() { "`rustup update`" } else { RUSTUP };
            Finding::broken(format!("{what}, and the kit needs {needed} or later"), update)
        }
        Some(needed) => Finding::good(format!("{what}; the kit needs {needed} or later")),
        None => Finding::good(what),
    }
}

/// What advises on code, and what lays it out.
pub(super) fn advisers(course: &Course) -> Vec<Finding> {
    let parts = [("clippy", "clippy"), ("rustfmt", "fmt")];
    let missing = parts
        .into_iter()
        .filter(|(_, verb)| matches!(version(course, "cargo", &[verb]), Version::Missing));
    let missing: Vec<&str> = missing.map(|(name, _)| name).collect();
    vec![if missing.is_empty() {
        Finding::good("clippy and rustfmt are there")
    } else {
        Finding::note(
            format!(
                "no {}: they advise on code and lay it out; no lab needs them",
                joined(&missing, "and")
            ),
            format!("`rustup component add {}`", missing.join(" ")),
        )
    }]
}

/// `rust-version` of a manifest, of its package or of its workspace.
fn rust_version(manifest: &str) -> Option<String> {
    let manifest: toml::Table = manifest.parse().ok()?;
    let of = |table: &toml::Table| Some(table.get("rust-version")?.as_str()?.to_owned());
    let package = manifest.get("package").and_then(toml::Value::as_table);
    package
        .and_then(of)
        .or_else(|| of(manifest.get("workspace")?.get("package")?.as_table()?))
}

/// `1.88.0-nightly` as numbers that can be compared.
fn numbers_of(version: &str) -> [u32; 3] {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.trim().parse().unwrap_or(0));
    [(); 3].map(|()| parts.next().unwrap_or(0))
}

/// Those that are there in one line, and one for each that is missing.
pub(super) fn tools(_: &Course) -> Vec<Finding> {
    let system = system();
    let (mut there, mut missing) = (Vec::new(), Vec::new());
    let remedy = |tool: &Tool| install(tool, system);
    let mut look = |tool: &Tool, is_needed: bool| {
        let found = tool.names.iter().find(|name| find(name).is_some());
        match found {
            Some(name) => there.push(*name),
            None => {
                let what = format!("no {}: {}", joined(tool.names, "or"), tool.what_for);
                let finding = if is_needed { Finding::broken } else { Finding::note };
                missing.push(finding(what, remedy(tool)));
            }
        }
        found.is_some()
    };
    look(&GIT, true);
    let has_nc = look(&NC, false);
    for tool in &TOOLS {
        look(tool, false);
    }
    let mut findings =
        vec![Finding::good(format!("programs that are there: {}", joined(&there, "and")))];
    if there.is_empty() {
        findings.clear();
    }
    if has_nc && let Some(said) = ask(Command::new("nc").arg("-h")) {
        let said = format!("{}{}", said.stdout, said.stderr);
        findings.extend(another_nc(&said).map(|(which, differs)| {
            Finding::note(
                format!("nc is {which}, and not that of the handouts: {differs}"),
                other_nc_remedy(system),
            )
        }));
    }
    findings.extend(missing);
    findings
}

/// Which `nc` it is by its own account, and what differs, unless it is that of OpenBSD as
/// Debian has it.
fn another_nc(usage: &str) -> Option<(&'static str, &'static str)> {
    const OPTIONS: &str = "some options differ";
    if usage.contains("OpenBSD netcat") || usage.contains("[-q seconds]") {
        None
    } else if usage.contains("Ncat") {
        Some(("Ncat, of nmap", OPTIONS))
    } else if usage.contains("[v1.1") {
        Some(("the traditional one", "a server is `nc -l -p 8000`, without an address"))
    } else if usage.contains("BusyBox") {
        Some(("that of BusyBox", OPTIONS))
    } else {
        Some(("another one", OPTIONS))
    }
}

fn other_nc_remedy(system: System) -> String {
    match system {
        System::Debian | System::Fedora => install(&NC, system),
        System::MacOs | System::Other => {
            "`man nc` tells its options; where it has no `-q 1`, try `-w 1`".to_owned()
        }
    }
}

fn install(tool: &Tool, system: System) -> String {
    let [debian, fedora, brew] = tool.packages;
    match system {
        System::Debian => format!("`sudo apt install {debian}`"),
        System::Fedora => format!("`sudo dnf install {fedora}`"),
        System::MacOs => format!("`brew install {brew}`"),
        System::Other => format!("install it; on Debian the package is {debian}"),
    }
}

fn system() -> System {
    if cfg!(target_os = "macos") {
        return System::MacOs;
    }
    system_of(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

/// What os-release(5) says in ID, or else in `ID_LIKE`.
fn system_of(release: &str) -> System {
    let value = |key: &str| {
        let value = release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    let ids = format!("{} {}", value("ID"), value("ID_LIKE"));
    let found = ids.split_whitespace().find_map(|id| match id {
        "debian" | "ubuntu" => Some(System::Debian),
        "fedora" | "rhel" => Some(System::Fedora),
        _ => None,
    });
    found.unwrap_or(System::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(numbers_of("1.100.0") > numbers_of("1.88"));
        assert!(numbers_of("1.88.0-nightly") >= numbers_of("1.88"));
        assert!(numbers_of("1.87.1") < numbers_of("1.88"));
        assert!(numbers_of("") < numbers_of("1"));
    }

    #[test]
    fn an_old_compiler_is_told() {
        assert!(new_enough("1.87.0", "1.87.0", Some("1.88".to_owned())).is_broken());
        assert_eq!(new_enough("1.88.0", "1.88.0", Some("1.88".to_owned())).remedy(), None);
        assert_eq!(new_enough("1.88.0", "1.88.0", None).remedy(), None);
    }

    #[test]
    fn the_version_that_is_needed_is_read() {
        let package = "[package]\nname = \"a\"\nrust-version = \"1.90\"\n";
        let workspace = "[workspace.package]\nrust-version = \"1.88\"\n[package]\n\
                         rust-version.workspace = true\n";
        assert_eq!(rust_version(package).as_deref(), Some("1.90"));
        assert_eq!(rust_version(workspace).as_deref(), Some("1.88"));
        assert_eq!(rust_version("[package]\n"), None);
    }

    #[test]
    fn systems_are_told_apart() {
        for (release, system) in [
            ("ID=debian\n", System::Debian),
            ("NAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n", System::Debian),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", System::Debian),
            ("ID=fedora\n", System::Fedora),
            ("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n", System::Fedora),
            ("ID=arch\n", System::Other),
            ("", System::Other),
        ] {
            assert!(system_of(release) == system, "{release}");
        }
    }

    #[test]
    fn versions_of_nc_are_told_apart() {
        let openbsd =
            "OpenBSD netcat (Debian patchlevel 1.219-1)\nusage: nc [-46CDdFhklNnrStUuvZz]";
        assert_eq!(another_nc(openbsd), None);
        for other in
            ["Ncat 7.93 ( https://nmap.org/ncat )", "[v1.10-47]", "BusyBox v1.35.0", ""]
        {
            assert!(another_nc(other).is_some(), "{other}");
        }
    }
}
