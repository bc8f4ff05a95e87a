//! The HTTP that labs 3 to 6 share. In the order in which a server needs it:

pub mod files;
pub mod head;
pub mod response;
pub mod target;
