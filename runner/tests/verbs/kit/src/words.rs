//! What the server says; shared by whoever wants it.

/// Before its address.
pub const READY: &str = "The server is ready to receive on";
