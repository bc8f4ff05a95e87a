//! The words, one after another: to add one, write it down here. The tests of
//! [`explain`](super) see to it that it fits, and that its places exist.
//!
//! Line breaks in a text are of no matter, but for `ladder`, `see` and `look`; in `see` a line
//! that is indented goes on with the one before. In a ladder each line is
//! `CALL | ARROW | CALL`, with the client's side on the left:
//!
//! ```text
//! write   | > "hello" (5 bytes)   | read
//!         | < RST                 |
//!         | >x SYN                |          it does not arrive
//!         | : nothing for 5 s     |          … nothing for 5 s …
//! ```

use super::{Topic, Word};

/// In the order in which they are listed.
pub(super) const WORDS: &[Word] = &[
    Word {
        name: "handshake",
        also: &["syn", "syn ack", "connect", "three way handshake", "established", "estab"],
        topic: Topic::Beginning,
        short: "SYN, SYN with ACK, ACK: a connection stands",
        text: "The client's kernel asks with SYN, the server's answers with SYN and ACK, and
            the client's confirms with ACK. Then connect(2) returns, and the connection
            stands. The kernels have done that alone: the server's program need not be in
            accept(2), it only must have called listen(2). accept(2) hands over a connection
            that stands already, and sends nothing.",
        ladder: "
            connect | > SYN                 | (listens)
                    | < SYN, ACK            |
            returns | > ACK                 |
                    | : the connection waits in the backlog |
                    |                       | accept
        ",
        see: "
            Nothing: it goes well. If not, see refused, timeout and backlog.
        ",
        mostly: "A server that must not be reached yet should not listen yet: what connects
            before it accepts is not lost, it waits.",
        look: "
            ss -tan 'sport = :12000'      # LISTEN, ESTAB for each one
            sudo tcpdump -i lo -n tcp port 12000
        ",
        more: &[
            "labs/2-tcp-uppercase/README.md#21-listening-and-accepting",
            "GUIDE.md#which-connections-there-are",
        ],
        rfc: "RFC 9293 §3.5",
    },
    Word {
        name: "refused",
        also: &[
            "connection refused",
            "econnrefused",
            "nothing is listening",
            "failed to connect",
            "couldn't connect to server",
            "could not connect to server",
            "os error 111",
            "closed port",
        ],
        topic: Topic::Beginning,
        short: "connecting was answered with RST: nobody listens there",
        text: "The SYN arrived, and no socket listens on that address and port. So the
            kernel there answered with RST, at once; no program has seen the SYN. It is a
            good sign as well: the machine is there, and the way to it is open. Over UDP
            there is no SYN; see unreachable.",
        ladder: "
            connect | > SYN                 | (nobody)
            fails   | < RST, ACK            |
        ",
        see: "
            Rust: ErrorKind::ConnectionRefused, \"Connection refused\"
            curl: (7) Failed to connect to …
            nc says nothing and ends with status 1; nc -v tells.
        ",
        mostly: "The server has not been started, or has ended, perhaps by a panic. It
            listens on another port, or on another address: localhost is 127.0.0.1 and ::1,
            and most servers listen on one of them. Compare with its ready line.",
        look: "
            ss -tln 'sport = :12000'      # who listens there
            nc -v 127.0.0.1 12000
            lsof -nP -iTCP:12000 -sTCP:LISTEN      # the same on macOS
        ",
        more: &["GUIDE.md#connection-refused", "labs/2-tcp-uppercase/README.md#23-connecting"],
        rfc: "RFC 9293 §3.5.2",
    },
    Word {
        name: "in-use",
        also: &[
            "address in use",
            "address already in use",
            "addrinuse",
            "eaddrinuse",
            "port in use",
            "port is taken",
            "taken",
            "cannot listen",
            "os error 98",
        ],
        topic: Topic::Beginning,
        short: "another socket holds the port; nothing went over the wire",
        text: "bind(2) or listen(2) has failed in your own kernel, before anything was sent.
            Another socket has this port on this address, or on all addresses (0.0.0.0).
            UDP and TCP count their ports apart. What old connections have left in TIME-WAIT
            is no obstacle to a TcpListener, as Rust sets SO_REUSEADDR on Unix.",
        ladder: "
                    |                       | bind :12000
            connect | > SYN                 |  the first server
                    | < SYN, ACK            |  answers
                    |                       | bind :12000
                    |                       |  a second: fails
        ",
        see: "
            Rust: ErrorKind::AddrInUse, \"Address already in use\"
            nc -l may say nothing and share the port (SO_REUSEPORT).
        ",
        mostly: "An older server of yours still runs, in another terminal or in the
            background.",
        look: "
            cargo lab doctor                       # who holds the labs' ports
            ss -tlnp 'sport = :12000'              # for UDP: ss -ulnp
            cargo run --bin tcp_server -- 0        # any free port
        ",
        more: &[
            "GUIDE.md#address-already-in-use",
            "labs/5-threaded-web-server/README.md#54-the-next-port",
        ],
        rfc: "bind(2), not an RFC",
    },
    Word {
        name: "backlog",
        also: &[
            "not accepted",
            "accept",
            "listen",
            "somaxconn",
            "connected but no answer",
            "accept queue",
        ],
        topic: Topic::Beginning,
        short: "connected, and not accepted yet",
        text: "The kernel of a server that listens completes handshakes by itself. The
            connections wait in a queue, the backlog, until the program calls accept(2). A
            client in it has connected, may write, and gets no answer; its bytes lie in the
            server's kernel. When the queue is full, Linux drops the next SYN without a
            word, and the client's kernel sends it again, for the first time after 1 s.",
        ladder: "
            connect | > SYN                 |
                    | < SYN, ACK            |
            returns | > ACK                 | (busy elsewhere)
            write   | > \"hello\" (5 bytes)   |
                    | : nothing: no accept yet |
        ",
        see: "
            The client hangs in read, or its timeout ends. If the backlog is full it hangs
              in connect.
        ",
        mostly: "The server serves one client at a time, and another one keeps it busy,
            perhaps a browser's spare connection that sends nothing. Or it hangs.",
        look: "
            ss -tln 'sport = :6789'       # LISTEN: Recv-Q, those that wait
            ss -tan 'sport = :6789'       # ESTAB: Recv-Q, bytes not read
        ",
        more: &[
            "labs/3-web-server/README.md#one-at-a-time",
            "labs/5-threaded-web-server/README.md#51-a-thread-for-each-connection",
        ],
        rfc: "listen(2); RFC 9293 §3.9.1.1",
    },
    Word {
        name: "timeout",
        also: &[
            "timed out",
            "no answer came within",
            "etimedout",
            "connection timed out",
            "operation timed out",
            "no progress",
            "no answer within",
            "nothing came within",
            "hangs",
            "os error 110",
            "408",
        ],
        topic: Topic::Beginning,
        short: "nothing came in the time that one side would wait",
        text: "A timeout is a decision of the side that waits; on the wire nothing happened,
            and the other side hears nothing of it until the connection is closed. If the
            connection stands, the other side is silent: mostly it waits, too, for something
            that you have not sent. If connecting times out, not even RST has come back:
            the SYN was dropped, or the server's backlog is full.",
        ladder: "
            connect | > SYN                 |
                    | < SYN, ACK            |
                    | > ACK                 | accept
            write   | > \"hello\" (5 bytes)   | read
            read    | : nothing for 5 s     | read
            close   | > FIN                 |
        ",
        see: "
            Rust: ErrorKind::WouldBlock from a read with set_read_timeout on Unix,
              TimedOut from connect_timeout
            curl -m 5: (28) Operation timed out
        ",
        mostly: "One side waits for a newline, for the rest of a message, or for the end.",
        look: "
            printf 'hello\\n' | nc -q 1 127.0.0.1 12000      # newline and end
            printf hello | nc 127.0.0.1 12000               # neither
        ",
        more: &["GUIDE.md#timed-out", "labs/3-web-server/README.md#34-in-time-or-not"],
        rfc: "RFC 9293 §3.8.3",
    },
    Word {
        name: "end",
        also: &[
            "eof",
            "end of file",
            "fin",
            "ok 0",
            "read 0",
            "0 bytes",
            "zero bytes",
            "read of 0 bytes",
            "unexpected end of file",
            "unexpectedeof",
            "failed to fill whole buffer",
            "the server closed the connection",
            "empty reply from server",
            "transfer closed",
        ],
        topic: Topic::Ending,
        short: "a read of 0 bytes: the other side has sent FIN",
        text: "FIN stands behind the last byte: no more will come from this side. Your
            read(2) first returns all that came before it, and then 0, again and again. So 0
            is not nothing yet: where nothing has come yet, read blocks. It is no error and
            loses nothing, but whether the message was whole you must know yourself. When a
            program ends, even by a panic, its kernel sends FIN as well, or RST if bytes
            were left unread.",
        ladder: "
            read    | < \"HELLO\" (5 bytes)   | write
                    | < FIN                 | close
            read: 0 |                       |
            close   | > FIN                 |
        ",
        see: "
            Rust: Ok(0); read_exact and the like: ErrorKind::UnexpectedEof
            curl: (52) Empty reply from server, (18) transfer closed
        ",
        mostly: "It is meant so. If not: the other program has ended early; look at its
            terminal. A loop that ignores Ok(0) keeps a core busy.",
        look: "
            printf hello | nc -N 127.0.0.1 12000      # -N: FIN behind the input
        ",
        more: &[
            "GUIDE.md#the-end-a-read-of-0-bytes",
            "labs/2-tcp-uppercase/README.md#24-how-a-connection-ends",
        ],
        rfc: "RFC 9293 §3.6",
    },
    Word {
        name: "half-close",
        also: &[
            "half closed",
            "shutdown",
            "shutdown write",
            "fin wait 2",
            "fin wait",
            "end of one direction",
        ],
        topic: Topic::Ending,
        short: "one direction has ended, the other is open",
        text: "Each direction ends by itself. shutdown(Shutdown::Write) sends FIN behind the
            last byte, and you can still read: the server reads your bytes, then 0, and can
            answer all the same. close(2) also sends FIN, but gives up reading: what the
            other side sends then is answered with RST. Many protocols end a request by
            this; HTTP does not need it, as its messages tell where they end.",
        ladder: "
            write   | > \"hello\" (5 bytes)   | read
            shutdown| > FIN                 | read: 0
            read    | < \"HELLO\" (5 bytes)   | write
            read: 0 | < FIN                 | close
        ",
        see: "
            ss: FIN-WAIT-2 on the side that sent FIN, CLOSE-WAIT on the other
        ",
        mostly: "If an answer is missing: the server takes the end for a reason to close
            before it has answered, or the client has closed instead of shutting down.",
        look: "
            printf hello | nc -N 127.0.0.1 12000      # sends FIN, and waits
            printf hello | nc 127.0.0.1 12000         # sends no FIN
        ",
        more: &["labs/2-tcp-uppercase/README.md#24-how-a-connection-ends"],
        rfc: "RFC 9293 §3.6",
    },
    Word {
        name: "close-wait",
        also: &[],
        topic: Topic::Ending,
        short: "the other side has ended, and your program has not closed",
        text: "The other side's FIN has arrived and was acknowledged; now the kernel waits
            for your program to close its side, as long as it takes. There is no timeout.
            While you still answer, this state is right. If connections stay in it, the
            program has not read the end, or keeps the socket: each costs a file descriptor,
            until there are no more.",
        ladder: "
            close   | > FIN                 |
                    | < ACK                 | CLOSE-WAIT
                    | : nothing: no close   |
                    | < FIN                 | close
                    | > ACK                 |
        ",
        see: "
            ss: CLOSE-WAIT here; on the other side FIN-WAIT-2, which Linux ends after a
              minute if that program has closed
        ",
        mostly: "The loop does not end at Ok(0); the stream lives on in a list, an Arc, or
            a thread that waits; a try_clone of it is open. A TcpStream closes when it is
            dropped, and all of its clones.",
        look: "
            ss -tanp state close-wait
        ",
        more: &[
            "GUIDE.md#which-connections-there-are",
            "labs/2-tcp-uppercase/README.md#24-how-a-connection-ends",
        ],
        rfc: "RFC 9293 §3.3.2",
    },
    Word {
        name: "time-wait",
        also: &["2msl", "so reuseaddr", "reuseaddr"],
        topic: Topic::Ending,
        short: "the side that closed first remembers the connection",
        text: "The last ACK may be lost, and a segment may still be under way. So the side
            that has sent its FIN first keeps the pair of addresses and ports for a while,
            60 s on Linux. It costs no descriptor and no thread, and is no mistake. A server
            that closes first has these entries, and could not bind its port again without
            SO_REUSEADDR, which Rust's TcpListener sets on Unix.",
        ladder: "
                    | < FIN                 | close
                    | > ACK                 |
            close   | > FIN                 |
                    | < ACK                 | TIME-WAIT
        ",
        see: "
            ss: TIME-WAIT, without a process
        ",
        mostly: "Many short connections. Persistent ones make fewer (lab 6). A client that
            closes first and connects some ten thousand times a minute runs out of ports.",
        look: "
            ss -tan state time-wait 'sport = :8080'
        ",
        more: &[
            "GUIDE.md#which-connections-there-are",
            "labs/6-persistent-connections/README.md#61-keeping-the-connection",
        ],
        rfc: "RFC 9293 §3.6.1",
    },
    Word {
        name: "reset",
        also: &[
            "connection reset",
            "connection reset by peer",
            "econnreset",
            "rst",
            "recv failure",
            "connection aborted",
            "econnaborted",
            "enotconn",
            "transport endpoint is not connected",
            "os error 104",
        ],
        topic: Topic::Ending,
        short: "RST in the middle: the other side has thrown the connection away",
        text: "RST says: there is no such connection (any more). A kernel sends it when its
            program closes a socket while bytes lie unread in it, and when bytes arrive for
            a connection that it has forgotten. Nothing more can be sent, and nothing comes.
            What the other side sent shortly before may be lost, and so may a last answer;
            what has arrived already Linux still hands over, others may not.",
        ladder: "
            write   | > \"helloworld\" (10 bytes) |
                    | < ACK                 | read: 5
                    | < RST, ACK            | close
            read    |                       |  5 unread
            fails   |                       |
        ",
        see: "
            Rust: ErrorKind::ConnectionReset, \"Connection reset by peer\", once;
              after it reads give Ok(0), writes BrokenPipe
            curl: (56) Recv failure: Connection reset by peer
        ",
        mostly: "The other program took one read for the whole message and closed. Or it
            gave up: it was not read from (see full-buffers), or its time was over.",
        look: "
            ss -tan 'sport = :12000'      # Recv-Q: bytes that it has not read
        ",
        more: &[
            "GUIDE.md#connection-reset-by-peer",
            "labs/5-threaded-web-server/README.md#53-limits",
        ],
        rfc: "RFC 9293 §3.5.2, §3.6.1; RFC 9112 §9.6",
    },
    Word {
        name: "broken-pipe",
        also: &["epipe", "sigpipe", "os error 32"],
        topic: Topic::Ending,
        short: "you wrote, and nobody is there any more",
        text: "You wrote to a connection, or into a pipe, whose other end is closed. It
            often comes one write late: the first write succeeds, as it only fills your
            kernel's buffer; its bytes are answered with RST, and the second write fails. So
            the cause is earlier. Rust ignores SIGPIPE, and so you get an error; other
            programs end without a word.",
        ladder: "
                    | < FIN                 | close
            write   | > \"one\" (3 bytes)     | (closed)
                    | < RST                 |
            write   |                       |
            fails   |                       |
        ",
        see: "
            Rust: ErrorKind::BrokenPipe, \"Broken pipe\"
            println! panics: failed printing to stdout: Broken pipe
        ",
        mostly: "The other side had enough, or has ended: why has it closed? A client that
            reads before it writes on sees the end as Ok(0), and in time. Behind
            … | head -1 it is no mistake.",
        look: "
            ss -tanp state close-wait      # the other side has closed
        ",
        more: &[
            "GUIDE.md#broken-pipe",
            "labs/2-tcp-uppercase/README.md#24-how-a-connection-ends",
        ],
        rfc: "RFC 9293 §3.5.2, §3.6.1",
    },
    Word {
        name: "partial-read",
        also: &[
            "short read",
            "partial write",
            "short write",
            "partial",
            "stream",
            "message boundaries",
            "fragment",
            "cut off",
            "pieces",
            "coalesce",
        ],
        topic: Topic::Stream,
        short: "a read returns what is there, not what was written",
        text: "TCP carries a stream of bytes, in order and without gaps. It does not carry
            where one write ended and the next began. A read returns what has arrived, at
            least one byte and at most your buffer: half a line, or three of them. On
            loopback small messages mostly come one by one, and so the mistake hides there.
            Only a rule of the protocol tells where a message ends: a newline, a length, the
            end. Writes may take only a part as well; write_all repeats them.",
        ladder: "
            write   | > \"hello\\n\" (6 bytes)  |
            write   | > \"world\\n\" (6 bytes)  | read: 12
                    | :                     |
            write   | > \"hello world\" (11 bytes) | read: 5
                    |                       | read: 6
        ",
        see: "
            An answer to the first line only; a reply or a file that is cut off; a
              request that gets 400 if it is sent in two pieces
        ",
        mostly: "One read was taken for one message, or buffer was used where
            buffer[..length] is right.",
        look: "
            (printf hel; sleep 1; printf 'lo\\n') | nc -q 1 127.0.0.1 12000
        ",
        more: &[
            "labs/2-tcp-uppercase/README.md#22-a-stream-has-no-messages",
            "labs/3-web-server/README.md#33-where-a-request-ends",
        ],
        rfc: "RFC 9293 §2.2, §3.8",
    },
    Word {
        name: "full-buffers",
        also: &[
            "deadlock",
            "buffers",
            "buffer full",
            "full buffer",
            "zero window",
            "window",
            "both write",
            "flow control",
        ],
        topic: Topic::Stream,
        short: "both sides write, and nobody reads",
        text: "What is written and not yet read lies in two buffers: the writer's send
            buffer and the reader's receive buffer. When the reader's is full, its kernel
            announces a window of 0: send no more. Then the writer's fills up, and write(2)
            blocks. If the other side does not read because it is itself blocked in write,
            both wait for ever. With a few bytes it never happens; on loopback it takes some
            megabytes.",
        ladder: "
            write   | > data                | read
                    | < data                | write
            blocks  | < window 0            |
                    | > window 0            | blocks
                    | : nothing, for ever   |
        ",
        see: "
            16 MiB hang, a sentence does not; then a timeout, and Connection reset
            ss: Recv-Q and Send-Q are large on both sides, and stay so
        ",
        mostly: "A client sends all before it reads anything. Read on another thread while
            you write, or read between the writes.",
        look: "
            ss -tan 'sport = :12000 or dport = :12000'
        ",
        more: &["labs/2-tcp-uppercase/README.md#26-buffers-fill-up"],
        rfc: "RFC 9293 §3.8.6",
    },
    Word {
        name: "blocking",
        also: &[
            "would block",
            "ewouldblock",
            "eagain",
            "resource temporarily unavailable",
            "nonblocking",
            "interrupted",
            "eintr",
            "os error 11",
        ],
        topic: Topic::Stream,
        short: "a call waits until the kernel has something for it",
        text: "accept, read, recv_from and connect wait in the kernel, and so does a write
            into a full buffer: the thread sleeps and costs no CPU. A socket's timeout
            (SO_RCVTIMEO, SO_SNDTIMEO) ends the wait with EAGAIN, which Rust calls
            WouldBlock; on a non-blocking socket the same error comes at once. Either way
            the connection is unharmed, and the call can be repeated. The time counts for
            each call, so a peer that sends a byte now and then never meets it: for a limit
            over all, keep a deadline.",
        ladder: "
            read    | : nothing for 2 s     |
            WouldBlock |                    |
            read    | < \"HELLO\" (5 bytes)   | write
            returns |                       |
        ",
        see: "
            Rust: ErrorKind::WouldBlock, \"Resource temporarily unavailable\"; TimedOut
              on Windows. Interrupted: a signal came; call again
        ",
        mostly: "The timeout that you set yourself has run out; see timeout.",
        look: "
            sudo strace -p PID            # the call that a process waits in
        ",
        more: &[
            "GUIDE.md#my-program-hangs-how-do-i-find-out-where",
            "labs/1-udp-uppercase/README.md#14-waiting-for-a-reply",
        ],
        rfc: "socket(7), not an RFC",
    },
    Word {
        name: "small-writes",
        also: &["nagle", "tcp nodelay", "nodelay", "delayed ack", "40 ms", "slow answers"],
        topic: Topic::Stream,
        short: "40 ms for each answer: Nagle's algorithm and delayed ACK",
        text: "TCP keeps back a small segment while an earlier one is not acknowledged
            (Nagle's algorithm). The receiver waits a little before it acknowledges, in the
            hope of something to send along (delayed ACK), on Linux often 40 ms. If a head
            and a small body are written one after the other, both wait for each other.
            Write them at once, or switch Nagle's algorithm off with set_nodelay(true).",
        ladder: "
            read    | < head (137 bytes)    | write
                    | : 40 ms               | write
                    | > ACK                 |
            read    | < body (310 bytes)    |
        ",
        see: "
            Each further request on a connection takes 40 ms more; the first does not
        ",
        mostly: "Several small writes for one message: format into one buffer, and write
            that.",
        look: "
            curl -s -o /dev/null -w '%{time_total}\\n' http://localhost:8080/
            sudo strace -f -e trace=write,sendto,writev -p PID
        ",
        more: &["labs/6-persistent-connections/README.md#two-small-writes"],
        rfc: "RFC 9293 §3.7.4, §3.8.6.3",
    },
    Word {
        name: "open-files",
        also: &[
            "too many open files",
            "emfile",
            "enfile",
            "file descriptors",
            "descriptors",
            "ulimit",
            "os error 24",
        ],
        topic: Topic::Stream,
        short: "the process has no file descriptor left",
        text: "Each socket takes a file descriptor, the listening one and one for each
            connection, and a process may have only so many; a shell mostly allows 1,024.
            accept(2) then fails with EMFILE, although a connection is there: it stays in
            the backlog, and accept fails again at once. So a server says it, waits a moment
            and tries again, as connections that end give descriptors back.",
        ladder: "
            connect | > SYN                 |
                    | < SYN, ACK            |
            returns | > ACK                 | accept fails
                    | : the connection waits in the backlog |
        ",
        see: "
            Rust: \"Too many open files (os error 24)\"
        ",
        mostly: "Many clients at once, or connections that are never closed; see
            close-wait. A limit on connections below that of descriptors helps.",
        look: "
            ulimit -n; ulimit -Hn         # what a process gets, and may ask for
            ls /proc/PID/fd | wc -l       # how many it has
        ",
        more: &["labs/5-threaded-web-server/README.md#53-limits"],
        rfc: "accept(2), not an RFC",
    },
    Word {
        name: "lost-datagram",
        also: &[
            "no reply within",
            "lost",
            "packet loss",
            "datagram loss",
            "no reply",
            "no reply from",
            "no reply yet",
            "udp timeout",
        ],
        topic: Topic::Udp,
        short: "no reply over UDP: nobody can tell why",
        text: "A datagram may be lost, and so may its reply: a queue was full, a checksum
            did not fit, a firewall dropped it. Nobody is told. No server, a lost datagram
            and a lost reply look the same to a client: nothing comes. send_to succeeds
            whenever its own kernel has taken the datagram. Whoever needs the reply waits
            for a limited time, and sends again; the server may then see the question
            twice.",
        ladder: "
            send_to | >x \"hello\" (5 bytes)  |
                    | : nothing for 2 s     |
            send_to | > \"hello\" (5 bytes)   | recv_from
                    | <x \"HELLO\" (5 bytes)  | send_to
                    | : nothing for 2 s     |
            send_to | > \"hello\" (5 bytes)   | recv_from
                    | < \"HELLO\" (5 bytes)   | send_to
        ",
        see: "
            Rust: ErrorKind::WouldBlock from recv_from with a timeout; no reply from …
        ",
        mostly: "On loopback hardly any datagram is lost, unless a program reads too slowly:
            the server does not run, or has another port, or does not answer.",
        look: "
            ss -uln 'sport = :12000'      # is somebody there?
            nc -u -l 127.0.0.1 12000      # play the server: does it arrive?
        ",
        more: &[
            "labs/1-udp-uppercase/README.md#14-waiting-for-a-reply",
            "labs/1-udp-uppercase/README.md#15-trying-again",
        ],
        rfc: "RFC 768",
    },
    Word {
        name: "unreachable",
        also: &[
            "port unreachable",
            "icmp",
            "no socket is bound",
            "connection refused no socket is bound",
            "connection refused udp",
            "udp connection refused",
            "udp refused",
        ],
        topic: Topic::Udp,
        short: "an ICMP message answers a datagram: no socket has that port",
        text: "A datagram came to a port that no socket has, and the kernel there answered
            with ICMP, port unreachable. Your kernel gives that to a connected socket only,
            as the error of its next call, once. An unconnected socket may have sent to
            many, and recv_from could not say whose port it was; it hears nothing. The next
            call may be a send: it fails, and sends nothing.",
        ladder: "
            connect |                       | (nobody)
            send    | > \"hello\" (5 bytes)   |
                    | < ICMP: port unreachable |
            recv    |                       |
            fails   |                       |
        ",
        see: "
            Rust: ErrorKind::ConnectionRefused, from recv or from the next send
            nc -u tells nothing; nc -u -z -v ends with status 1
        ",
        mostly: "The server does not run, or has another port or address. Not every machine
            answers so: firewalls often keep ICMP back.",
        look: "
            cargo run --bin udp_client -- --connect localhost 12000 hello
            sudo tcpdump -i lo -n 'icmp or udp port 12000'
        ",
        more: &["labs/1-udp-uppercase/README.md#16-a-connected-udp-socket"],
        rfc: "RFC 1122 §4.1.3.1",
    },
    Word {
        name: "truncated",
        also: &[
            "truncated datagram",
            "message too long",
            "emsgsize",
            "datagram too large",
            "too large",
            "65507",
            "os error 90",
        ],
        topic: Topic::Udp,
        short: "a datagram larger than the buffer, or than can be sent",
        text: "recv_from takes exactly one datagram. What does not fit into your buffer is
            thrown away; the next call gets the next datagram, not the rest. On Unix you are
            not told: the length that is returned is that of your buffer. So the buffer must
            hold the largest datagram there can be. The sender has a limit as well: 65,507
            bytes over IPv4, as both headers count in 16 bits; a longer one is refused
            whole.",
        ladder: "
            send_to | > \"hello world\" (11 bytes) |
            send_to | > \"two\" (3 bytes)     | recv_from: 5
                    |                       |  of 11
                    |                       | recv_from: 3
        ",
        see: "
            A reply that is cut off at a round number, as 1,024
            Sending: \"Message too long\" (EMSGSIZE); it is not split, nothing is sent
        ",
        mostly: "The buffer is too small; or the whole buffer is sent back, and not only
            the bytes that were received.",
        look: "
            head -c 9000 /dev/zero | cargo run --bin udp_client | wc -c
        ",
        more: &["labs/1-udp-uppercase/README.md#12-a-datagram-is-all-or-nothing"],
        rfc: "RFC 768; RFC 791 §3.1",
    },
    Word {
        name: "head-end",
        also: &[
            "crlf",
            "crlfcrlf",
            "line end",
            "line ending",
            "empty line",
            "head",
            "end of head",
            "400",
            "bad request",
        ],
        topic: Topic::Http,
        short: "an empty line ends the head: CR LF CR LF",
        text: "A head is lines that end with CR LF, the bytes 13 and 10; an empty line ends
            it. Until that has come the request is not whole, and the server waits, whatever
            pieces it comes in. People type LF alone: a reader may take it for a line end
            (RFC 9112 §2.2), and the kit's programs do. A sender always writes CR LF. What
            stands behind the empty line is not head any more: a body, or the next message.",
        ladder: "
            write   | > \"GET / HTTP/1.1\\r\\n\"  | read
            write   | > \"Host: a\\r\\n\"        | read
                    | : it waits for the rest |
            write   | > \"\\r\\n\"              | read
            read    | < \"HTTP/1.1 200 OK\\r\\n…\" | write
        ",
        see: "
            The server is silent, then 408 or a timeout; 400 if it looks too early
        ",
        mostly: "The empty line is missing: two line ends must stand at the end. Or one read
            was taken for the whole head.",
        look: "
            printf 'GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n' | nc -q 1 localhost 6789
            printf 'GET / HTTP/1.1\\r\\n\\r\\n' | od -c      # see the bytes
        ",
        more: &["labs/3-web-server/README.md#33-where-a-request-ends"],
        rfc: "RFC 9112 §2.1, §2.2",
    },
    Word {
        name: "content-length",
        also: &[
            "length",
            "body length",
            "bytes came",
            "characters",
            "body cut short",
            "bytes remaining to read",
            "transfer closed with bytes remaining to read",
        ],
        topic: Topic::Http,
        short: "so many bytes are the body: bytes, not characters",
        text: "Content-Length says where the body ends, and whether it came whole. It counts
            bytes: ü is one character and two bytes in UTF-8. A length that is too small
            cuts the body, and on a connection that goes on the rest is taken for the next
            message. One that is too large makes the client wait for bytes that never come,
            until the connection ends. In Rust, len() of a str or a Vec<u8> counts bytes,
            chars().count() does not.",
        ladder: "
                    | > GET /greetings.txt  | read
            read    | < Content-Length: 12  | write
            read    | < 10 bytes            | write
                    | : 2 are missing       |
            read: 0 | < FIN                 | close
        ",
        see: "
            The kit's client: … 10 of 12 bytes came
            curl: (18) transfer closed with 2 bytes remaining to read
        ",
        mostly: "Characters were counted, or the line ends of the head as well; or only one
            buffer of the file was sent.",
        look: "
            curl -s http://localhost:6789/greetings.txt | wc -c
            curl -sI http://localhost:6789/greetings.txt
        ",
        more: &[
            "labs/3-web-server/README.md#31-the-answer",
            "labs/4-http-client/README.md#44-where-the-body-ends",
        ],
        rfc: "RFC 9110 §8.6; RFC 9112 §6.3",
    },
    Word {
        name: "chunked",
        also: &["chunk", "chunks", "transfer encoding", "outstanding read data"],
        topic: Topic::Http,
        short: "the body comes in chunks, each behind its length",
        text: "A server that begins to send before it knows how much it will be says
            Transfer-Encoding: chunked. Each chunk has a line with its length in
            hexadecimal, so many bytes, and a line end. A chunk of length 0 is the last, and
            an empty line ends the body. So both the end and a cut are known. Chunks have
            nothing to do with segments or reads: one read may return half a chunk, or three
            of them.",
        ladder: "
            read    | < Transfer-Encoding: chunked | write
                    | < \"6\\r\\nhello \\r\\n\"     | write
                    | < \"5\\r\\nworld\\r\\n\"      | write
            done    | < \"0\\r\\n\\r\\n\"           | write
        ",
        see: "
            Numbers in hexadecimal in the middle of a page: nobody has decoded it
            curl: (18) transfer closed with outstanding read data remaining
        ",
        mostly: "The coding was not recognized, as its name may be in capitals; or the line
            end behind a chunk's bytes was taken for a part of it, or for a length.",
        look: "
            curl --raw -i URL             # the chunks as they come, not decoded
        ",
        more: &["labs/4-http-client/README.md#45-chunks"],
        rfc: "RFC 9112 §7.1",
    },
    Word {
        name: "keep-alive",
        also: &[
            "persistent",
            "persistent connection",
            "connection close",
            "connection keep alive",
            "idle",
        ],
        topic: Topic::Http,
        short: "one connection for several requests",
        text: "In HTTP/1.1 a connection goes on behind an answer unless one side says
            Connection: close; in HTTP/1.0 it ends unless both say keep-alive. So an answer
            must say where it ends, or the client waits for the end of the connection. An
            idle connection is closed after a while, without a word but FIN; a request that
            is sent at that moment is lost, and the client has to send it again. (TCP's
            SO_KEEPALIVE is something else: it asks whether the peer is still there.)",
        ladder: "
            write   | > GET / … keep-alive  | read
            read    | < 200 … Content-Length: 905 | write
            write   | > GET /ladder.png …   | read
            read    | < 200 … Content-Length: 8153 | write
                    | : nothing for 15 s    |
            read: 0 | < FIN                 | close
        ",
        see: "
            curl -v: Re-using existing connection, or: Closing connection
        ",
        mostly: "The browser waits for ever: the answer has no length, or a wrong one.",
        look: "
            curl -v -H 'Connection: keep-alive' localhost:8080 localhost:8080
        ",
        more: &[
            "labs/6-persistent-connections/README.md#61-keeping-the-connection",
            "labs/4-http-client/README.md#46-does-the-connection-go-on",
        ],
        rfc: "RFC 9112 §9.3, §9.5",
    },
    Word {
        name: "pipelining",
        also: &["pipeline", "pipelined", "pipelined requests", "several requests at once"],
        topic: Topic::Http,
        short: "requests sent without waiting for the answers",
        text: "A client may send its next request before the answer to the first has come.
            Then one read may return a request and a half. The server answers in order: it
            takes the bytes of one request out of what has come and keeps the rest, which is
            the beginning of the next. Whoever clears the buffer loses requests; whoever
            reads before looking at what is left waits for bytes that have come already.",
        ladder: "
            write   | > GET /a …, GET /b …  | read: both
            read    | < 200 OK, of /a       | write
            read    | < 200 OK, of /b       | write
        ",
        see: "
            The second answer is missing, or is 400; or the first comes twice
        ",
        mostly: "The buffer was cleared, not drained; a body was taken for a request; or
            the connection was closed with a request unread, which sends RST.",
        look: "
            printf 'HEAD / HTTP/1.1\\nHost: a\\n\\nHEAD / HTTP/1.1\\nHost: a\\n\\n' |
              nc -q 1 localhost 8080      # the server runs with --persistent
        ",
        more: &["labs/6-persistent-connections/README.md#62-one-request-after-another"],
        rfc: "RFC 9112 §9.3.2",
    },
];
