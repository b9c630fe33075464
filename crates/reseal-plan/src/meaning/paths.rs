//! Paths: here they stop being relative.

use reseal_core::PathWords;

use super::Meaning;
use crate::plan::{NamedFile, PlanPath};

impl Meaning<'_> {
    /// A path that a run, or whoever watches it, writes to later.
    pub(super) fn output_path(&self, written: &str) -> PlanPath {
        PlanPath::new(self.folder, written)
    }

    /// The path of a file that has to be there already.
    pub(super) fn input_path(&mut self, written: &str, at: &[&str]) -> PlanPath {
        let path = PlanPath::new(self.folder, written);
        if path.as_str() != written {
            let line = self.line(at);
            self.files.push(NamedFile { written: written.to_owned(), path: path.clone(), line });
        }
        path
    }

    /// The words of a source or a command, with those in full that are paths. What begins with a column of a row may be
    /// a whole path: it is looked at once the row has filled it.
    pub(super) fn located(&mut self, words: Vec<String>, paths: PathWords, at: &[&str]) -> Vec<String> {
        self.programs |= paths == PathWords::Program;
        let words = words.into_iter().enumerate();
        words
            .map(|(number, word)| {
                let by_row = word.starts_with('{') && !word.starts_with("{key}");
                match paths.is_path(number, &word) && !by_row {
                    true => self.input_path(&word, at).as_str().to_owned(),
                    false => word,
                }
            })
            .collect()
    }
}
