//! wrk(1), the load generator for HTTP, and what it prints.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process;

/// What wrk may take longer than it was told.
const PATIENCE: Duration = Duration::from_secs(20);

/// A load for a server.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) connections: usize,
    pub(crate) file: &'static str,
    /// Whether each request takes a connection of its own.
    pub(crate) close: bool,
}

/// What wrk saw.
#[derive(Debug, PartialEq)]
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    /// Half the answers, and 99 of 100, took at most this long.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Loads a server for some seconds. An answer other than 2xx or 3xx, or a socket error, is
/// an error: what was measured would not be what it is called.
pub(crate) fn run(wrk: &Path, port: u16, load: Load, seconds: u64) -> Result<Report> {
    let mut command = Command::new(wrk);
    command.args(["-t1", "--latency", "--timeout", "10s"]);
    command.arg(format!("-c{}", load.connections)).arg(format!("-d{seconds}s"));
    if load.close {
        command.args(["-H", "Connection: close"]);
    }
    command.arg(format!("http://127.0.0.1:{port}/{}", load.file));
    parse(&process::run(&mut command, Duration::from_secs(seconds) + PATIENCE)?)
}

fn parse(printed: &str) -> Result<Report> {
    let line = |start: &str| {
        let mut lines = printed.lines().map(str::trim);
        lines.find_map(|line| line.strip_prefix(start)).map(str::trim)
    };
    if let Some(errors) = line("Socket errors:") {
        anyhow::bail!("socket errors: {errors}");
    }
    if let Some(count) = line("Non-2xx or 3xx responses:") {
        anyhow::bail!("{count} answers other than 2xx or 3xx");
    }
    let latency = |share: &str| {
        let word = line(share).with_context(|| format!("wrk printed no line {share}"))?;
        duration(word).with_context(|| format!("no time: {word}"))
    };
    let requests = printed
        .lines()
        .find_map(|line| line.trim().split_once(" requests in "))
        .and_then(|(count, _)| count.parse().ok())
        .context("wrk printed no count of requests")?;
    ensure!(requests > 0, "not one answer");
    let per_second = line("Requests/sec:").and_then(|rate| rate.parse().ok());
    Ok(Report {
        requests,
        per_second: per_second.context("wrk printed no requests per second")?,
        p50: latency("50%")?,
        p99: latency("99%")?,
    })
}

/// Reads a time as wrk writes it: `98.00us`, `1.20ms`, `2.04s`, `1.5m`.
fn duration(word: &str) -> Option<Duration> {
    let digits = word.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = word.split_at(digits);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
Running 1s test @ http://127.0.0.1:8080/small.html
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   158.12us  120.05us   4.51ms   97.40%
    Req/Sec    97.50k     6.70k  106.74k    70.00%
  Latency Distribution
     50%  146.00us
     75%  166.00us
     90%  192.00us
     99%    1.20ms
  106500 requests in 1.10s, 45.10MB read
Requests/sec:  96846.12
Transfer/sec:     41.01MB
";

    #[test]
    fn a_report_is_read() {
        let report = parse(PRINTED).expect("a report");
        assert_eq!(report.requests, 106_500);
        assert_eq!(report.per_second, 96_846.12);
        assert_eq!(report.p50, Duration::from_micros(146));
        assert_eq!(report.p99, Duration::from_micros(1200));
    }

    #[test]
    fn a_report_with_errors_is_none() {
        for (line, word) in [
            ("  Socket errors: connect 0, read 5, write 0, timeout 1\n", "read 5"),
            ("  Non-2xx or 3xx responses: 17\n", "17 answers"),
        ] {
            let printed = PRINTED.replace("Requests/sec", &format!("{line}Requests/sec"));
            let error = parse(&printed).expect_err("errors were passed over").to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn a_report_without_answers_or_cut_short_is_none() {
        assert!(parse(&PRINTED.replace("106500", "0")).is_err());
        assert!(parse(&PRINTED.replace("     99%    1.20ms\n", "")).is_err());
        assert!(parse("").is_err());
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("2.04s"), Some(Duration::from_millis(2040)));
        assert_eq!(duration("1.50m"), Some(Duration::from_secs(90)));
        assert_eq!(duration("7"), None);
        assert_eq!(duration("7parsec"), None);
    }
}
