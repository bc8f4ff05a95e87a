//! What `cargo lab` says: every verb, on the small kit.
//!
//! The screens stand in `screens/`; `SNAPSHOTS=overwrite` writes them anew.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a kit that cannot be changed fails its test"
)]

#[cfg(target_os = "linux")]
mod programs;
mod small_kit;
mod watch;

use std::fs;
use std::net::{SocketAddr, TcpListener, UdpSocket};

use regex::Regex;
use small_kit::{Kit, Said, said};
use snapbox::{Assert, IntoData, Redactions, file};

const SERVER: &str = "src/bin/echo_server.rs";

impl Said {
    /// It must have ended with that status.
    fn ends_with(self, status: i32) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.status, Some(status), "stdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Its errors must have these words.
    fn complains(&self, words: &str) {
        assert!(self.stderr.contains(words), "without {words:?}:\n{}", self.stderr);
    }
}

/// It must be what stands in the file, where `[..]` stands for anything.
fn shows(screen: String, expected: impl IntoData) {
    let mut differs = Redactions::new();
    for (name, place) in [
        ("[PORT]", "(?:127.0.0.1| (?:client|server) ):(?<redacted>[0-9]{5})"),
        ("[ID]", r"'main' \((?<redacted>[0-9]+)\)"),
        ("[SECONDS]", r#""seconds": (?<redacted>[0-9.]+)"#),
    ] {
        differs.insert(name, Regex::new(place).expect("a pattern")).expect("a name");
    }
    let assert = Assert::new().action_env("SNAPSHOTS").redact_with(differs);
    // A `\\` in a screen belongs to a check's story and not to a path.
    assert.normalize_paths(false).eq(screen, expected);
}

#[test]
fn help_tells_of_the_verbs() {
    let kit = Kit::fresh();
    shows(kit.lab(&["--help"]).ends_with(0).stdout, file!["screens/help.txt"]);
    for verb in ["check", "watch", "hint", "explain", "doctor", "reset"] {
        let help = kit.lab(&[verb, "--help"]).ends_with(0);
        assert!(help.stdout.contains(&format!("cargo lab {verb}")), "{}", help.stdout);
    }
    kit.lab(&["release", "x"]).ends_with(2).complains("unrecognized subcommand");
}

#[test]
fn without_a_verb_it_shows_how_far_you_are() {
    let kit = Kit::fresh();
    shows(kit.lab(&[]).ends_with(0).stdout, file!["screens/status-fresh.txt"]);
    kit.fill_in(SERVER, "1.1", "    let listener = TcpListener::bind((\"127.0.0.1\", port))?;");
    shows(kit.lab(&[]).ends_with(0).stdout, file!["screens/status-begun.txt"]);

    drop(kit);
    let kit = Kit::solved(&["1.1", "2.1"]);
    kit.lab(&["check"]).ends_with(1);
    shows(kit.lab(&[]).ends_with(0).stdout, file!["screens/status-half.txt"]);
    kit.change("src/bin/greeter.rs", "hello", "hallo");
    let status = kit.lab(&[]).ends_with(0);
    let told = "Lab 2 has changed since it was checked: cargo lab check 2";
    assert!(status.stdout.contains(told), "{}", status.stdout);

    drop(kit);
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.lab(&["check"]).ends_with(0);
    shows(kit.lab(&[]).ends_with(0).stdout, file!["screens/status-done.txt"]);
}

#[test]
fn steps_that_were_given_solved_are_not_next() {
    let kit = Kit::solved(&["1.1", "1.2"]);
    let given = kit.read(SERVER);
    kit.put("runner/starter/src/bin/echo_server.rs.given", &given);
    kit.put("runner/starter/solved.txt", "1.1\n1.2\n");
    let status = kit.lab(&[]).ends_with(0);
    assert!(status.stdout.contains("next: 2.1 Hello, world"), "{}", status.stdout);
}

#[test]
fn what_is_to_be_done_is_no_mistake() {
    let kit = Kit::fresh();
    shows(kit.lab(&["check"]).ends_with(1).stdout, file!["screens/check-fresh.txt"]);
    // Who asks for one step is told of it.
    let step = kit.lab(&["check", "1.1"]).ends_with(1);
    shows(step.stdout, file!["screens/check-step-to-do.txt"]);
    let naive = kit.lab(&["check", "2.1"]).ends_with(1);
    shows(naive.stdout, file!["screens/check-naive-starter.txt"]);
}

#[test]
fn all_that_passes_is_told_in_a_table() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    let all = kit.lab(&["check"]).ends_with(0);
    shows(all.stdout, file!["screens/check-done.txt"]);
    assert_eq!(all.stderr, "", "nothing but the report in a pipe");
}

