//! Measures the kit's programs beside the servers and clients that people use.
//!
//!     cargo run --release -p bench
//!     cargo run --release -p bench -- --quick
//!
//! README.md says what is measured and how. Reading order: `rows` (what), `work` (how each
//! row is done), `rounds` (how it is repeated), `table`; the rest as needed.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a table for people, and progress while they wait"
)]

mod echo;
mod fetch;
mod http;
mod machine;
mod median;
mod proc;
mod process;
mod rounds;
mod rows;
mod site;
mod stop;
mod table;
mod tcp;
mod tools;
mod udp;
mod web;
mod work;
mod wrk;

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use clap::Parser;
use machine::Cores;
use rounds::Outcome;
use site::Site;
use tools::Tools;

/// Measures the kit's programs beside the servers and clients that people use.
#[derive(Parser)]
#[command(name = "bench", version)]
struct Options {
    /// One short round, two minutes in all; printed, not written to RESULTS.md
    #[arg(long)]
    quick: bool,

    /// Only rows whose name contains this; printed, not written to RESULTS.md
    #[arg(long, value_name = "NAME")]
    only: Option<String>,

    /// Print the names of the rows
    #[arg(long)]
    list: bool,
}

/// What every row needs.
struct Bench {
    cores: Cores,
    descriptors: u64,
    tools: Tools,
    site: Site,
    pace: Pace,
}

/// How long and how often.
struct Pace {
    rounds: usize,
    /// Of one measurement.
    seconds: u64,
    /// Before the first.
    warm_up: Option<u64>,
    /// How often a disturbed measurement is made again.
    repeats: usize,
    /// Starts of a server, and runs of a client, in one measurement.
    starts: usize,
    small_fetches: usize,
    large_fetches: usize,
}

impl Pace {
    const FULL: Self = Self {
        rounds: 5,
        seconds: 5,
        warm_up: Some(1),
        repeats: 2,
        starts: 10,
        small_fetches: 50,
        large_fetches: 5,
    };

    const QUICK: Self = Self {
        rounds: 1,
        seconds: 1,
        warm_up: None,
        repeats: 0,
        starts: 5,
        small_fetches: 20,
        large_fetches: 3,
    };

    fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }
}

fn main() -> ExitCode {
    match measure(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(options: &Options) -> Result<()> {
    let mut rows = rows::all();
    if let Some(name) = &options.only {
        rows.retain(|row| row.name.contains(name.as_str()));
        ensure!(!rows.is_empty(), "no row is called so; --list prints their names");
    }
    if options.list {
        for row in rows {
            println!("{}", row.name);
        }
        return Ok(());
    }

    stop::on_signal()?;
    let _sweep = stop::Sweep;
    let began = Instant::now();
    eprintln!("building the programs");
    let tools = Tools::gather()?;
    let bench = Bench {
        // From here on this process keeps to one core, and so does what it starts.
        cores: Cores::choose()?,
        descriptors: machine::allow_descriptors()?,
        tools,
        site: Site::make()?,
        pace: if options.quick { Pace::QUICK } else { Pace::FULL },
    };

    let count = rows.len();
    let mut outcomes = Vec::with_capacity(count);
    for (n, row) in rows.into_iter().enumerate() {
        let seconds = began.elapsed().as_secs();
        eprintln!("{seconds:>5} s  {} of {count}: {}", n + 1, row.name);
        outcomes.push(rounds::play(row, &bench)?);
    }

    let page = page(&bench, &outcomes, began.elapsed());
    if options.quick || options.only.is_some() {
        println!("{page}");
    } else {
        let path = tools::source("RESULTS.md");
        fs::write(&path, page)?;
        eprintln!("written: {}", path.display());
    }
    Ok(())
}

/// All of RESULTS.md.
fn page(bench: &Bench, outcomes: &[Outcome], took: Duration) -> String {
    let Pace { rounds, seconds, repeats, .. } = bench.pace;
    let (dropped, disturbed) = table::disturbances(outcomes);
    let list = |lines: &[String]| -> String {
        lines.iter().map(|line| format!("- {line}\n")).collect()
    };
    format!(
        "# Results

Written by `cargo run --release -p bench`. README.md says what the rows are and how to read
the table: each cell is a median, and after the dot ours divided by theirs; `~` marks numbers
that were taken although other work disturbed them.

{machine}- Rounds: {rounds} of {seconds} s, in alternating order; {took} min in all
- Disturbed (others had more than {limit} % of a core): {dropped} measurements dropped and made again (each at most {repeats} times), {disturbed} taken all the same

{versions}
{table}",
        machine = list(&machine::description(&bench.cores)),
        took = took.as_secs().div_ceil(60),
        limit = machine::DISTURBED * 100.0,
        versions = list(&bench.tools.versions),
        table = table::markdown(outcomes),
    )
}
