//! The checks are checked: each wrong program of `museum/` is caught by the check that is
//! there for its mistake, which tells its author why; the right one passes them all.

#![expect(clippy::panic, reason = "a museum that cannot be built fails")]

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use support::executables::root;

/// A wrong program.
struct Exhibit {
    /// The mistake's name in the museum.
    name: &'static str,
    program: &'static str,
    /// The mistake in a sentence.
    mistake: &'static str,
    /// The check that must catch it.
    check: &'static str,
    /// What its author must be told.
    told: &'static str,
}

const EXHIBITS: &[Exhibit] = &[
    // udp_server
    Exhibit {
        name: "small-buffer",
        program: "udp_server",
        mistake: "the receive buffer holds 2,048 bytes",
        check: "the_largest_datagram_comes_back_whole",
        told: "exactly 2,048 bytes: the size of a buffer",
    },
    Exhibit {
        name: "unicode-uppercase",
        program: "udp_server",
        mistake: "the datagram is decoded, changed as text, and encoded",
        check: "letters_outside_ascii_stay_as_they_are",
        told: "letters outside a-z were changed too",
    },
    Exhibit {
        name: "trims-the-answer",
        program: "udp_server",
        mistake: "white space at the end is taken for a line end",
        check: "white_space_and_line_ends_are_data",
        told: "white space at the end was cut off",
    },
    Exhibit {
        name: "empty-is-the-end",
        program: "udp_server",
        mistake: "a length of 0 ends the loop, as over TCP",
        check: "an_empty_datagram_gets_an_empty_one",
        told: "a length of 0 was taken for the end",
    },
    Exhibit {
        name: "first-client-only",
        program: "udp_server",
        mistake: "all replies go to the first client",
        check: "two_clients_at_once_get_their_own_replies",
        told: "answer each datagram to the address that recvfrom reports",
    },
    Exhibit {
        name: "replies-from-another-socket",
        program: "udp_server",
        mistake: "each reply is sent through a new socket",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "sent through another socket",
    },
    Exhibit {
        name: "replies-twice",
        program: "udp_server",
        mistake: "each reply is sent twice",
        check: "each_datagram_gets_one_reply_of_its_own",
        told: "more than one reply was sent",
    },
    Exhibit {
        name: "shares-its-port",
        program: "udp_server",
        mistake: "SO_REUSEADDR lets a second server take the port",
        check: "a_taken_port_is_an_error_of_the_server",
        told: "two servers now share one port",
    },
    Exhibit {
        name: "all-addresses",
        program: "udp_server",
        mistake: "the socket is bound to all addresses",
        check: "only_this_machine_can_reach_the_server_unless_told",
        told: "bind it to 127.0.0.1",
    },
    Exhibit {
        name: "says-port-0",
        program: "udp_server",
        mistake: "the ready line names the port asked for",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "ask the socket which one it got",
    },
    Exhibit {
        name: "does-not-flush",
        program: "udp_server",
        mistake: "the ready line stays in a buffer when stdout is a pipe",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "or is not flushed",
    },
    Exhibit {
        name: "says-localhost",
        program: "udp_server",
        mistake: "the ready line has a name for an address",
        check: "the_server_says_where_it_receives_and_answers_in_uppercase",
        told: "comes ADDR:PORT, with the socket's address",
    },
    Exhibit {
        name: "ignores-signals",
        program: "udp_server",
        mistake: "SIGTERM is caught and nothing follows from it",
        check: "sigterm_ends_the_server_with_status_0",
        told: "SIGTERM is ignored",
    },
    Exhibit {
        name: "no-hint",
        program: "udp_server",
        mistake: "an error without a way out",
        check: "a_taken_port_is_an_error_of_the_server",
        told: "hint: ",
    },
    Exhibit {
        name: "panics-on-closed-stdout",
        program: "udp_server",
        mistake: "a failed write to stdout is a panic",
        check: "a_closed_stdout_ends_the_server_quietly",
        told: "udp_server crashed: panicked at",
    },
    // udp_client
    Exhibit {
        name: "waits-for-ever",
        program: "udp_client",
        mistake: "there is no timeout",
        check: "the_timeout_is_as_long_as_told",
        told: "there is no timeout",
    },
    Exhibit {
        name: "believes-strangers",
        program: "udp_client",
        mistake: "the sender of a datagram is not looked at",
        check: "datagrams_from_strangers_are_ignored",
        told: "compare the sender that recvfrom reports",
    },
    Exhibit {
        name: "strangers-restart-the-clock",
        program: "udp_client",
        mistake: "every datagram starts the timeout anew",
        check: "strangers_do_not_make_the_client_wait_longer",
        told: "wait only for what is left",
    },
    Exhibit {
        name: "small-buffer",
        program: "udp_client",
        mistake: "the receive buffer holds 1,024 bytes",
        check: "the_largest_reply_is_printed_whole",
        told: "the receive buffer is too small",
    },
    Exhibit {
        name: "always-connects",
        program: "udp_client",
        mistake: "the socket is connected also without --connect",
        check: "a_client_before_its_server_hears_nothing_until_the_timeout",
        told: "Is the socket connected?",
    },
    Exhibit {
        name: "never-connects",
        program: "udp_client",
        mistake: "--connect does nothing",
        check: "a_connected_client_is_told_that_nobody_is_there",
        told: "only a connected socket hears",
    },
    Exhibit {
        name: "retries-are-tries",
        program: "udp_client",
        mistake: "--retries 2 tries twice in all",
        check: "each_retry_sends_the_message_again",
        told: "each retry sends the datagram again",
    },
    Exhibit {
        name: "retries-only-wait",
        program: "udp_client",
        mistake: "a retry waits again and sends nothing",
        check: "each_retry_sends_the_message_again",
        told: "each retry sends the datagram again",
    },
    Exhibit {
        name: "no-reply-is-success",
        program: "udp_client",
        mistake: "the error is printed on stdout, with status 0",
        check: "the_timeout_is_as_long_as_told",
        told: "nothing stands on stderr",
    },
    Exhibit {
        name: "sends-what-cannot-fit",
        program: "udp_client",
        mistake: "a message that is too long is cut",
        check: "a_message_that_cannot_fit_is_refused_before_anything_is_sent",
        told: "a datagram is all or nothing",
    },
    Exhibit {
        name: "status-1-for-arguments",
        program: "udp_client",
        mistake: "a message that cannot be sent ends with status 1",
        check: "a_message_that_cannot_fit_is_refused_before_anything_is_sent",
        told: "status 2",
    },
    Exhibit {
        name: "decodes-the-reply",
        program: "udp_client",
        mistake: "the reply is decoded as UTF-8 before it is printed",
        check: "a_reply_goes_into_a_pipe_byte_by_byte",
        told: "bytes, not text",
    },
    Exhibit {
        name: "raw-on-terminal",
        program: "udp_client",
        mistake: "escape sequences of the server reach the terminal",
        check: "a_reply_cannot_drive_the_terminal",
        told: "a terminal obeys escape sequences",
    },
    Exhibit {
        name: "sends-the-newline",
        program: "udp_client",
        mistake: "the line end is sent with the line",
        check: "the_message_can_come_from_stdin",
        told: "the line end, or the next line, was sent too",
    },
    Exhibit {
        name: "end-is-empty-line",
        program: "udp_client",
        mistake: "the end of the input is taken for an empty line",
        check: "no_line_on_stdin_is_an_error",
        told: "the end of the input is not an empty line",
    },
    Exhibit {
        name: "prompts-on-stdout",
        program: "udp_client",
        mistake: "the prompt goes to stdout",
        check: "a_person_is_asked_on_stderr",
        told: "write it to stderr and flush",
    },
    Exhibit {
        name: "ipv6-first",
        program: "udp_client",
        mistake: "localhost is ::1",
        check: "a_name_means_its_ipv4_address_first",
        told: "take the IPv4 address first",
    },
    // tcp_server
    Exhibit {
        name: "waits-for-a-newline",
        program: "tcp_server",
        mistake: "the server reads whole lines",
        check: "bytes_without_a_newline_are_answered",
        told: "only after we had sent a newline",
    },
    Exhibit {
        name: "waits-for-the-end",
        program: "tcp_server",
        mistake: "the server reads to the end before it answers",
        check: "bytes_without_a_newline_are_answered",
        told: "only after we had closed our side",
    },
    Exhibit {
        name: "one-read",
        program: "tcp_server",
        mistake: "one read for each connection",
        check: "a_connection_goes_on_until_the_client_ends_it",
        told: "the server reads once for each connection",
    },
    Exhibit {
        name: "one-write",
        program: "tcp_server",
        mistake: "what a write did not take is forgotten",
        check: "a_client_that_reads_late_loses_nothing",
        told: "a write takes only a part of the bytes",
    },
    Exhibit {
        name: "unicode-uppercase",
        program: "tcp_server",
        mistake: "the bytes are decoded, changed as text, and encoded",
        check: "only_the_letters_a_to_z_change",
        told: "were replaced by U+FFFD",
    },
    Exhibit {
        name: "one-client-only",
        program: "tcp_server",
        mistake: "the server ends after its first client",
        check: "one_client_after_another_is_served",
        told: "accept again, in a loop",
    },
    Exhibit {
        name: "an-error-ends-the-server",
        program: "tcp_server",
        mistake: "the error of one connection ends the server",
        check: "a_reset_ends_that_connection_only",
        told: "handle it, then accept the next",
    },
    Exhibit {
        name: "no-timeout",
        program: "tcp_server",
        mistake: "a silent client is waited for for ever",
        check: "a_silent_client_is_ended_after_the_timeout",
        told: "set a timeout on the connection",
    },
    Exhibit {
        name: "timeout-for-all",
        program: "tcp_server",
        mistake: "the timeout counts from the start of the connection",
        check: "a_slow_client_is_not_ended",
        told: "counts from the start of the connection",
    },
    Exhibit {
        name: "no-signal-handler",
        program: "tcp_server",
        mistake: "SIGTERM kills the server",
        check: "sigterm_ends_the_server_with_status_0",
        told: "SIGTERM is not handled",
    },
    Exhibit {
        name: "all-addresses",
        program: "tcp_server",
        mistake: "the socket is bound to all addresses",
        check: "only_this_machine_can_reach_the_server_unless_told",
        told: "bind it to 127.0.0.1",
    },
    // tcp_client
    Exhibit {
        name: "one-read",
        program: "tcp_client",
        mistake: "one read is taken for the whole reply",
        check: "a_reply_in_pieces_is_read_to_its_end",
        told: "the client reads once",
    },
    Exhibit {
        name: "waits-for-the-end",
        program: "tcp_client",
        mistake: "the client reads until the server closes",
        check: "the_client_sends_its_message_and_prints_the_reply",
        told: "waits for the server to close",
    },
    Exhibit {
        name: "does-not-count",
        program: "tcp_client",
        mistake: "all that comes is printed",
        check: "the_reply_ends_with_as_many_bytes_as_were_sent",
        told: "count the bytes",
    },
    Exhibit {
        name: "sends-before-it-reads",
        program: "tcp_client",
        mistake: "everything is sent before anything is read",
        check: "a_message_larger_than_all_buffers_comes_back",
        told: "read while it sends",
    },
    Exhibit {
        name: "one-write",
        program: "tcp_client",
        mistake: "what a write did not take is forgotten",
        check: "a_message_larger_than_all_buffers_comes_back",
        told: "stopped sending",
    },
    Exhibit {
        name: "an-early-end-is-success",
        program: "tcp_client",
        mistake: "the end of the connection is taken for the end of the reply",
        check: "a_server_that_closes_early_is_an_error",
        told: "not always the end of the reply",
    },
    Exhibit {
        name: "drops-a-part",
        program: "tcp_client",
        mistake: "what came before an error is not printed",
        check: "a_server_that_closes_early_is_an_error",
        told: "still the server's reply: print it",
    },
    Exhibit {
        name: "panics-on-refusal",
        program: "tcp_client",
        mistake: "a refused connection is a panic",
        check: "a_client_before_its_server_is_refused",
        told: "tcp_client crashed: panicked at",
    },
    Exhibit {
        name: "connects-for-ever",
        program: "tcp_client",
        mistake: "the timeout does not apply to connecting",
        check: "a_server_too_busy_to_connect_is_given_up_after_the_timeout",
        told: "connect waits as long as the kernel likes",
    },
    Exhibit {
        name: "waits-for-ever",
        program: "tcp_client",
        mistake: "reading has no timeout",
        check: "a_silent_server_is_given_up_after_the_timeout",
        told: "a read waits for ever",
    },
    Exhibit {
        name: "timeout-for-all",
        program: "tcp_client",
        mistake: "the timeout counts from the start",
        check: "a_slow_server_is_not_given_up",
        told: "for the time without progress",
    },
    Exhibit {
        name: "trims-the-message",
        program: "tcp_client",
        mistake: "spaces around the message are cut off",
        check: "the_message_can_come_from_stdin",
        told: "white space was cut off",
    },
    Exhibit {
        name: "always-prompts",
        program: "tcp_client",
        mistake: "the prompt appears although nobody is there to read it",
        check: "there_is_no_prompt_without_a_terminal",
        told: "ask isatty",
    },
];