#[test]
fn one_mistake_is_shown_and_not_all_that_follow_from_it() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    kit.fill_in(SERVER, "1.2", ONCE_IN_UPPERCASE);
    let check = kit.lab(&["check", "1"]).ends_with(1);
    shows(check.stdout, file!["screens/check-first-fails.txt"]);
}

/// Both mistakes at once: of all that fails the first check comes first.
const ONCE_IN_UPPERCASE: &str = "
    let length = stream.read(&mut buffer)?;
    stream.write_all(&buffer[..length].to_ascii_uppercase())";

#[test]
fn a_failure_is_told_as_a_story() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    // It stays connected: whether a close comes as FIN or as RST would be a matter of time.
    let later_in_uppercase = "
    let mut is_first = true;
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        if !std::mem::take(&mut is_first) {
            buffer.make_ascii_uppercase();
        }
        stream.write_all(&buffer[..length])?;
    }
    Ok(())";
    kit.fill_in(SERVER, "1.2", later_in_uppercase);
    let check = kit.lab(&["check", "another_line_comes_back"]).ends_with(1);
    shows(check.stdout, file!["screens/check-story.txt"]);
}

#[test]
fn what_others_wait_for_is_told_even_if_nobody_has_asked_for_it() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    kit.fill_in(SERVER, "1.2", ONCE_IN_UPPERCASE);
    let check = kit.lab(&["check", "nothing_comes_back_for_nothing"]).ends_with(1);
    shows(check.stdout, file!["screens/check-awaited.txt"]);
}

#[test]
fn labs_steps_and_checks_can_be_asked_for() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    for (what, number) in [
        (&["2"][..], 2),
        (&["lab2_greeting"], 2),
        (&["1.2"], 3),
        (&["a_line_comes_back"], 1),
        (&["1.1", "it_greets_the_world", "1.1"], 2),
    ] {
        let check = kit.lab(&[&["check"], what].concat()).ends_with(0);
        let sum = match number {
            1 => "the check passes".to_owned(),
            _ => format!("{number} of {number} checks pass"),
        };
        assert!(check.stdout.contains(&sum), "{what:?}:\n{}", check.stdout);
    }
}

#[test]
fn what_is_not_there_cannot_be_asked_for() {
    let kit = Kit::fresh();
    for (arguments, words) in [
        (&["check", "3"][..], "\"3\" is no lab, step or check: labs are 1, 2"),
        (&["check", "1.7"], "there is no step 1.7; lab 1 has the steps 1.1 to 1.2"),
        (&["check", "line_comes"], "checks like that are a_line_comes_back, another_line"),
        (&["hint", "7.1"], "there is no step 7.1; there is no lab 7: they are 1, 2"),
        (&["hint", "x"], "\"x\" is no step: they are numbered like 2.1"),
        (&["reset", "1.9"], "there is no step 1.9"),
        (&["reset"], "required arguments"),
        (&["explain", "quux"], "quux"),
        (&["check", "--time-limit", "0"], "0 is not in 1..=3600"),
    ] {
        kit.lab(arguments).ends_with(2).complains(words);
    }
}

