//! What the programs of the kit share and no lab teaches.
//!
//! The socket calls are not here: they stand in the programs, in `src/bin/`. Suggested
//! reading order, should you want to know what is behind a name:

pub mod cli;
pub mod net;
pub mod stop;
pub mod terminal;
