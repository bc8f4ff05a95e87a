//! How two readers of the same bytes are compared, and what they may differ in.

use std::cell::Cell;

use crate::shown;

/// What a reader makes of its input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said<Reading> {
    /// This is what it says.
    Read(Reading),
    /// So far nothing is wrong; more must come.
    Unfinished,
    /// It can never become a message.
    Refused(String),
}

/// What ours is, where it differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ours {
    /// It refuses what the other reads.
    Stricter,
    /// It reads what the other does not.
    Laxer,
}

/// A difference that is meant.
#[derive(Debug)]
pub struct Difference<Reading> {
    /// What in the input makes it.
    pub name: &'static str,
    /// The reason, with its source.
    pub why: &'static str,
    /// To which side.
    pub ours: Ours,
    /// The shortest input that has it, and no other.
    pub example: &'static [u8],
    /// The input with the nearest thing that both read in its place; `None` if it does not
    /// have it. That is how a difference is told: take it away, and both agree.
    pub without: fn(&[u8]) -> Option<Vec<u8>>,
    /// Makes the readings with it and without it the same, if nothing else is different.
    pub forget: fn(&mut Reading),
}

/// Two readers, and what they may differ in.
#[derive(Debug)]
pub struct Comparison<Reading: 'static> {
    /// Reads with the kit's own.
    pub ours: fn(&[u8]) -> Said<Reading>,
    /// Reads with the other.
    pub theirs: fn(&[u8]) -> Said<Reading>,
    /// All differences that are meant; the first that is found counts.
    pub differences: &'static [Difference<Reading>],
    /// What makes any unfinished input finished.
    pub ending: &'static [u8],
}

/// That two readers agree, and how.
#[derive(Debug, PartialEq, Eq)]
pub struct Agreement {
    /// Whether ours has read the input.
    pub read: bool,
    /// Names of the differences that had to be taken away first.
    pub differences: Vec<&'static str>,
}

impl<Reading: Clone + std::fmt::Debug + PartialEq> Comparison<Reading> {
    /// Compares what the two make of `input`.
    ///
    /// # Errors
    /// They differ, and none of the differences that are meant explains it.
    pub fn compare(&self, input: &[u8]) -> Result<Agreement, String> {
        let mut agreement = Agreement { read: false, differences: Vec::new() };
        let mut bytes = input.to_vec();
        // What ours has read before a difference was taken away, if that must not change it.
        let mut before: Option<(Reading, &Difference<Reading>)> = None;
        // Each round takes one thing away, and there are no more of them than bytes.
        for round in 0..input.len() + self.ending.len() + 2 {
            let (ours, theirs) = ((self.ours)(&bytes), (self.theirs)(&bytes));
            if round == 0 {
                agreement.read = matches!(ours, Said::Read(_));
            }
            let unexplained = || {
                format!(
                    "ours: {ours:?}\ntheirs: {theirs:?}\nof: {}\nwithout: {:?}\nat first: {}",
                    shown(&bytes),
                    agreement.differences,
                    shown(input)
                )
            };
            if let Some((mut before, difference)) = before.take() {
                let Said::Read(mut after) = ours.clone() else { return Err(unexplained()) };
                (difference.forget)(&mut before);
                (difference.forget)(&mut after);
                if before != after {
                    return Err(format!("{}\nbefore: {before:?}", unexplained()));
                }
            }
            let wanted = match (&ours, &theirs) {
                (Said::Read(ours), Said::Read(theirs)) if ours == theirs => {
                    return Ok(agreement);
                }
                (Said::Unfinished, Said::Unfinished) | (Said::Refused(_), Said::Refused(_)) => {
                    return Ok(agreement);
                }
                // Ours refuses nothing before it has come whole, so let it.
                (Said::Unfinished, Said::Refused(_)) if !bytes.ends_with(self.ending) => {
                    bytes.extend_from_slice(self.ending);
                    continue;
                }
                (Said::Refused(_), Said::Read(_) | Said::Unfinished) => Ours::Stricter,
                (Said::Read(_), Said::Refused(_) | Said::Unfinished) => Ours::Laxer,
                _ => return Err(unexplained()),
            };
            let mut differences = self.differences.iter().filter(|one| one.ours == wanted);
            let found =
                differences.find_map(|one| (one.without)(&bytes).map(|bytes| (one, bytes)));
            let Some((difference, without)) = found else { return Err(unexplained()) };
            if let Said::Read(reading) = ours {
                before = Some((reading, difference));
            }
            if !agreement.differences.contains(&difference.name) {
                agreement.differences.push(difference.name);
            }
            bytes = without;
        }
        Err(format!("the differences of {} do not end", shown(input)))
    }

    /// Each difference occurs, in its example, and alone.
    ///
    /// # Errors
    /// Names the one that does not.
    pub fn every_difference_occurs(&self) -> crate::Verdict {
        for one in self.differences {
            let agreement = self.compare(one.example)?;
            if agreement.differences != [one.name] {
                return Err(format!(
                    "{}: its example {} shows {:?}",
                    one.name,
                    shown(one.example),
                    agreement.differences
                ));
            }
        }
        Ok(())
    }
}

/// How many inputs were read, and how many were not, so that a test which is given nothing
/// but noise does not pass for one that compares.
#[derive(Debug, Default)]
pub struct Tally {
    read: Cell<u32>,
    other: Cell<u32>,
}

impl Tally {
    /// One more.
    pub fn count(&self, agreement: &Agreement) {
        let counter = if agreement.read { &self.read } else { &self.other };
        counter.set(counter.get() + 1);
    }

    /// Whether there is a fair share of both.
    pub fn is_varied(&self) -> bool {
        let (read, other) = (self.read.get(), self.other.get());
        read.min(other) * 20 > read + other
    }
}