#[test]
fn tools_get_json() {
    let kit = Kit::solved(&["1.1", "2.1"]);
    kit.fill_in(SERVER, "1.2", ONCE_IN_UPPERCASE);
    let check = kit.lab(&["check", "--json"]).ends_with(1);
    let _: serde_json::Value = serde_json::from_str(&check.stdout).expect("one JSON document");
    shows(check.stdout, file!["screens/check.json"]);
    assert_eq!(check.stderr, "");
}

#[test]
fn a_program_that_does_not_compile_costs_only_its_own_checks() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.change(SERVER, "let mut buffer = [0; 512];", "let mut buffer = [0; 512]");
    // All else has to be built too, one after another, whatever cargo begins with.
    for file in ["src/bin/greeter.rs", "tests/lab1_echo.rs", "tests/lab2_greeting.rs"] {
        kit.put(file, &(kit.read(file) + "// Changed.\n"));
    }
    let output = kit.command(&["check"]).env("CARGO_BUILD_JOBS", "1").output();
    let check = said(output.expect("cargo lab")).ends_with(1);
    shows(check.stdout, file!["screens/check-does-not-compile.txt"]);
    let json = kit.lab(&["check", "--json"]).ends_with(1).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).expect("one JSON document");
    assert_eq!(json["programs"][0]["compiles"], false);
}

#[test]
fn warnings_are_mentioned() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.change(
        SERVER,
        "let mut buffer = [0; 512];",
        "let mut buffer = [0; 512];\n    stream.flush();",
    );
    let check = kit.lab(&["check", "1"]).ends_with(0);
    shows(check.stdout, file!["screens/check-warning.txt"]);
}

#[test]
fn a_file_that_comes_back_with_an_older_time_is_built_anew() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    let greeter = "src/bin/greeter.rs";
    kit.change(greeter, "hello, world", "bye, world");
    fs::rename(kit.path(greeter), kit.path("bye.rs")).expect("a file that is there");
    let given = kit.read("runner/starter/src/bin/greeter.rs.given");
    kit.put(greeter, &given);
    kit.fill_in(greeter, "2.1", "    println!(\"hello, world\");");
    kit.lab(&["check", "2.1"]).ends_with(0);
    fs::rename(kit.path("bye.rs"), kit.path(greeter)).expect("a file that is there");
    kit.lab(&["check", "2.1"]).ends_with(1);
}

#[test]
fn what_cannot_be_remembered_is_told_all_the_same() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.put(".lab", "no folder");
    let check = kit.lab(&["check", "2"]).ends_with(0);
    assert!(check.stdout.contains("2 of 2 checks pass"), "{}", check.stdout);
    check.complains("note: this will not be remembered");
    let hint = kit.lab(&["hint", "2.1"]).ends_with(0);
    assert!(hint.stdout.contains("Whom?"), "{}", hint.stdout);
    fs::remove_file(kit.path(".lab")).expect("a file that is there");
}

#[test]
fn a_file_that_is_no_text_can_be_put_back() {
    let kit = Kit::fresh();
    let given = kit.read(SERVER);
    fs::write(kit.path(SERVER), b"fn main() {} // \xff\n").expect("a file");
    let status = kit.lab(&[]).ends_with(0);
    assert!(status.stdout.contains("src/bin/echo_server.rs:1: "), "{}", status.stdout);
    kit.lab(&["reset", "1.1"]).ends_with(3).complains("--file` puts it back whole");
    kit.lab(&["reset", "1.1", "--file"]).ends_with(0);
    assert_eq!(kit.read(SERVER), given);
}

#[test]
fn other_programs_are_no_progress() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.lab(&["check", "2"]).ends_with(0);
    let mut lab = kit.command(&["check", "2"]);
    let output = lab.env("LAB_PROGRAMS", "nowhere").output().expect("cargo lab");
    assert_eq!(output.status.code(), Some(1));
    let status = kit.lab(&[]).ends_with(0);
    assert!(status.stdout.contains("40/40 points"), "{}", status.stdout);
}

