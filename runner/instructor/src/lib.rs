//! The students' kit, made from the same source as the solutions. In reading order:
//!
//! - [`agreement`]: marks, handouts, `lab.toml` and checks say the same;
//! - [`release`]: the kit.

pub mod agreement;
pub mod release;
