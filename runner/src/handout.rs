//! A lab's handout: what it calls the lab and its steps, and what it says of each.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::course::{Lab, StepNumber};
use crate::project;

/// A handout, cut at the headings of its steps.
pub struct Handout {
    /// Its file, relative to the project's folder.
    pub file: PathBuf,
    /// All of it.
    pub text: String,
    /// The lab's title, as in `uppercase over TCP`.
    pub title: String,
    /// What it says of each step, in its order.
    pub sections: Vec<Section>,
}

/// What a handout says of a step.
pub struct Section {
    /// The step.
    pub number: StepNumber,
    /// Its title.
    pub title: String,
    /// The line of its heading, counted from 1.
    pub line: usize,
    /// The lines below, up to the next heading.
    pub lines: Vec<String>,
}

impl Handout {
    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(root: &Path, lab: &Lab) -> Result<Self> {
        let file = lab.handout();
        let text = project::read(root, &file)?;
        let mut title = String::new();
        let (mut sections, mut in_code): (Vec<Section>, _) = (Vec::new(), false);
        let mut within = false;
        for (line, index) in text.lines().zip(1..) {
            in_code ^= line.starts_with("```");
            if line.starts_with('#') && !in_code {
                let heading = line.trim_start_matches('#').trim();
                let (first, rest) = heading.split_once(' ').unwrap_or((heading, ""));
                let number = first.parse().ok();
                sections.extend(number.map(|number| Section {
                    number,
                    title: rest.to_owned(),
                    line: index,
                    lines: Vec::new(),
                }));
                within = number.is_some();
                if title.is_empty() {
                    let (_, of_lab) = heading.split_once(": ").unwrap_or(("", heading));
                    title = of_lab.to_owned();
                }
            } else if let Some(section) = sections.last_mut().filter(|_| within) {
                section.lines.push(line.to_owned());
            }
        }
        Ok(Self { file, text, title, sections })
    }

    /// The title of a step.
    pub fn step(&self, number: StepNumber) -> &str {
        let section = self.sections.iter().find(|section| section.number == number);
        section.map_or("", |section| &section.title)
    }

    /// Where it tells of a step: its file and the heading's anchor.
    pub fn place(&self, number: StepNumber) -> String {
        let anchor = anchor(&format!("{number} {}", self.step(number)));
        format!("{}#{anchor}", self.file.display())
    }
}

/// The anchor by which a link leads to a heading, as most that show Markdown make it.
pub fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter(|character| character.is_alphanumeric() || " -_".contains(*character))
        .map(|character| if character == ' ' { '-' } else { character })
        .collect()
}
