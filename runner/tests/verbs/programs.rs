//! Whatever a student's program does, `cargo lab check` comes to an end, tells of it, and
//! leaves nothing behind.

use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::small_kit::{Kit, Said, processes_with, wait_until};

const SERVER: &str = "src/bin/echo_server.rs";

/// The longest that a check of a program that goes wrong may take, all else is built: far
/// less than what such a program would go on for.
const BOUND: Duration = Duration::from_secs(90);

/// Checks the server, which answers by this code; the other program goes on to be checked.
fn check_with(kit: &Kit, code: &str, more: &[&str]) -> Said {
    kit.fill_in(SERVER, "1.2", code);
    let began = Instant::now();
    let said = kit.lab(&[&["check", "--all"], more].concat()).ends_with(1);
    assert!(began.elapsed() < BOUND, "it took {:?}", began.elapsed());
    let greeting = "✓ 2.1  Hello, world";
    assert!(said.stdout.contains(greeting), "the rest was not checked:\n{}", said.stdout);
    said
}

/// The words may be broken into lines anywhere.
fn tells(said: &Said, words: &str) {
    let text: Vec<&str> = said.stdout.split_whitespace().collect();
    assert!(text.join(" ").contains(words), "without {words:?}:\n{}", said.stdout);
}

fn kit() -> Kit {
    Kit::solved(&["1.1", "2.1"])
}

#[test]
fn an_infinite_loop_ends_with_its_check() {
    let kit = kit();
    let said = check_with(&kit, "    let _ = &mut stream;\n    loop {}", &[]);
    tells(&said, "✗ lab 1 · a_line_comes_back");
    tells(&said, "nothing came within 5 s");
    wait_until("the server is gone", || running(&kit).is_empty());
}

#[test]
fn a_check_that_takes_too_long_is_ended_with_all_that_it_started() {
    let kit = kit();
    // The check would wait for 5 seconds, and then tell.
    kit.fill_in(SERVER, "1.2", "    loop {}");
    let said = kit.lab(&["check", "a_line_comes_back", "--time-limit", "2"]).ends_with(1);
    tells(&said, "it had not come to an end after 2 s, so it was ended, with all that it");
    wait_until("the server is gone", || running(&kit).is_empty());
}

#[test]
fn children_do_not_outlive_the_check() {
    const SLEEPS: &str = "271.828";
    let kit = kit();
    // In sessions of their own, as daemons are, some of them with our end of the pipe.
    let code = format!(
        r#"
    for _ in 0..20 {{
        let sleep = std::process::Command::new("setsid").args(["-f", "sleep", "{SLEEPS}"]).spawn();
        drop(sleep);
        let _ = std::process::Command::new("sleep").arg("{SLEEPS}").spawn();
    }}
    let _ = stream.read(&mut buffer);
    loop {{}}"#
    );
    kit.fill_in(SERVER, "1.2", &code);
    let mut lab = kit.command(&["check", "1"]);
    let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("lab");
    wait_until("all children run", || processes_with(SLEEPS).len() >= 40);
    assert_eq!(lab.wait().expect("an end").code(), Some(1));
    wait_until("the children are gone", || processes_with(SLEEPS).is_empty());
}

#[test]
fn a_flood_of_output_is_bounded() {
    let kit = kit();
    let code = r#"
    let line = "all work and no play makes jack a dull boy ".repeat(100);
    loop {
        println!("{line}");
        eprintln!("{line}");
    }"#;
    let said = check_with(&kit, code, &[]);
    tells(&said, "✗ lab 1 · a_line_comes_back");
    assert!(said.stdout.len() < 20_000, "{} bytes were shown", said.stdout.len());
    let longest = said.stdout.lines().map(|line| line.chars().count()).max();
    assert!(longest < Some(200), "a line has {longest:?} characters");
}

#[test]
fn a_panic_is_shown_with_its_line() {
    let kit = kit();
    let said = check_with(&kit, "    let none: Option<()> = None;\n    Ok(none.unwrap())", &[]);
    tells(&said, "echo_server crashed: panicked at src/bin/echo_server.rs:22:");
    tells(&said, "called `Option::unwrap()` on a `None` value");
}

#[test]
fn a_program_that_ends_or_kills_itself_is_told() {
    let kit = kit();
    let said = check_with(&kit, "    std::process::exit(7)", &[]);
    tells(&said, "exit status 7");
    let said = check_with(&kit, "    std::process::abort()", &[]);
    tells(&said, "SIGABRT");
}

#[test]
fn ctrl_c_ends_everything() {
    let kit = kit();
    // A check would wait for 10 seconds until it says where it listens.
    kit.fill_in(SERVER, "1.1", "    let listener: TcpListener = loop {};");
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut lab = kit.command(&["check"]);
        let mut lab = lab.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("lab");
        wait_until("the server runs", || !running(&kit).is_empty());
        let told = Instant::now();
        kill(Pid::from_raw(lab.id().cast_signed()), signal).expect("it still runs");
        let status = lab.wait().expect("an end");
        assert_eq!(status.code(), Some(130), "after {signal}");
        let took = told.elapsed();
        assert!(took < Duration::from_secs(7), "it went on for {took:?} after {signal}");
        assert!(running(&kit).is_empty(), "the server still runs after {signal}");
    }
}

#[test]
fn when_it_is_killed_nothing_stays_behind() {
    let kit = kit();
    kit.fill_in(SERVER, "1.2", "    loop {}");
    let mut lab = kit.command(&["check"]);
    let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("lab");
    wait_until("the server runs", || !running(&kit).is_empty());
    lab.kill().expect("it still runs");
    lab.wait().expect("an end");
    wait_until("the server is gone", || running(&kit).is_empty());
}

/// The processes that run the kit's server; elsewhere than on Linux nobody tells.
fn running(kit: &Kit) -> Vec<u32> {
    processes_with(&kit.path("target/debug/echo_server").display().to_string())
}
