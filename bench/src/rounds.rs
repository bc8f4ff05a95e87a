//! Rounds: each party in turn, then the same in the other direction, so that whatever
//! changes slowly on the machine changes for all. Disturbed measurements are dropped.

use anyhow::{Result, ensure};

use crate::machine::{DISTURBED, Watch};
use crate::rows::{Measure, Row};
use crate::tools::Party;
use crate::work::Contestant;
use crate::{Bench, median, stop};

/// What came of a row.
pub(crate) struct Outcome {
    pub(crate) row: Row,
    pub(crate) columns: Vec<Column>,
}

/// What came of one party.
pub(crate) struct Column {
    pub(crate) party: Party,
    /// Its medians, in the order of the row's measures, or why there are none.
    pub(crate) medians: Result<Vec<f64>, String>,
    /// Measurements that were dropped and made again.
    pub(crate) dropped: usize,
    /// Measurements that had to be taken although others were at work.
    pub(crate) disturbed: usize,
}

impl Outcome {
    /// The median of one number of one party, if there is one.
    pub(crate) fn number(&self, measure: Measure, party: Party) -> Option<f64> {
        let position = self.row.work.measures().iter().position(|its| *its == measure)?;
        let column = self.columns.iter().find(|column| column.party == party)?;
        column.medians.as_ref().ok()?.get(position).copied()
    }
}

struct Entry<'a> {
    party: Party,
    contestant: Result<Contestant<'a>>,
    samples: Vec<Vec<f64>>,
    dropped: usize,
    disturbed: usize,
}

/// Plays all rounds of a row.
pub(crate) fn play(row: Row, bench: &Bench) -> Result<Outcome> {
    let prepare = |&party| Entry {
        party,
        contestant: row.work.prepare(party, bench),
        samples: Vec::new(),
        dropped: 0,
        disturbed: 0,
    };
    let mut entries: Vec<Entry> = row.parties().iter().map(prepare).collect();
    for round in 0..bench.pace.rounds {
        for entry in &mut entries {
            stop::unless_asked()?;
            entry.take_part(bench.pace.repeats);
        }
        if round + 1 < bench.pace.rounds {
            entries.reverse();
        }
    }
    stop::unless_asked()?;
    let columns = entries.into_iter().map(Entry::end).collect();
    Ok(Outcome { row, columns })
}

impl Entry<'_> {
    /// One measurement, made again while it is disturbed; of those that all are, the least
    /// disturbed one is taken.
    fn take_part(&mut self, repeats: usize) {
        let Ok(contestant) = &mut self.contestant else { return };
        let mut best: Option<(f64, Vec<f64>)> = None;
        for _ in 0..=repeats {
            let watch = Watch::start();
            let numbers = match contestant() {
                Ok(numbers) => numbers,
                Err(error) => {
                    // A server that is lost is not asked again.
                    self.contestant = Err(error);
                    return;
                }
            };
            let others = watch.others();
            if best.is_some() {
                self.dropped += 1;
            }
            if best.as_ref().is_none_or(|(least, _)| others < *least) {
                best = Some((others, numbers));
            }
            if others <= DISTURBED {
                break;
            }
        }
        if let Some((others, numbers)) = best {
            self.disturbed += usize::from(others > DISTURBED);
            self.samples.push(numbers);
        }
    }

    fn end(self) -> Column {
        let medians = match self.contestant {
            Err(error) => Err(format!("{error:#}")),
            Ok(_) => medians(&self.samples).map_err(|error| error.to_string()),
        };
        let Self { party, dropped, disturbed, .. } = self;
        Column { party, medians, dropped, disturbed }
    }
}

fn medians(samples: &[Vec<f64>]) -> Result<Vec<f64>> {
    let count = samples.first().map_or(0, Vec::len);
    ensure!(count > 0, "not measured");
    let nth = |n: usize| samples.iter().map(|numbers| numbers[n]).collect::<Vec<_>>();
    Ok((0..count).map(|n| median::median(&nth(n))).collect())
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    fn entry(contestant: Contestant<'_>) -> Entry<'_> {
        Entry {
            party: Party::Ours,
            contestant: Ok(contestant),
            samples: Vec::new(),
            dropped: 0,
            disturbed: 0,
        }
    }

    #[test]
    fn a_failure_stands_in_place_of_all_numbers() {
        let mut calls = 0;
        let mut entry = entry(Box::new(|| {
            calls += 1;
            if calls == 2 { Err(anyhow!("it crashed")) } else { Ok(vec![1.0]) }
        }));
        for _ in 0..4 {
            entry.take_part(0);
        }
        assert_eq!(entry.end().medians, Err("it crashed".to_owned()));
        assert_eq!(calls, 2);
    }

    #[test]
    fn medians_are_taken_for_each_number() {
        let samples = [vec![1.0, 10.0], vec![3.0, 30.0], vec![2.0, 20.0]];
        assert_eq!(medians(&samples).expect("medians"), [2.0, 20.0]);
        assert!(medians(&[]).is_err());
    }
}
