//! The HTTP that labs 3 to 6 share. In the order in which a server needs it:
//!
//! - [`arrival`]: reading the head of a request;
//! - [`head`]: where a head ends, and what it says;
//! - [`target`], [`host`], [`files`]: which file is meant, and finding it;
//! - [`response`], [`dates`]: the answer;
//! - [`threads`]: what lab 5 adds;
//! - [`persistence`], [`condition`], [`log`]: what lab 6 adds.
//!
//! `memory` and `transfer` are there for speed alone: files that need not be read again, and
//! files that need not be read at all.
//!
//! And what a client needs besides:
//!
//! - [`url`]: whom to ask, and for what;
//! - [`body`], [`chunked`]: where a body ends;
//! - [`receive`]: a response, from a connection.

pub mod arrival;
pub mod body;
pub mod chunked;
pub mod condition;
pub mod dates;
pub mod files;
pub mod head;
pub mod host;
pub mod log;
mod memory;
pub mod persistence;
pub mod receive;
pub mod response;
pub mod target;
pub mod threads;
mod transfer;
pub mod url;
