//! The record of a check: who said what to whom, and which programs it started.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bytes;
use crate::program::Process;

thread_local! {
    static RECORD: RefCell<Arc<Mutex<Record>>> = RefCell::default();
}

/// What has happened in the check that runs on this thread.
#[derive(Default)]
pub struct Record {
    events: Vec<Event>,
    clients: Vec<String>,
    server: Option<SocketAddr>,
    /// Whether random choices were made, so that the seed matters.
    pub seed_used: bool,
    /// The programs started, in order.
    pub(crate) programs: Vec<Arc<Process>>,
}

struct Event {
    client: usize,
    what: What,
}

/// Something that passed between a client and the server.
#[derive(Clone)]
pub enum What {
    /// The client's bytes, or one of its datagrams.
    Sent(Passed),
    /// The server's bytes, or one of its datagrams.
    Came(Passed),
    /// Something else that the client did, as `FIN` or `connect`.
    ClientDid(String),
    /// Something else that the server did.
    ServerDid(String),
    /// Nothing happened for so long.
    Silence(Duration),
}

/// Bytes that passed. Of many only those are kept that a ladder shows: there may be hundreds
/// of mebibytes.
#[derive(Clone)]
pub struct Passed {
    /// All of them, or the first and the last [`ENDS`].
    shown: Vec<u8>,
    length: usize,
}

/// More of either end of a run of bytes than a line of a ladder has room for.
const ENDS: usize = 64;

impl Passed {
    fn join(&mut self, more: &Self) {
        self.shown.extend_from_slice(&more.shown);
        self.shown = both_ends(&self.shown);
        self.length += more.length;
    }
}

impl From<&[u8]> for Passed {
    fn from(bytes: &[u8]) -> Self {
        Self { shown: both_ends(bytes), length: bytes.len() }
    }
}

fn both_ends(bytes: &[u8]) -> Vec<u8> {
    match bytes.len().checked_sub(ENDS) {
        Some(last) if last > ENDS => [&bytes[..ENDS], &bytes[last..]].concat(),
        _ => bytes.to_vec(),
    }
}

/// A client's column in the ladder, from either side of it.
#[derive(Clone)]
pub struct Lane {
    record: Arc<Mutex<Record>>,
    client: usize,
}

impl Lane {
    /// A further client of the server at `server`.
    pub fn new(client: &str, server: SocketAddr) -> Self {
        let record = RECORD.with_borrow(Arc::clone);
        let mut this = lock(&record);
        this.server = Some(server);
        this.clients.push(client.to_owned());
        let client = this.clients.len() - 1;
        drop(this);
        Self { record, client }
    }

    /// Adds to the conversation. Bytes that follow others in the same direction join them.
    pub fn note(&self, what: What) {
        let mut record = lock(&self.record);
        if let Some(Event { client, what: last }) = record.events.last_mut()
            && *client == self.client
        {
            match (last, &what) {
                (What::Sent(before), What::Sent(more))
                | (What::Came(before), What::Came(more))
                    if before.length + more.length > 2 * ENDS =>
                {
                    return before.join(more);
                }
                (What::Silence(before), What::Silence(more)) => {
                    *before += *more;
                    return;
                }
                _ => {}
            }
        }
        record.events.push(Event { client: self.client, what });
    }
}

/// Works on the record of this thread's check.
pub fn with<T>(work: impl FnOnce(&mut Record) -> T) -> T {
    RECORD.with_borrow(|record| work(&mut lock(record)))
}

fn lock(record: &Mutex<Record>) -> MutexGuard<'_, Record> {
    record.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Characters between the two lines of a ladder.
const WIDTH: usize = 46;

impl Record {
    /// The conversation as a ladder of at most `most` lines; empty if there was none.
    pub fn ladder(&self, most: usize) -> Vec<String> {
        let Some(server) = self.server else { return Vec::new() };
        let several = self.clients.len() > 1;
        let name = |client: usize| {
            if several { format!("{} ", letter(client)) } else { String::new() }
        };
        let clients = match &self.clients[..] {
            [only] => format!("client {only}"),
            [a, b] => format!("clients A {a}, B {b}"),
            [a, .., z] => format!("clients A {a} … {} {z}", letter(self.clients.len() - 1)),
            [] => String::new(),
        };
        let server = format!("server :{}", server.port());
        let indent = if several { 4 } else { 2 };
        let mut lines = vec![format!(
            "{clients:<width$}{server}",
            width = (WIDTH + indent - server.len() / 2).max(clients.len() + 2)
        )];
        let room = most.saturating_sub(1).max(3);
        let cut = self.events.len().saturating_sub(room);
        for (index, event) in self.events.iter().enumerate() {
            // The beginning and the end tell most.
            if cut > 0 && index == room / 2 {
                let text = format!("… {} more …", cut + 1);
                lines.push(format!("{:indent$}|{text:^WIDTH$}|", ""));
            }
            if cut > 0 && (room / 2..=room / 2 + cut).contains(&index) {
                continue;
            }
            lines.push(format!("{:>indent$}{}", name(event.client), rung(&event.what)));
        }
        lines
    }
}

fn letter(client: usize) -> char {
    u8::try_from(client).map_or('*', |number| char::from(b'A' + number % 26))
}

fn rung(what: &What) -> String {
    // Room for the text between `---- ` and ` --->`.
    let room = WIDTH - 12;
    let data = |bytes: &Passed| {
        let length = format!(" ({})", bytes::count(bytes.length));
        bytes::show(&bytes.shown, room - length.chars().count() - 5) + &length
    };
    let right = |text: &str| format!("| ---- {text} {:->fill$}> |", "", fill = fill(text));
    let left = |text: &str| format!("| <{:-<fill$} {text} ---- |", "", fill = fill(text));
    match what {
        What::Sent(bytes) => right(&data(bytes)),
        What::Came(bytes) => left(&data(bytes)),
        What::ClientDid(text) => right(text),
        What::ServerDid(text) => left(text),
        What::Silence(time) => {
            let text = format!("… nothing for {:.1} s …", time.as_secs_f64());
            format!("|{text:^WIDTH$}|")
        }
    }
}

fn fill(text: &str) -> usize {
    (WIDTH - 9).saturating_sub(text.chars().count()).max(1)
}
