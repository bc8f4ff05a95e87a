//! The rows of the table: what is measured, of whom, and what was wanted.

use crate::site::{LARGE, MEDIUM, SMALL};
use crate::tools::Party;
use crate::tools::Party::{C, Curl, Lighttpd, Nginx, Python};
use crate::work::{Fetch, Work};
use crate::wrk::Load;
use crate::{echo, fetch, web};

/// A row: some work that is given to each party, and what is wanted of ours.
pub(crate) struct Row {
    /// The name by which `--only` finds it.
    pub(crate) name: String,
    pub(crate) work: Work,
    pub(crate) wanted: Vec<Wanted>,
}

/// A number that a measurement gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Measure {
    PerSecond,
    MibPerSecond,
    P50Micros,
    P99Micros,
    CpuMicrosEach,
    CpuMicrosPerMib,
    BytesEach,
    StartMillis,
    WallMillis,
    CpuMillis,
    PeakKilobytes,
}

impl Measure {
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::PerSecond => "per second",
            Self::MibPerSecond => "MiB/s",
            Self::P50Micros => "p50, µs",
            Self::P99Micros => "p99, µs",
            Self::CpuMicrosEach => "CPU µs each",
            Self::CpuMicrosPerMib => "CPU µs per MiB",
            Self::BytesEach => "bytes each",
            Self::StartMillis => "start, ms",
            Self::WallMillis => "wall, ms",
            Self::CpuMillis => "CPU, ms",
            Self::PeakKilobytes => "peak RSS, kB",
        }
    }
}

/// What is wanted of one number of ours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) measure: Measure,
    pub(crate) bound: Bound,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    /// At least so many times what the other reaches.
    AtLeast(f64, Party),
    /// At most so many times what the other needs.
    AtMost(f64, Party),
    /// Under a fixed number.
    Under(f64),
}

impl Row {
    fn new(name: impl Into<String>, work: Work) -> Self {
        Self { name: name.into(), work, wanted: Vec::new() }
    }

    fn want(mut self, measure: Measure, bound: Bound) -> Self {
        self.wanted.push(Wanted { measure, bound });
        self
    }

    /// Who takes part.
    pub(crate) fn parties(&self) -> &'static [Party] {
        match self.work {
            Work::Requests { load: Load { file: SMALL, .. }, logs: false }
            | Work::Idle { .. } => &web::PARTIES_AND_LIMIT,
            Work::Requests { .. } | Work::Transfer | Work::Start => &web::PARTIES,
            Work::Udp { .. } | Work::Messages { .. } | Work::Lines { .. } => &echo::PARTIES,
            Work::Fetch(_) => &fetch::PARTIES,
        }
    }
}

/// All rows, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    use Bound::{AtLeast, AtMost, Under};
    use Measure::{
        BytesEach, CpuMicrosPerMib, CpuMillis, PeakKilobytes, PerSecond, StartMillis,
        WallMillis,
    };

    let requests = |file, connections, logs, close| Work::Requests {
        load: Load { connections, file, close },
        logs,
    };
    let small = |connections, logs| {
        let name = if logs { "logs" } else { "keep-alive" };
        Row::new(format!("{name}-{connections}"), requests(SMALL, connections, logs, false))
    };
    vec![
        small(1, false),
        small(16, false)
            .want(PerSecond, AtLeast(1.3, Nginx))
            .want(PerSecond, AtLeast(0.75, Lighttpd)),
        small(64, false)
            .want(PerSecond, AtLeast(1.3, Nginx))
            .want(PerSecond, AtLeast(0.75, Lighttpd)),
        small(256, false).want(PerSecond, AtLeast(1.0, Nginx)),
        small(1, true),
        small(16, true),
        small(64, true).want(PerSecond, AtLeast(1.3, Nginx)),
        small(256, true),
        Row::new("close-16", requests(SMALL, 16, false, true))
            .want(PerSecond, AtLeast(1.0, Nginx)),
        Row::new("file-1MiB", requests(MEDIUM, 16, false, false))
            .want(CpuMicrosPerMib, AtMost(1.0, Lighttpd)),
        Row::new("file-100MiB", Work::Transfer),
        Row::new("idle-1000", Work::Idle { connections: 1_000 }),
        Row::new("idle-10000", Work::Idle { connections: 10_000 })
            .want(BytesEach, Under(10_000.0)),
        Row::new("start", Work::Start).want(StartMillis, AtMost(1.0, Lighttpd)),
        Row::new("udp-1", Work::Udp { in_flight: 1 }),
        Row::new("udp-64", Work::Udp { in_flight: 64 })
            .want(PerSecond, AtLeast(0.97, C))
            .want(PerSecond, AtLeast(1.3, Python)),
        Row::new("tcp-messages-16", Work::Messages { clients: 16 })
            .want(PerSecond, AtLeast(1.0, C)),
        Row::new("tcp-lines-1", Work::Lines { connections: 1 }),
        Row::new("tcp-lines-64", Work::Lines { connections: 64 }),
        Row::new("fetch-small", Work::Fetch(Fetch { file: SMALL, keep: false }))
            .want(WallMillis, AtMost(0.6, Curl))
            .want(PeakKilobytes, Under(4_000.0)),
        Row::new("fetch-100MiB-to-null", Work::Fetch(Fetch { file: LARGE, keep: false }))
            .want(WallMillis, AtMost(1.0, Curl))
            .want(CpuMillis, AtMost(1.0, Curl)),
        Row::new("fetch-100MiB-to-file", Work::Fetch(Fetch { file: LARGE, keep: true }))
            .want(WallMillis, AtMost(1.0, Curl))
            .want(CpuMillis, AtMost(1.0, Curl)),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_has_a_name_of_its_own() {
        let rows = all();
        let names: HashSet<&str> = rows.iter().map(|row| row.name.as_str()).collect();
        assert_eq!(names.len(), rows.len());
    }

    #[test]
    fn what_is_wanted_is_measured_and_of_parties_that_take_part() {
        for row in all() {
            for wanted in &row.wanted {
                assert!(row.work.measures().contains(&wanted.measure), "{}", row.name);
                if let Bound::AtLeast(_, peer) | Bound::AtMost(_, peer) = wanted.bound {
                    assert!(row.parties().contains(&peer), "{}", row.name);
                }
            }
        }
    }
}
