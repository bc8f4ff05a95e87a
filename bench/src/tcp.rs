//! Loads for TCP echo servers, from one thread that waits with epoll(7) for whichever
//! connection has something to say.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use crate::stop;

/// The question and its answer.
const ASK: &[u8] = b"input lowercase sentence 12345\n";
const ANSWER: &[u8] = b"INPUT LOWERCASE SENTENCE 12345\n";

/// So long may nothing happen on any connection, in milliseconds.
const SILENCE: u16 = 5_000;

/// When a connection's question has its answer.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    /// A connection for each message, ended by both sides.
    Messages,
    /// A line back on a connection that lasts.
    Lines,
}

/// How many answers `clients` connections at a time get within `time`.
pub(crate) fn load(
    port: u16,
    style: Style,
    clients: usize,
    time: Duration,
) -> Result<(u64, Duration)> {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    let start = Instant::now();
    let mut open = Vec::with_capacity(clients);
    for number in 0..clients {
        open.push(Client::start(port, style, number, &epoll)?);
    }
    let mut events = vec![EpollEvent::empty(); clients];
    let mut answers = 0;
    while start.elapsed() < time {
        stop::unless_asked()?;
        let count = epoll.wait(&mut events, SILENCE)?;
        ensure!(count > 0, "no connection got anything for {SILENCE} ms");
        for event in &events[..count] {
            let number = usize::try_from(event.data())?;
            if open[number].go_on(style)? {
                answers += 1;
                if style == Style::Messages {
                    // The old one is closed, and leaves the epoll with that.
                    open[number] = Client::start(port, style, number, &epoll)?;
                }
            }
        }
    }
    Ok((answers, start.elapsed()))
}

struct Client {
    stream: TcpStream,
    answer: [u8; ANSWER.len()],
    filled: usize,
}

impl Client {
    /// Connects, which on loopback is done at once, and asks.
    fn start(port: u16, style: Style, number: usize, epoll: &Epoll) -> Result<Self> {
        let stream =
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).context("cannot connect")?;
        epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
        let mut client = Self { stream, answer: [0; ANSWER.len()], filled: 0 };
        client.ask(style)?;
        Ok(client)
    }

    fn ask(&mut self, style: Style) -> Result<()> {
        self.filled = 0;
        self.stream.write_all(ASK)?;
        if style == Style::Messages {
            self.stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    /// Reads what has come; whether this made an answer whole.
    fn go_on(&mut self, style: Style) -> Result<bool> {
        let count = match self.filled < ANSWER.len() {
            true => self.stream.read(&mut self.answer[self.filled..])?,
            false => self.stream.read(&mut [0])?,
        };
        self.filled += count;
        if count == 0 {
            ensure!(style == Style::Messages, "the server closed a connection");
            ensure!(self.answer == *ANSWER, "a wrong answer of {} bytes", self.filled);
            return Ok(true);
        }
        if style == Style::Messages || self.filled < ANSWER.len() {
            ensure!(self.filled <= ANSWER.len(), "too long an answer");
            return Ok(false);
        }
        ensure!(self.answer == *ANSWER, "a wrong answer");
        self.ask(style)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Serves `connections` connections, each on its own thread, then no more.
    fn load_on(
        style: Style,
        answer: impl Fn(&mut [u8]) + Send + Copy,
    ) -> Result<(u64, Duration)> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        thread::scope(|scope| {
            let waker = listener.try_clone()?;
            scope.spawn(move || {
                thread::scope(|scope| {
                    for mut stream in listener.incoming().map_while(Result::ok) {
                        scope.spawn(move || {
                            let mut buffer = [0; 100];
                            while let Ok(length @ 1..) = stream.read(&mut buffer) {
                                answer(&mut buffer[..length]);
                                let _ = stream.write_all(&buffer[..length]);
                            }
                        });
                    }
                });
            });
            let result = load(port, style, 3, Duration::from_millis(50));
            // accept(2) fails from now on, after one connection that wakes it up.
            waker.set_nonblocking(true)?;
            let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
            result
        })
    }

    #[test]
    fn answers_are_counted() {
        for style in [Style::Messages, Style::Lines] {
            let (answers, took) =
                load_on(style, |bytes| bytes.make_ascii_uppercase()).expect("answers");
            assert!(answers > 0);
            assert!(took >= Duration::from_millis(50));
        }
    }

    #[test]
    fn a_wrong_answer_is_an_error() {
        for style in [Style::Messages, Style::Lines] {
            let error = load_on(style, |_| {}).expect_err("taken for an answer").to_string();
            assert!(error.contains("wrong answer"), "{error}");
        }
    }
}