#[test]
#[ignore = "is about the checks, not the programs, and takes half a minute; .ci/run runs it"]
fn every_exhibit_is_caught_and_told_its_mistake() {
    let museum = Museum::open();
    let next = Mutex::new(EXHIBITS.iter());
    let missed = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(exhibit) = next.lock().ok().and_then(|mut rest| rest.next()) {
                    if let Err(complaint) = museum.show(exhibit)
                        && let Ok(mut missed) = missed.lock()
                    {
                        missed.push(complaint);
                    }
                }
            });
        }
    });
    let missed = missed.into_inner().unwrap_or_default();
    assert!(
        missed.is_empty(),
        "{} of {}:\n{}",
        missed.len(),
        EXHIBITS.len(),
        missed.join("\n")
    );
}

#[test]
#[ignore = "is about the checks, not the programs; .ci/run runs it"]
fn the_right_program_of_the_museum_passes_all_checks() {
    let museum = Museum::open();
    for (lab, checks) in &museum.checks {
        let (passed, output) = museum.check(checks, "", "");
        assert!(passed, "{lab}:\n{output}");
    }
}

#[test]
fn each_program_has_at_least_five_exhibits() {
    let mut exhibits = BTreeMap::<&str, usize>::new();
    for exhibit in EXHIBITS {
        *exhibits.entry(exhibit.program).or_default() += 1;
    }
    assert!(exhibits.values().all(|count| *count >= 5), "{exhibits:?}");
}

