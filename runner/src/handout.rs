//! The titles of a lab and its steps, from its handout.

use std::path::Path;

use anyhow::Result;

use crate::course::{Lab, StepNumber};
use crate::project;

/// What a handout calls its lab and its steps.
pub struct Titles {
    /// Of the lab, as in `uppercase over TCP`.
    pub lab: String,
    file: String,
    steps: Vec<(StepNumber, String)>,
}

impl Titles {
    /// Reads the headings.
    ///
    /// # Errors
    /// The handout cannot be read.
    pub fn read(root: &Path, lab: &Lab) -> Result<Self> {
        let text = project::read(root, &lab.handout())?;
        let mut titles = Self {
            lab: lab.plan.test.clone(),
            file: lab.handout().display().to_string(),
            steps: Vec::new(),
        };
        let mut in_code = false;
        for line in text.lines() {
            in_code ^= line.starts_with("```");
            if in_code || !line.starts_with('#') {
                continue;
            }
            let heading = line.trim_start_matches('#').trim();
            let (first, rest) = heading.split_once(' ').unwrap_or((heading, ""));
            if let Ok(number) = first.parse() {
                titles.steps.push((number, rest.to_owned()));
            } else if let Some((_, title)) = heading.split_once(": ")
                && line.starts_with("# ")
            {
                titles.lab = title.to_owned();
            }
        }
        Ok(titles)
    }

    /// The title of a step.
    pub fn step(&self, number: StepNumber) -> &str {
        let title = self.steps.iter().find(|(its, _)| *its == number);
        title.map_or("", |(_, title)| title)
    }

    /// Where the handout tells of a step: its file and the heading's anchor.
    pub fn place(&self, number: StepNumber) -> String {
        let heading = format!("{number} {}", self.step(number)).to_lowercase();
        let anchor: String = heading
            .chars()
            .filter(|character| character.is_alphanumeric() || " -_".contains(*character))
            .map(|character| if character == ' ' { '-' } else { character })
            .collect();
        format!("{}#{anchor}", self.file)
    }
}
