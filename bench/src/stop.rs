//! Ctrl-C and SIGTERM: nothing that was started stays behind.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use nix::sys::prctl;

use crate::process;

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on all that is started, daemons too, has this process as its ancestor, and ends
/// when a signal comes. The main thread then finds its processes gone and its work refused,
/// and goes home the usual way, tidying up.
pub(crate) fn on_signal() -> Result<()> {
    prctl::set_child_subreaper(true)?;
    ctrlc::set_handler(|| {
        ASKED.store(true, Ordering::Relaxed);
        process::end_all();
    })
    .context("cannot handle Ctrl-C")
}

/// Whether a signal has come.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// An error once a signal has come.
pub(crate) fn unless_asked() -> Result<()> {
    ensure!(!asked(), "interrupted");
    Ok(())
}

/// Ends all that is left when it is dropped, also by a panic.
pub(crate) struct Sweep;

impl Drop for Sweep {
    fn drop(&mut self) {
        process::end_all();
    }
}
