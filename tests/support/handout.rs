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
    /// 1.1: what a socket is, and a port.
    PORT = "labs/1-udp-uppercase/README.md#11-a-socket-and-a-port";
    /// 1.2: what a datagram is, and one socket for all clients.
    DATAGRAM = "labs/1-udp-uppercase/README.md#12-a-datagram-is-all-or-nothing";
    /// 1.3: sending, without a connection.
    SENDING = "labs/1-udp-uppercase/README.md#13-sending-into-the-unknown";
    /// 1.4: waiting for a reply that may never come.
    WAITING = "labs/1-udp-uppercase/README.md#14-waiting-for-a-reply";
    /// 1.5: sending again.
    RETRIES = "labs/1-udp-uppercase/README.md#15-trying-again";
    /// 1.6: what connect means over UDP.
    UDP_CONNECT = "labs/1-udp-uppercase/README.md#16-a-connected-udp-socket";
    /// 2.1: one socket that listens, and one for each connection.
    LISTENING = "labs/2-tcp-uppercase/README.md#21-listening-and-accepting";
    /// 2.2: a stream of bytes has no messages in it.
    STREAM = "labs/2-tcp-uppercase/README.md#22-a-stream-has-no-messages";
    /// 2.3: nobody listens.
    REFUSED = "labs/2-tcp-uppercase/README.md#23-connecting";
    /// 2.4: each direction ends by itself.
    ENDS = "labs/2-tcp-uppercase/README.md#24-how-a-connection-ends";
    /// 2.5: how long a reply is.
    REPLY = "labs/2-tcp-uppercase/README.md#25-the-whole-reply";
    /// 2.6: full buffers in both directions.
    BUFFERS = "labs/2-tcp-uppercase/README.md#26-buffers-fill-up";
    /// 3.1: the answer's head and its length.
    ANSWER = "labs/3-web-server/README.md#31-the-answer";
    /// 3.2: what is not there, and what is not done.
    NOT_THERE = "labs/3-web-server/README.md#32-what-is-not-there";
    /// 3.3: where a request ends.
    HEAD = "labs/3-web-server/README.md#33-where-a-request-ends";
    /// 3.4: a head that comes too slowly, or not at all.
    IN_TIME = "labs/3-web-server/README.md#34-in-time-or-not";
    /// 3.5: what a request line says.
    REQUEST_LINE = "labs/3-web-server/README.md#35-what-a-request-says";
    /// 3.6: which file a target names.
    BELOW_ROOT = "labs/3-web-server/README.md#36-a-file-and-nothing-outside-the-root";
    /// Lab 3: one request after another.
    ONE_AT_A_TIME = "labs/3-web-server/README.md#one-at-a-time";
    /// 4.1: what a client sends.
    ASKING = "labs/4-http-client/README.md#41-asking";
    /// 4.2: the head of a response.
    RESPONSE = "labs/4-http-client/README.md#42-the-head-of-the-response";
    /// 4.3: from a URL to a server and a request target.
    URL = "labs/4-http-client/README.md#43-what-a-request-line-can-hold";
    /// 4.4: the ways in which a body ends.
    BODY = "labs/4-http-client/README.md#44-where-the-body-ends";
    /// 4.5: a body in chunks.
    CHUNKS = "labs/4-http-client/README.md#45-chunks";
    /// 4.6: requests typed by hand, on a connection that goes on.
    SESSION = "labs/4-http-client/README.md#46-does-the-connection-go-on";
    /// Lab 4: a body that does not come whole.
    CUT_SHORT = "labs/4-http-client/README.md#a-body-cut-short";
    /// Lab 4: pipes, terminals and files.
    OUTPUT = "labs/4-http-client/README.md#where-the-body-goes";
    /// 5.1: a thread for each connection.
    THREADS = "labs/5-threaded-web-server/README.md#51-a-thread-for-each-connection";
    /// 5.2: what the server serves.
    SERVED = "labs/5-threaded-web-server/README.md#52-what-is-served";
    /// 5.3: limits, and what lies beyond them.
    LIMITS = "labs/5-threaded-web-server/README.md#53-limits";
    /// 5.4: a port that is taken.
    NEXT_PORT = "labs/5-threaded-web-server/README.md#54-the-next-port";
    /// Lab 5: many threads print.
    CONSOLE = "labs/5-threaded-web-server/README.md#one-console-for-all";
    /// 6.1: a connection that goes on.
    KEEP_ALIVE = "labs/6-persistent-connections/README.md#61-keeping-the-connection";
    /// 6.2: where one request ends and the next begins.
    REQUESTS = "labs/6-persistent-connections/README.md#62-one-request-after-another";
    /// 6.3: what must not be taken for a request.
    BODIES = "labs/6-persistent-connections/README.md#63-what-belongs-to-a-request";
    /// 6.4: not sending what the client has.
    CONDITIONAL = "labs/6-persistent-connections/README.md#64-not-sending-what-the-client-has";
    /// 6.5: the access log.
    LOG = "labs/6-persistent-connections/README.md#65-the-log";
}
