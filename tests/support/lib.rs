//! What the checks of all labs are written with. In reading order:
//!
//! - [`story`]: what a failed check tells, and [`promise()`], which says what ought to be;
//! - [`record`]: the conversation that the story shows;
//! - [`program`]: starting a program, and owning it with all its descendants;
//! - [`executables`]: where programs come from, and how they are built;
//! - [`tcp`], [`udp`]: the peers that talk to it;
//! - [`http`]: requests, and answers taken apart;
//! - [`site`]: the files that a web server under test serves;
//! - [`names`]: names with several addresses;
//! - [`terminal`]: a pseudo-terminal, for what only a person would see;
//! - [`first`]: the check that a program must pass before its others say anything;
//! - [`manners`]: the checks of what every program of the kit promises;
//! - [`asking`]: the checks of what the clients of labs 1 and 2 promise alike;
//! - [`serving`]: the checks of what the web servers of labs 3 and 5 promise alike;
//! - [`crowd`]: many clients at once; [`log`]: what a server has logged;
//! - `state`: what a program that is silent does meanwhile, from /proc;
//! - `run`: what `cargo lab` tells the checks that it runs;
//! - [`bytes`], [`processes`], [`sockets`], [`seed`], [`handout`]: what the others need.
//!
//! Every check runs on a thread of its own and has one record, kept by that thread.

#![cfg(unix)]

pub mod asking;
pub mod bytes;
pub mod crowd;
pub mod executables;
pub mod first;
pub mod handout;
pub mod http;
pub mod log;
pub mod manners;
pub mod names;
pub mod processes;
pub mod program;
pub mod record;
pub mod seed;
pub mod serving;
pub mod site;
pub mod sockets;
pub mod story;
pub mod tcp;
pub mod terminal;
pub mod udp;

mod run;
mod state;
mod tap;

use std::time::Duration;

pub use program::{Running, client, server};
pub use story::{Promise, Seen, promise};

/// How long a check waits for what must come. Long, because a machine may be busy; only a
/// wrong program makes a check wait for all of it.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long a check goes on looking for what must not come, once something that comes
/// later in a right program has been seen or cannot be arranged.
pub const A_MOMENT: Duration = Duration::from_millis(300);
