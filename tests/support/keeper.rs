//! Runs one program and answers for everything that comes of it.
//!
//!     keeper PARENT SECONDS PROGRAM [ARGUMENT]...
//!
//! The program gets a process group of its own. When it ends, or the check that started
//! it (PARENT) ends or is killed, or after SECONDS, none of its descendants is left,
//! daemons that fork twice included. Elsewhere than on Linux only its process group is
//! known, and a check that is killed is noticed after SECONDS. SIGINT and
//! SIGTERM are passed on to the program; SIGHUP ends it and all that it started. The exit
//! status is the program's.

#![expect(clippy::print_stderr, reason = "seen by the check as the program's own words")]

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, alarm, getppid};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use support::names;
use support::processes::children;

/// As of a shell whose command cannot be started.
const NOT_STARTED: u8 = 127;

/// What others have to end in what they have started, before they are killed.
const PATIENCE_WITH_THE_TOLD: Duration = Duration::from_secs(1);

/// Killed processes end at once, but for one that the kernel holds in a device.
const PATIENCE_WITH_THE_KILLED: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let mut number = || arguments.next()?.to_str()?.parse::<u32>().ok();
    let (Some(parent), Some(seconds)) = (number(), number()) else {
        eprintln!("usage: keeper PARENT SECONDS PROGRAM [ARGUMENT]...");
        return ExitCode::from(NOT_STARTED);
    };
    let Some(program) = arguments.next() else { return ExitCode::from(NOT_STARTED) };

    if std::env::var_os(names::SWITCH).is_some()
        && let Err(error) = names::make_known()
    {
        eprintln!("no names of its own for {}: {error}", program.display());
        return ExitCode::from(NOT_STARTED);
    }

    // Handlers, which exec(2) resets; a signal mask would be inherited by the program.
    let Ok(mut signals) = Signals::new([SIGCHLD, SIGINT, SIGTERM, SIGHUP, SIGALRM]) else {
        return ExitCode::from(NOT_STARTED);
    };
    outlive_no_parent();
    if u32::try_from(getppid().as_raw()) != Ok(parent) {
        return ExitCode::from(NOT_STARTED);
    }

    let started = Command::new(&program).args(arguments).process_group(0).spawn();
    let child = match started {
        Ok(child) => child,
        Err(error) => {
            eprintln!("cannot start {}: {error}", program.display());
            return ExitCode::from(NOT_STARTED);
        }
    };
    let child = Pid::from_raw(child.id().cast_signed());
    alarm::set(seconds);

    let mut status = None;
    for signal in signals.forever() {
        match signal {
            SIGCHLD => status = reap(child),
            SIGINT | SIGTERM => {
                let _ = killpg(child, Signal::try_from(signal).ok());
            }
            _ => break,
        }
        if status.is_some() {
            break;
        }
    }
    let status = end_all_descendants(child, status);
    end_as(status)
}

/// Asks for SIGHUP when the check's thread ends, and to become the parent of every
/// descendant whose own parent ends (`PR_SET_CHILD_SUBREAPER`).
fn outlive_no_parent() {
    #[cfg(target_os = "linux")]
    {
        let _ = nix::sys::prctl::set_child_subreaper(true);
        let _ = nix::sys::prctl::set_pdeathsig(Signal::SIGHUP);
    }
}

/// Collects children that have ended; the program's status if it is among them.
fn reap(program: Pid) -> Option<WaitStatus> {
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::WNOHANG)) {
        if status == WaitStatus::StillAlive {
            return None;
        }
        if status.pid() == Some(program) {
            return Some(status);
        }
    }
    None
}

fn end_all_descendants(program: Pid, mut status: Option<WaitStatus>) -> Option<WaitStatus> {
    if !cfg!(target_os = "linux") {
        // Where only groups are known, keepers among them end what is in groups of its own.
        let _ = killpg(program, Signal::SIGHUP);
        let give_up = Instant::now() + PATIENCE_WITH_THE_TOLD;
        while killpg(program, None).is_ok() && Instant::now() < give_up {
            status = reap(program).or(status);
            std::thread::yield_now();
        }
    }
    let _ = killpg(program, Signal::SIGKILL);
    let give_up = Instant::now() + PATIENCE_WITH_THE_KILLED;
    while Instant::now() < give_up {
        // The children of those who end here become ours, and come next. Elsewhere than on
        // Linux only the process group is known, and it has been killed.
        for child in children(Pid::this()) {
            let _ = kill(child, Signal::SIGKILL);
        }
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Err(Errno::ECHILD) => break,
            Ok(WaitStatus::StillAlive) | Err(_) => std::thread::yield_now(),
            Ok(ended) if ended.pid() == Some(program) => status = Some(ended),
            Ok(_) => {}
        }
    }
    status
}

/// Ends as the program did, by the same status or the same signal.
fn end_as(status: Option<WaitStatus>) -> ExitCode {
    match status {
        Some(WaitStatus::Exited(_, code)) => ExitCode::from(code.to_le_bytes()[0]),
        Some(WaitStatus::Signaled(_, signal, _)) => {
            let _ = emulate_default_handler(signal as i32);
            // Only a signal that ends nobody comes back from there.
            ExitCode::from(128_u8.saturating_add((signal as i32).to_le_bytes()[0]))
        }
        _ => ExitCode::FAILURE,
    }
}