#[test]
fn checks_that_cannot_be_built_are_another_matter() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.change("tests/lab1_echo.rs", "fn start()", "fn start(");
    kit.lab(&["check"]).ends_with(3).complains("the checks do not compile");
    kit.put("Cargo.toml", "[package");
    kit.lab(&["check"]).ends_with(3).complains("cargo cannot build the checks");
}

#[test]
fn a_check_that_is_gone_does_not_pass() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.change("tests/lab2_greeting.rs", "fn it_greets_the_world", "fn it_greets_nobody");
    let check = kit.lab(&["check", "2"]).ends_with(1);
    assert!(check.stdout.contains("has no check of that name"), "{}", check.stdout);
}

#[test]
fn hints_come_one_at_a_time() {
    let kit = Kit::fresh();
    for number in 1..=4 {
        // The fourth time all are shown again.
        let hint = kit.lab(&["hint", "1.1"]).ends_with(0);
        let screens = [
            file!["screens/hint-1.txt"],
            file!["screens/hint-2.txt"],
            file!["screens/hint-3.txt"],
            file!["screens/hint-all.txt"],
        ];
        let screen = screens.into_iter().nth(number - 1).expect("a screen");
        shows(hint.stdout, screen);
    }
    // The next step's, where none is named.
    let next = kit.lab(&["hint"]).ends_with(0);
    assert!(next.stdout.starts_with("step 1.1"), "{}", next.stdout);
}

#[test]
fn words_are_explained() {
    let kit = Kit::fresh();
    shows(kit.lab(&["explain"]).ends_with(0).stdout, file!["screens/explain.txt"]);
    let refused = kit.lab(&["explain", "refused"]).ends_with(0);
    shows(refused.stdout.clone(), file!["screens/explain-refused.txt"]);
    let pasted = ["explain", "error:", "Connection", "refused:", "nothing is listening"];
    assert_eq!(kit.lab(&pasted).ends_with(0).stdout, refused.stdout);
}

#[test]
fn the_doctor_says_who_holds_a_port() {
    let kit = Kit::fresh();
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = |address: std::io::Result<SocketAddr>| address.expect("bound").port();
    let (tcp_port, udp_port) = (port(tcp.local_addr()), port(udp.local_addr()));
    let ports = format!("[\"{tcp_port}/tcp\", \"{udp_port}/udp\"]");
    kit.change("labs/1-echo/lab.toml", "ports = []", &format!("ports = {ports}"));
    // Whatever else it may find on this machine.
    let doctor = kit.lab(&["doctor"]);
    let words: Vec<&str> = doctor.stdout.split_whitespace().collect();
    let words = words.join(" ");
    for taken in [format!("{tcp_port}/tcp"), format!("{udp_port}/udp")] {
        let line = words.split(" ! ").find(|line| line.contains(&taken));
        let line = line.unwrap_or_else(|| panic!("nothing of {taken}:\n{}", doctor.stdout));
        if cfg!(target_os = "linux") {
            let me = format!("pid {}", std::process::id());
            assert!(line.contains(&me), "without {me:?}: {line}");
        }
    }
}

#[test]
fn the_doctor_ends_with_status_1_if_something_is_broken() {
    let kit = Kit::fresh();
    kit.change(SERVER, "    // Fill in end 1.2\n", "");
    let doctor = kit.lab(&["doctor"]).ends_with(1);
    assert!(doctor.stdout.contains("✗ "), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("cargo lab reset 1.1 --file"), "{}", doctor.stdout);
}

