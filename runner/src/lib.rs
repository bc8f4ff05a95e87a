//! `cargo lab`, a student's companion at the terminal. In reading order:
//!
//! - [`cli`]: the verbs;
//! - [`course`]: the labs with their steps and checks, as `labs/*/lab.toml` has them;
//! - [`marks`], [`places`]: what students fill in, and how they were given it;
//! - `build`: the programs and the checks, of which any may not compile; `fresh`: what was
//!   there when they were built;
//! - [`jobs`]: the checks that are to be run;
//! - [`process`]: one in a process of its own, with an end;
//! - [`check`]: many of them side by side; [`story`]: what a failed one tells;
//! - `report`: what came of them; `progress`: what is remembered of it;
//! - `status`, `watch`, `hint`, `explain`, `doctor`, `reset`: a verb each;
//! - [`handout`], [`project`], `mounts`, [`fault`], [`screen`], `line`: what the others need.

mod build;
pub mod check;
pub mod cli;
pub mod course;
mod doctor;
mod explain;
pub mod fault;
mod fresh;
pub mod handout;
mod hint;
pub mod jobs;
mod line;
pub mod marks;
mod mounts;
pub mod places;
pub mod process;
mod progress;
pub mod project;
mod report;
mod reset;
pub mod screen;
mod status;
pub mod story;
mod watch;
