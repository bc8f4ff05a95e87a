//! The HTTP clients, each as a whole process: `http_client`, curl, wget.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::Bench;
use crate::process;
use crate::tools::Party;

/// The clients of the table.
pub(crate) const PARTIES: [Party; 3] = [Party::Ours, Party::Curl, Party::Wget];

/// All runs together take at most this.
const LIMIT: Duration = Duration::from_secs(120);

/// What one run cost.
#[derive(Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
    /// In bytes.
    pub(crate) peak: u64,
}

/// Runs a client several times. What it prints is thrown away; the body goes to `output`,
/// or it is printed.
pub(crate) fn runs(
    bench: &Bench,
    party: Party,
    url: &str,
    output: Option<&Path>,
    runs: usize,
) -> Result<Vec<Cost>> {
    let mut command = Command::new(bench.tools.in_c("measure")?);
    command.arg(runs.to_string());
    match party {
        Party::Ours => {
            command.arg(bench.tools.ours("http_client")?);
            if let Some(file) = output {
                command.arg("-o").arg(file);
            }
        }
        // Neither is to read the user's settings.
        Party::Curl => {
            command.arg(bench.tools.installed("curl")?).args(["-q", "--silent", "--fail"]);
            if let Some(file) = output {
                command.arg("-o").arg(file);
            }
        }
        Party::Wget => {
            command.arg(bench.tools.installed("wget")?).args(["--no-config", "--quiet", "-O"]);
            command.arg(output.unwrap_or(Path::new("-")));
        }
        other => bail!("{} is no client", other.name()),
    }
    command.arg(url);
    let costs = parse(&process::run(&mut command, LIMIT)?)?;
    ensure!(costs.len() == runs, "{} of {runs} runs", costs.len());
    Ok(costs)
}

/// Reads what limit/measure.c prints.
fn parse(printed: &str) -> Result<Vec<Cost>> {
    let cost = |line: &str| {
        let mut numbers = line.split(' ').map_while(|word| word.parse::<u64>().ok());
        Some(Cost {
            wall: Duration::from_nanos(numbers.next()?),
            cpu: Duration::from_nanos(numbers.next()?),
            peak: numbers.next()?,
        })
    };
    printed
        .lines()
        .map(|line| cost(line).with_context(|| format!("not three numbers: {line}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_run() {
        let costs = parse("2000000 1000000 4096\n3 2 1\n").expect("two runs");
        assert_eq!(costs.len(), 2);
        assert_eq!(costs[0].wall, Duration::from_millis(2));
        assert_eq!(costs[0].cpu, Duration::from_millis(1));
        assert_eq!(costs[0].peak, 4096);
        assert!(parse("2000000 1000000\n").is_err());
    }
}
