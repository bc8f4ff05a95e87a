//! The course and the kit that students get, both made from one source. In reading order:
//!
//! - [`course`]: the labs with their steps and checks, as `labs/*/lab.toml` has them;
//! - [`marks`]: the places in the finished programs that students fill in;
//! - [`agreement`]: marks, handouts, `lab.toml` and checks say the same;
//! - [`release`]: the students' kit;
//! - [`project`], [`fault`]: its files, and what is wrong in one of them.

pub mod agreement;
pub mod course;
pub mod fault;
pub mod marks;
pub mod project;
pub mod release;
