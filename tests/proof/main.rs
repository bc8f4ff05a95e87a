//! Proves the checks: `cargo run --package proof -- --help`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it says is for people")]

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand};
use proof::checks::Checks;
use proof::flakes::{self, Seeds};
use proof::mutants::{self, Part};
use proof::results::{Row, record, record_mutants};
use proof::{museum, right};

/// How often a new check is run before it is believed.
const NEW_CHECK_RUNS: u32 = 50;

/// Proves that the checks catch what is wrong, accept what is right, and do not flake.
#[derive(Parser)]
#[command(name = "proof", after_help = EXAMPLES)]
struct Options {
    #[command(subcommand)]
    verb: Verb,
    /// Writes the figure into tests/proof/RESULTS.md
    #[arg(long, global = true)]
    record: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo run --package proof -- check two_lines_in_one_segment_get_two_answers
  cargo run --package proof -- exhibits --record
  cargo run --package proof -- flakes 200 --seed 1 --record
  cargo run --package proof -- mutants --group udp";

#[derive(Subcommand)]
enum Verb {
    /// Proves one check: its exhibits, the right programs, and 50 runs on busy cores
    Check {
        /// The check's name
        name: String,
    },
    /// Shows the museum's wrong programs to the checks that must catch them
    Exhibits {
        /// Only exhibits of this name or check
        name: Option<String>,
    },
    /// Runs all checks on right programs that are unlike the kit's
    Right {
        /// Only these programs
        name: Option<String>,
    },
    /// Changes the kit's programs, in a clone, and sees whether the checks notice
    Mutants {
        /// Only those of a group of files
        #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(mutants::groups()))]
        group: Option<String>,
        /// Only every N-th, from the K-th on
        #[arg(long, value_name = "K/N", value_parser = part)]
        part: Option<Part>,
        /// How many at once, each in a clone of its own
        #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
        at_once: u8,
    },
    /// Runs all checks many times with every core busy, and counts the failures of each
    Flakes {
        /// How often
        #[arg(default_value_t = 20)]
        runs: u32,
        /// The same LAB_SEED in each run, not the run's number
        #[arg(long)]
        seed: Option<u64>,
    },
}

impl Verb {
    /// Whether a line of the table is about all that it runs.
    fn is_whole(&self) -> bool {
        match self {
            Self::Check { .. } => false,
            Self::Exhibits { name } | Self::Right { name } => name.is_none(),
            Self::Mutants { part, .. } => part.is_none(),
            Self::Flakes { .. } => true,
        }
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all is as it should be.
fn run(options: &Options) -> Result<bool> {
    let root = proof::root();
    ensure!(!options.record || options.verb.is_whole(), "a part is not recorded");
    if let Verb::Mutants { group, part, at_once } = &options.verb {
        let mutants =
            mutants::test(&root, group.as_deref(), *part, (*at_once).into(), |what| {
                println!("{what}");
            })?;
        mutants.iter().for_each(|group| println!("{group}"));
        if options.record {
            let only = group.as_ref().map(|group| format!(" --group {group}"));
            record_mutants(&root, &format!("mutants{}", only.unwrap_or_default()), &mutants)?;
        }
        return Ok(mutants.iter().all(|group| group.tally().is_explained()));
    }
    let checks = Arc::new(Checks::build(&root)?);
    let for_signal = Arc::clone(&checks);
    ctrlc::set_handler(move || for_signal.stop.stop()).context("no signal handler")?;
    match &options.verb {
        Verb::Mutants { .. } => Ok(true),
        Verb::Check { name } => prove(&checks, name),
        Verb::Exhibits { name } => {
            let name = name.as_deref();
            let shown = museum::show(&checks, |exhibit| {
                let is_of = |check: &str| exhibit.catches().any(|it| it.check == check);
                name.is_none_or(|name| exhibit.name.get_ref() == name || is_of(name))
            })?;
            println!("{shown}");
            let of = |count: usize| format!("{count} of {}", shown.exhibits);
            if options.record {
                let figures = [(Row::Caught, of(shown.caught)), (Row::Told, of(shown.told))];
                record(&root, "exhibits", &figures)?;
            }
            Ok(shown.complaints.is_empty() && shown.exhibits > 0)
        }
        Verb::Right { name } => {
            let is_wanted = |set: &proof::manifest::Right| {
                name.as_deref().is_none_or(|name| set.name == name)
            };
            let accepted = right::try_all(&checks, is_wanted, |_| true)?;
            println!("{accepted}");
            if options.record {
                record(&root, "right", &[(Row::Right, accepted.figure())])?;
            }
            Ok(accepted.complaints.is_empty() && accepted.checks > 0)
        }
        Verb::Flakes { runs, seed } => {
            let seeds = seed.map_or(Seeds::Varied, Seeds::One);
            let flakes = flakes::count(&checks, *runs, seeds, None, |so_far, stories| {
                stories.iter().for_each(|story| println!("{story}"));
                println!("run {} of {runs}: {} failures so far", so_far.runs, so_far.count());
            })?;
            println!("{flakes}");
            if options.record {
                let (row, seed) = match seed {
                    Some(seed) => (Row::FlakesOfOneSeed, format!(" --seed {seed}")),
                    None => (Row::FlakesOfManySeeds, String::new()),
                };
                record(&root, &format!("flakes {runs}{seed}"), &[(row, flakes.figure())])?;
            }
            Ok(flakes.is_none())
        }
    }
}

/// What whoever adds a check wants to know of it.
fn prove(checks: &Checks, name: &str) -> Result<bool> {
    checks.labs_with(name).next().with_context(|| {
        format!("no lab.toml has a check {name}: add it there, to the step that makes it pass")
    })?;
    let shown = museum::show(checks, |exhibit| exhibit.catches().any(|it| it.check == name))?;
    println!("{shown}");
    ensure!(
        shown.exhibits > 0,
        "no exhibit is caught by {name}: add the mistake for which it is there to \
         tests/museum/exhibits.toml"
    );
    let accepted = right::try_all(checks, |_| true, |check| check == name)?;
    println!("{accepted}");
    let flakes =
        flakes::count(checks, NEW_CHECK_RUNS, Seeds::Varied, Some(name), |_, stories| {
            stories.iter().for_each(|story| println!("{story}"));
        })?;
    println!("{flakes}");
    Ok(shown.complaints.is_empty() && accepted.complaints.is_empty() && flakes.is_none())
}

fn part(text: &str) -> Result<Part, String> {
    let numbers = text.split_once('/');
    let numbers = numbers.and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    match numbers {
        Some((k, n)) if (1..=n).contains(&k) => Ok(Part { number: k - 1, of: n }),
        _ => Err("a part is K/N, with K from 1 to N".to_owned()),
    }
}
