//! Where a learner can read on. A test sees to it that each place exists.

macro_rules! places {
    ($($(#[$doc:meta])* $name:ident = $place:literal;)*) => {
        $($(#[$doc])* pub const $name: &str = $place;)*

        /// All of them.
        pub const ALL: &[&str] = &[$($name),*];
    };
}

places! {
    /// How options, messages and exit statuses look in every program.
    EVERY_PROGRAM = "GUIDE.md#what-every-program-promises";
    /// Lab 1: what a datagram is.
    DATAGRAM = "labs/1-udp-uppercase/README.md#12-a-datagram-is-all-or-nothing";
    /// Lab 1: one socket, many clients.
    MANY_CLIENTS = "labs/1-udp-uppercase/README.md#13-one-socket-for-all-clients";
    /// Lab 1: waiting for a reply that may never come.
    WAITING = "labs/1-udp-uppercase/README.md#14-waiting-for-a-reply";
    /// Lab 1: what connect means over UDP.
    UDP_CONNECT = "labs/1-udp-uppercase/README.md#15-a-connected-udp-socket";
    /// Lab 2: a stream of bytes has no messages in it.
    STREAM = "labs/2-tcp-uppercase/README.md#22-a-stream-has-no-messages";
    /// Lab 2: how a connection ends.
    ENDS = "labs/2-tcp-uppercase/README.md#24-how-a-connection-ends";
    /// Lab 2: full buffers in both directions.
    BUFFERS = "labs/2-tcp-uppercase/README.md#25-buffers-fill-up";
    /// Lab 3: where a request ends.
    HEAD = "labs/3-web-server/README.md#31-where-a-request-ends";
    /// Lab 3: what a request line says.
    REQUEST_LINE = "labs/3-web-server/README.md#32-what-a-request-says";
    /// Lab 3: which file a target names.
    BELOW_ROOT = "labs/3-web-server/README.md#33-a-file-and-nothing-outside-the-root";
    /// Lab 3: the answer's head and its length.
    ANSWER = "labs/3-web-server/README.md#34-the-answer";
    /// Lab 3: one request after another.
    ONE_AT_A_TIME = "labs/3-web-server/README.md#35-one-at-a-time";
    /// Lab 4: from a URL to a server and a request target.
    URL = "labs/4-http-client/README.md#41-whom-to-ask-and-for-what";
    /// Lab 4: what a client sends.
    ASKING = "labs/4-http-client/README.md#42-asking";
    /// Lab 4: the head of a response.
    RESPONSE = "labs/4-http-client/README.md#43-the-head-of-the-response";
    /// Lab 4: the three ways in which a body ends.
    BODY = "labs/4-http-client/README.md#44-where-the-body-ends";
    /// Lab 4: a body that does not come whole.
    CUT_SHORT = "labs/4-http-client/README.md#45-a-body-cut-short";
    /// Lab 4: pipes, terminals and files.
    OUTPUT = "labs/4-http-client/README.md#46-where-it-goes";
    /// Lab 4: requests typed by hand.
    SESSION = "labs/4-http-client/README.md#47-a-session";
    /// Lab 5: a thread for each connection.
    THREADS = "labs/5-threaded-web-server/README.md#51-a-thread-for-each-connection";
    /// Lab 5: what the server serves.
    SERVED = "labs/5-threaded-web-server/README.md#52-what-is-served";
    /// Lab 5: limits, and what lies beyond them.
    LIMITS = "labs/5-threaded-web-server/README.md#53-limits";
    /// Lab 5: console, ports.
    CONSOLE = "labs/5-threaded-web-server/README.md#54-one-console-for-all";
    /// Lab 6: a connection that goes on.
    KEEP_ALIVE = "labs/6-persistent-connections/README.md#61-keeping-the-connection";
    /// Lab 6: where one request ends and the next begins.
    REQUESTS = "labs/6-persistent-connections/README.md#62-one-request-after-another";
    /// Lab 6: not sending what the client has.
    CONDITIONAL = "labs/6-persistent-connections/README.md#63-not-sending-what-the-client-has";
    /// Lab 6: the access log.
    LOG = "labs/6-persistent-connections/README.md#64-the-log";
    /// Lab 2: nobody listens.
    REFUSED = "labs/2-tcp-uppercase/README.md#23-connecting";
}
