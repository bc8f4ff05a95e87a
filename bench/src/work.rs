//! The work of each row: prepared once for a party, then measured once in each round.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::Bench;
use crate::echo::{self, Echo};
use crate::fetch;
use crate::http::Connection;
use crate::median::median;
use crate::process::Server;
use crate::rows::Measure;
use crate::site::{LARGE, MEDIUM, MIB, SMALL};
use crate::tcp::{self, Style};
use crate::tools::Party;
use crate::web::WebServer;
use crate::wrk::{self, Load};
use crate::{stop, udp};

/// So much is read at a time by whoever takes a large file.
const READ: usize = 256 * 1024;

/// How long it may take to open the idle connections, less than their servers keep them.
const OPEN: Duration = Duration::from_secs(100);

/// What is done to be measured.
pub(crate) enum Work {
    /// Requests for a file by wrk, with or without access logs.
    Requests { load: Load, logs: bool },
    /// The large file on one connection, again and again.
    Transfer,
    /// Connections that have had one answer and wait.
    Idle { connections: usize },
    /// From the start of a server to its first answer.
    Start,
    /// Datagrams.
    Udp { in_flight: usize },
    /// TCP connections, one for each message.
    Messages { clients: usize },
    /// Lines on lasting TCP connections.
    Lines { connections: usize },
    /// A client's whole life, against nginx.
    Fetch(Fetch),
}

/// What a client fetches.
#[derive(Clone, Copy)]
pub(crate) struct Fetch {
    pub(crate) file: &'static str,
    /// Into a file; a large one otherwise goes to /dev/null, a small one to stdout.
    pub(crate) keep: bool,
}

/// Measures once; the numbers stand in the order of [`Work::measures`].
pub(crate) type Contestant<'a> = Box<dyn FnMut() -> Result<Vec<f64>> + 'a>;

impl Work {
    /// What is measured.
    pub(crate) fn measures(&self) -> &'static [Measure] {
        use Measure::{
            BytesEach, CpuMicrosEach, CpuMicrosPerMib, CpuMillis, MibPerSecond, P50Micros,
            P99Micros, PeakKilobytes, PerSecond, StartMillis, WallMillis,
        };
        match self {
            Self::Requests { load, .. } if load.file == MEDIUM => {
                &[MibPerSecond, CpuMicrosPerMib]
            }
            Self::Requests { .. } => &[PerSecond, P50Micros, P99Micros, CpuMicrosEach],
            Self::Transfer => &[MibPerSecond, CpuMicrosPerMib],
            Self::Idle { .. } => &[BytesEach],
            Self::Start => &[StartMillis],
            Self::Udp { .. } | Self::Messages { .. } | Self::Lines { .. } => {
                &[PerSecond, CpuMicrosEach]
            }
            Self::Fetch(_) => &[WallMillis, CpuMillis, PeakKilobytes],
        }
    }

    /// Starts what a party needs for this, and warms it up.
    pub(crate) fn prepare<'a>(&self, party: Party, bench: &'a Bench) -> Result<Contestant<'a>> {
        match *self {
            Self::Requests { load, logs } => requests(party, bench, load, logs),
            Self::Transfer => transfer(party, bench),
            Self::Idle { connections } => Ok(idle(party, bench, connections)),
            Self::Start => Ok(start(party, bench)),
            Self::Udp { in_flight } => {
                let (server, port) = echo::start(Echo::Udp, party, bench)?;
                echoes(bench, server, move |time| udp::load(port, in_flight, time))
            }
            Self::Messages { clients } => {
                let (server, port) = echo::start(Echo::TcpMessages, party, bench)?;
                echoes(bench, server, move |time| {
                    tcp::load(port, Style::Messages, clients, time)
                })
            }
            Self::Lines { connections } => {
                let echo = if connections == 1 { Echo::TcpMessages } else { Echo::TcpThreads };
                let (server, port) = echo::start(echo, party, bench)?;
                echoes(bench, server, move |time| {
                    tcp::load(port, Style::Lines, connections, time)
                })
            }
            Self::Fetch(what) => fetches(party, bench, what),
        }
    }
}