struct Museum {
    /// Holds links by the programs' names.
    folder: tempfile::TempDir,
    /// The executables of the checks, by lab.
    checks: BTreeMap<&'static str, PathBuf>,
}

impl Museum {
    fn open() -> Self {
        let executable = built("museum", "museum", |build| build.bin("museum"));
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("no folder: {error}"));
        for program in EXHIBITS.iter().map(|exhibit| exhibit.program) {
            // The same program again is no news.
            let _ = symlink(&executable, folder.path().join(program));
        }
        let labs = [("udp", "lab1_udp"), ("tcp", "lab2_tcp")];
        let checks = labs
            .into_iter()
            .map(|(lab, test)| (lab, built("checks", test, |build| build.test(test))));
        Self { folder, checks: checks.collect() }
    }

    fn show(&self, exhibit: &Exhibit) -> Result<(), String> {
        let Exhibit { name, program, mistake, check, told } = exhibit;
        let (passed, output) = self.check(&self.checks[&program[..3]], check, name);
        // A story is broken into lines where it is full.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let complaint = match () {
            () if !output.contains("running 1 test\n") => "there is no such check",
            () if passed => "was not caught",
            () if output.contains("skipped") => "fails its first check already",
            () if !words(&output).contains(told) => "was not told",
            () => return Ok(()),
        };
        Err(format!("{program}, {name} ({mistake}): {complaint}: {check}: {told}\n{output}"))
    }

    /// Runs one check, or all, on the museum's programs.
    fn check(&self, checks: &Path, name: &str, exhibit: &str) -> (bool, String) {
        let mut command = Command::new(checks);
        command.env("LAB_PROGRAMS", self.folder.path()).env("MUSEUM_EXHIBIT", exhibit);
        if !name.is_empty() {
            command.args(["--exact", name]);
        }
        let output = command.output().unwrap_or_else(|error| panic!("{checks:?}: {error}"));
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

/// Builds one target of a package of this workspace.
fn built(
    package: &str,
    name: &str,
    target: impl FnOnce(escargot::CargoBuild) -> escargot::CargoBuild,
) -> PathBuf {
    let build = escargot::CargoBuild::new().manifest_path(root().join("Cargo.toml"));
    let build = target(build.package(package).current_release());
    let messages = build.exec().unwrap_or_else(|error| panic!("{package}: {error}"));
    let mut executables = messages.filter_map(|message| {
        let message = message.ok()?;
        match message.decode().ok()? {
            escargot::format::Message::CompilerArtifact(artifact) => {
                let executable = artifact.executable?.into_owned();
                (artifact.target.name == name).then_some(executable)
            }
            _ => None,
        }
    });
    executables.next().unwrap_or_else(|| panic!("{name} does not compile"))
}
