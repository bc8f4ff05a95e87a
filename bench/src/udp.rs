//! A load for UDP echo servers: a window of datagrams, each answer sending the next.
//!
//! Many datagrams with one call (sendmmsg(2), recvmmsg(2)) were tried: they save nothing
//! that can be measured, as the kernel's way from socket to socket is what costs.

use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::stop;

/// The question and its answer.
const ASK: &[u8] = b"input lowercase sentence 12345";
const ANSWER: &[u8] = b"INPUT LOWERCASE SENTENCE 12345";

/// On loopback nothing is lost unless a buffer is full; a window fits into every buffer.
const LOST: Duration = Duration::from_secs(5);

/// How many answers come within `time` while `in_flight` datagrams are under way.
pub(crate) fn load(port: u16, in_flight: usize, time: Duration) -> Result<(u64, Duration)> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    // So that only the server's datagrams are received, and no address is looked at twice.
    socket.connect((Ipv4Addr::LOCALHOST, port))?;
    socket.set_read_timeout(Some(LOST))?;

    let start = Instant::now();
    for _ in 0..in_flight {
        socket.send(ASK)?;
    }
    let mut buffer = [0; 2 * ANSWER.len()];
    let mut answers = 0;
    while start.elapsed() < time {
        stop::unless_asked()?;
        let length = socket.recv(&mut buffer).context("a datagram without an answer")?;
        ensure!(&buffer[..length] == ANSWER, "a wrong answer");
        answers += 1;
        socket.send(ASK)?;
    }
    Ok((answers, start.elapsed()))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Runs the load against a server that answers so, and stops when asked for nothing.
    fn load_on(answer: impl Fn(&mut [u8]) + Send) -> Result<(u64, Duration)> {
        let server = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        server.set_read_timeout(Some(Duration::from_millis(500)))?;
        let port = server.local_addr()?.port();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut buffer = [0; 100];
                while let Ok((length, client)) = server.recv_from(&mut buffer) {
                    answer(&mut buffer[..length]);
                    let _ = server.send_to(&buffer[..length], client);
                }
            });
            load(port, 4, Duration::from_millis(50))
        })
    }

    #[test]
    fn answers_are_counted() {
        let (answers, took) = load_on(|bytes| bytes.make_ascii_uppercase()).expect("answers");
        assert!(answers > 0);
        assert!(took >= Duration::from_millis(50));
    }

    #[test]
    fn a_wrong_answer_is_an_error() {
        let error = load_on(|_| {}).expect_err("taken for an answer").to_string();
        assert!(error.contains("wrong answer"), "{error}");
    }
}