fn requests(party: Party, bench: &Bench, load: Load, logs: bool) -> Result<Contestant<'_>> {
    let wrk = bench.tools.installed("wrk")?;
    let mut web = WebServer::start(party, bench, logs)?;
    if let Some(seconds) = bench.pace.warm_up {
        wrk::run(wrk, web.port, load, seconds)?;
    }
    Ok(Box::new(move || {
        web.empty_log()?;
        let before = web.server.cpu();
        let report = wrk::run(wrk, web.port, load, bench.pace.seconds)?;
        let cpu = web.server.cpu().saturating_sub(before);
        web.server.must_live()?;
        ensure!(web.log_length()? != Some(0), "it was to log, and did not");
        let cpu = micros(cpu) / report.requests as f64;
        Ok(if load.file == MEDIUM {
            // A request is a MiB.
            vec![report.per_second, cpu]
        } else {
            vec![report.per_second, micros(report.p50), micros(report.p99), cpu]
        })
    }))
}

fn transfer(party: Party, bench: &Bench) -> Result<Contestant<'_>> {
    let mut web = WebServer::start(party, bench, false)?;
    Ok(Box::new(move || {
        let mut connection = Connection::open(web.port, READ)?;
        let before = web.server.cpu();
        let start = Instant::now();
        let mut bytes = 0;
        while start.elapsed() < bench.pace.time() {
            stop::unless_asked()?;
            bytes += connection.get(LARGE)?;
        }
        let wall = start.elapsed();
        let cpu = web.server.cpu().saturating_sub(before);
        web.server.must_live()?;
        let mib = bytes as f64 / MIB as f64;
        Ok(vec![mib / wall.as_secs_f64(), micros(cpu) / mib])
    }))
}

/// A server for each round: memory that has been used once is not given back.
fn idle(party: Party, bench: &Bench, connections: usize) -> Contestant<'_> {
    Box::new(move || {
        let needed = connections as u64 + 100;
        ensure!(
            bench.descriptors >= needed,
            "needs {needed} descriptors, may have {} (ulimit -Hn)",
            bench.descriptors
        );
        let mut web = WebServer::start(party, bench, false)?;
        let before = web.server.memory()?;
        let mut open = Vec::with_capacity(connections);
        let until = Instant::now() + OPEN;
        for number in 0..connections {
            stop::unless_asked()?;
            ensure!(Instant::now() < until, "only {number} connections after {OPEN:?}");
            let mut connection = Connection::open(web.port, 0)?;
            connection.get(SMALL)?;
            open.push(connection.into_idle());
        }
        web.server.must_live()?;
        let growth = web.server.memory()?.saturating_sub(before);
        Ok(vec![growth as f64 / connections as f64])
    })
}

fn start(party: Party, bench: &Bench) -> Contestant<'_> {
    Box::new(move || {
        let starts: Result<Vec<f64>> = (0..bench.pace.starts)
            .map(|_| Ok(millis(WebServer::start(party, bench, false)?.start)))
            .collect();
        Ok(vec![median(&starts?)])
    })
}

fn echoes<'a>(
    bench: &'a Bench,
    mut server: Server,
    load: impl Fn(Duration) -> Result<(u64, Duration)> + 'a,
) -> Result<Contestant<'a>> {
    if let Some(seconds) = bench.pace.warm_up {
        load(Duration::from_secs(seconds))?;
    }
    Ok(Box::new(move || {
        let before = server.cpu();
        let (answers, wall) = load(bench.pace.time())?;
        let cpu = server.cpu().saturating_sub(before);
        server.must_live()?;
        ensure!(answers > 0, "not one answer");
        let answers = answers as f64;
        Ok(vec![answers / wall.as_secs_f64(), micros(cpu) / answers])
    }))
}

fn fetches(party: Party, bench: &Bench, what: Fetch) -> Result<Contestant<'_>> {
    let mut web = WebServer::start(Party::Nginx, bench, false)?;
    let url = format!("http://127.0.0.1:{}/{}", web.port, what.file);
    let fetched = bench.site.fetched();
    let (output, count) = match what {
        Fetch { keep: true, .. } => (Some(fetched), bench.pace.large_fetches),
        Fetch { file: LARGE, .. } => (Some("/dev/null".into()), bench.pace.large_fetches),
        Fetch { .. } => (None, bench.pace.small_fetches),
    };
    Ok(Box::new(move || {
        let costs = fetch::runs(bench, party, &url, output.as_deref().map(Path::new), count)?;
        web.server.must_live()?;
        let of = |number: fn(&fetch::Cost) -> f64| {
            median(&costs.iter().map(number).collect::<Vec<_>>())
        };
        Ok(vec![
            of(|cost| millis(cost.wall)),
            of(|cost| millis(cost.cpu)),
            of(|cost| cost.peak as f64 / 1000.0),
        ])
    }))
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
