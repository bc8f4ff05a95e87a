//! The table: medians, ratios, what was wanted and what was reached.

use std::fmt::Write;

use crate::rounds::Outcome;
use crate::rows::{Bound, Measure, Wanted};
use crate::tools::Party;

/// The whole table in Markdown.
pub(crate) fn markdown(outcomes: &[Outcome]) -> String {
    let mut text = String::from("| row | number |");
    for party in Party::ALL {
        let _ = write!(text, " {} |", party.name());
    }
    text.push_str(" wanted | reached |\n|---|---|");
    text.push_str(&"---|".repeat(Party::ALL.len() + 2));
    text.push('\n');
    for outcome in outcomes {
        for (n, &measure) in outcome.row.work.measures().iter().enumerate() {
            let name = if n == 0 { format!("`{}`", outcome.row.name) } else { String::new() };
            let _ = write!(text, "| {name} | {} |", measure.label());
            for party in Party::ALL {
                let _ = write!(text, " {} |", cell(outcome, n, measure, party));
            }
            let wanted = outcome.row.wanted.iter().filter(|wanted| wanted.measure == measure);
            let (wanted, reached): (Vec<String>, Vec<String>) =
                wanted.map(|wanted| (show_wanted(wanted), judge(outcome, wanted))).unzip();
            let _ = writeln!(text, " {} | {} |", wanted.join("; "), reached.join("; "));
        }
    }
    text
}

/// How many measurements were dropped, and how many had to be taken although disturbed.
pub(crate) fn disturbances(outcomes: &[Outcome]) -> (usize, usize) {
    let columns = || outcomes.iter().flat_map(|outcome| &outcome.columns);
    (
        columns().map(|column| column.dropped).sum(),
        columns().map(|column| column.disturbed).sum(),
    )
}

fn cell(outcome: &Outcome, n: usize, measure: Measure, party: Party) -> String {
    let Some(column) = outcome.columns.iter().find(|column| column.party == party) else {
        return String::new();
    };
    match &column.medians {
        Err(why) if n == 0 => why.replace(['|', '\n'], " "),
        Err(_) => "–".to_owned(),
        Ok(_) => {
            let number = outcome.number(measure, party).map_or("–".to_owned(), short);
            let ratio = ratio(outcome, measure, party).filter(|_| party != Party::Ours);
            let ratio = ratio.map_or(String::new(), |ratio| format!(" · {ratio:.2}"));
            format!("{}{number}{ratio}", mark(outcome, &[party]))
        }
    }
}

/// Ours divided by a peer's.
fn ratio(outcome: &Outcome, measure: Measure, peer: Party) -> Option<f64> {
    let ratio = outcome.number(measure, Party::Ours)? / outcome.number(measure, peer)?;
    ratio.is_finite().then_some(ratio)
}

fn show_wanted(wanted: &Wanted) -> String {
    match wanted.bound {
        Bound::AtLeast(times, peer) => format!("≥ {times} × {}", peer.name()),
        Bound::AtMost(times, peer) => format!("≤ {times} × {}", peer.name()),
        Bound::Under(number) => format!("< {}", short(number)),
    }
}

/// Before what others had a part in.
fn mark(outcome: &Outcome, parties: &[Party]) -> &'static str {
    let mut columns = outcome.columns.iter().filter(|column| parties.contains(&column.party));
    if columns.any(|column| column.disturbed > 0) { "~" } else { "" }
}

fn judge(outcome: &Outcome, wanted: &Wanted) -> String {
    let mark = match wanted.bound {
        Bound::AtLeast(_, peer) | Bound::AtMost(_, peer) => mark(outcome, &[Party::Ours, peer]),
        Bound::Under(_) => mark(outcome, &[Party::Ours]),
    };
    let (number, reached) = match wanted.bound {
        Bound::AtLeast(times, peer) => {
            let ratio = ratio(outcome, wanted.measure, peer);
            (ratio.map(|ratio| format!("{ratio:.2}")), ratio.map(|ratio| ratio >= times))
        }
        Bound::AtMost(times, peer) => {
            let ratio = ratio(outcome, wanted.measure, peer);
            (ratio.map(|ratio| format!("{ratio:.2}")), ratio.map(|ratio| ratio <= times))
        }
        Bound::Under(most) => {
            let number = outcome.number(wanted.measure, Party::Ours);
            (number.map(short), number.map(|number| number < most))
        }
    };
    match (number, reached) {
        (Some(number), Some(true)) => format!("{mark}{number} yes"),
        (Some(number), _) => format!("**{mark}{number} no**"),
        (None, _) => "not measured".to_owned(),
    }
}

/// Three digits, with k for thousands and M for millions.
fn short(number: f64) -> String {
    let (number, unit) = match number.abs() {
        1e6.. => (number / 1e6, " M"),
        1e4.. => (number / 1e3, " k"),
        _ => (number, ""),
    };
    let digits = match number.abs() {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    format!("{number:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rounds::Column;
    use crate::rows;

    fn column(party: Party, medians: Result<Vec<f64>, String>) -> Column {
        Column { party, medians, dropped: 0, disturbed: 0 }
    }

    /// keep-alive-16 with these requests per second.
    fn outcome(ours: f64, nginx: f64, lighttpd: Result<Vec<f64>, String>) -> Outcome {
        let row = rows::all().into_iter().find(|row| row.name == "keep-alive-16");
        let numbers = |per_second| Ok(vec![per_second, 150.0, 300.0, 9.0]);
        Outcome {
            row: row.expect("the row"),
            columns: vec![
                column(Party::Ours, numbers(ours)),
                column(Party::Nginx, numbers(nginx)),
                column(Party::Lighttpd, lighttpd),
            ],
        }
    }

    #[test]
    fn a_ratio_is_ours_to_theirs_and_is_judged() {
        let table =
            markdown(&[outcome(130_500.0, 100_000.0, Ok(vec![200_000.0, 1.0, 2.0, 3.0]))]);
        let line = table.lines().nth(2).expect("a line");
        assert!(
            line.starts_with("| `keep-alive-16` | per second | 130 k | 100 k · 1.30 |"),
            "{line}"
        );
        assert!(
            line.ends_with("≥ 1.3 × nginx; ≥ 0.75 × lighttpd | 1.30 yes; **0.65 no** |"),
            "{line}"
        );
    }

    #[test]
    fn a_failure_is_told_in_place_of_a_number() {
        let table = markdown(&[outcome(1.0, 1.0, Err("socket errors: read 5".to_owned()))]);
        let line = table.lines().nth(2).expect("a line");
        assert!(line.contains("| socket errors: read 5 |"), "{line}");
        assert!(line.ends_with("**1.00 no**; not measured |"), "{line}");
    }

    #[test]
    fn what_was_disturbed_is_marked_wherever_it_counts() {
        let mut outcome = outcome(150_000.0, 100_000.0, Ok(vec![200_000.0, 1.0, 2.0, 3.0]));
        outcome.columns[1].disturbed = 1;
        let table = markdown(&[outcome]);
        let line = table.lines().nth(2).expect("a line");
        assert!(line.contains("| 150 k | ~100 k · 1.50 | 200 k · 0.75 |"), "{line}");
        assert!(line.ends_with("| ~1.50 yes; 0.75 yes |"), "{line}");
    }

    #[test]
    fn numbers_have_three_digits() {
        let shown = [0.52, 8.251, 96.46, 226.4, 4_210.0, 88_120.0, 1_234_567.0].map(short);
        assert_eq!(shown, ["0.52", "8.25", "96.5", "226", "4210", "88.1 k", "1.23 M"]);
    }
}