#[test]
fn a_step_is_put_back_and_nothing_is_lost() {
    let kit = Kit::fresh();
    let given = kit.read(SERVER);
    let reset = kit.lab(&["reset", "1.2"]).ends_with(0);
    shows(reset.stdout, "Step 1.2 is as it was given.\n");
    assert!(!kit.path(".lab/kept").exists(), "there was nothing to keep");

    kit.fill_in(SERVER, "1.1", "    // mine: 1.1");
    kit.fill_in(SERVER, "1.2", "    // mine: 1.2");
    let mine = kit.read(SERVER);
    let reset = kit.lab(&["reset", "1.2"]).ends_with(0);
    shows(reset.stdout, file!["screens/reset.txt"]);
    assert_eq!(kit.read(".lab/kept/1.2-1-echo_server.rs"), mine);
    assert!(kit.read(SERVER).contains("mine: 1.1"), "another step was put back too");
    assert!(!kit.read(SERVER).contains("mine: 1.2"), "the step was not put back");

    // A second time nothing of the first is overwritten.
    kit.fill_in(SERVER, "1.2", "    // mine again");
    kit.lab(&["reset", "1.2"]).ends_with(0);
    assert_eq!(kit.read(".lab/kept/1.2-1-echo_server.rs"), mine);
    assert!(kit.read(".lab/kept/1.2-2-echo_server.rs").contains("mine again"));

    kit.lab(&["reset", "1.1"]).ends_with(0);
    assert_eq!(kit.read(SERVER), given);
}

#[test]
fn damaged_marks_are_told_and_the_file_can_be_put_back() {
    let kit = Kit::fresh();
    let given = kit.read(SERVER);
    kit.change(SERVER, "    // Fill in end 1.1\n", "");
    let damaged = kit.read(SERVER);
    let reset = kit.lab(&["reset", "1.1"]).ends_with(3);
    reset.complains("the marks are damaged: src/bin/echo_server.rs:18: step 1.2 begins within");
    reset.complains("`cargo lab reset 1.1 --file` puts the whole file back");
    assert_eq!(kit.read(SERVER), damaged, "it was changed all the same");
    let status = kit.lab(&[]).ends_with(0);
    assert!(status.stdout.contains("echo_server.rs:18: step 1.2 begins"), "{}", status.stdout);

    kit.lab(&["reset", "1.1", "--file"]).ends_with(0);
    assert_eq!(kit.read(SERVER), given);
    assert_eq!(kit.read(".lab/kept/1.1-1-echo_server.rs"), damaged);

    fs::remove_file(kit.path(SERVER)).expect("a file that is there");
    kit.lab(&["reset", "1.2"]).ends_with(3).complains("--file` puts it back whole");
    kit.lab(&["reset", "1.2", "--file"]).ends_with(0);
    assert_eq!(kit.read(SERVER), given);
}

#[test]
fn a_lost_or_damaged_memory_is_made_anew() {
    let kit = Kit::solved(&["1.1", "1.2", "2.1"]);
    kit.lab(&["check"]).ends_with(0);
    let memory = ".lab/progress.json";
    for damage in [Some("{ \"format_version\": 1"), Some(""), None] {
        match damage {
            Some(text) => kit.put(memory, text),
            None => fs::remove_file(kit.path(memory)).expect("a file that is there"),
        }
        let status = kit.lab(&[]).ends_with(0);
        assert!(status.stdout.contains("0 of 100 points"), "{}", status.stdout);
        if damage.is_some() {
            status.complains("was damaged");
        }
        kit.lab(&["check"]).ends_with(0);
        let status = kit.lab(&[]).ends_with(0);
        assert!(status.stdout.contains("100 of 100 points"), "{}", status.stdout);
    }
}

#[test]
fn the_finished_programs_cannot_be_reset() {
    let kit = Kit::solved(&["1.1"]);
    fs::remove_dir_all(kit.path("runner")).expect("a folder that is there");
    kit.lab(&["reset", "1.1"]).ends_with(3).complains("these are the finished programs");
}
