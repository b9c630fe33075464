//! Secrets that somebody wrote into the plan, where their places belong.

use reseal_core::{PathWords, StepPiece, is_variable_name};

use super::Meaning;
use crate::secret::{everything, in_arguments, looks_secret, looks_secret_path};

impl Meaning<'_> {
    /// Whether the words of a source hold a secret; they are then reported, and not shown.
    pub(super) fn source_is_secret(&mut self, words: &[String], paths: PathWords, at: &[&str]) -> bool {
        let texts = words.iter().map(String::as_str);
        match paths {
            PathWords::Program => self.refuse_secret(in_arguments(texts), at, ARGUMENT),
            PathWords::All => self.refuse_secret(words.iter().any(|word| looks_secret_path(word)), at, PLACE),
            PathWords::None => self.refuse_secret(words.iter().any(|word| looks_secret(word)), at, PLACE),
        }
    }

    /// Whether a program of a step or of the policy is given a secret.
    pub(super) fn arguments_are_secret<'w>(
        &mut self,
        words: impl Iterator<Item = &'w str>,
        at: &[&str],
    ) -> bool {
        self.refuse_secret(in_arguments(words), at, ARGUMENT)
    }

    /// Whether a statement holds a secret among its constants.
    pub(super) fn statement_is_secret(&mut self, pieces: &[StepPiece], at: &[&str]) -> bool {
        let constant = |piece: &StepPiece| match piece {
            StepPiece::Text(text) => text.split('\'').skip(1).step_by(2).any(looks_secret),
            StepPiece::Hole(_) => false,
        };
        self.refuse_secret(pieces.iter().any(constant), at, ARGUMENT)
    }

    /// Whether a name of a variable is none, or may be the secret itself.
    pub(super) fn variable_is_secret(&mut self, name: &str, at: &[&str]) -> bool {
        let is_name = is_variable_name(name) && !looks_secret(name);
        if !is_name {
            if name.len() >= SHORTEST {
                self.hide(at);
            }
            self.find("bad-name", at, "this is not a valid name of an environment variable");
        }
        !is_name
    }

    fn refuse_secret(&mut self, found: bool, at: &[&str], help: &str) -> bool {
        if found {
            self.hide(at);
            let message = "this looks like a secret, which a plan must not contain";
            self.find_help("secret-in-plan", at, message, Some(help.to_owned()));
        }
        found
    }

    /// Keeps what stands at a place out of every message.
    fn hide(&mut self, at: &[&str]) {
        let mut node = Some(self.root);
        for step in at {
            node = node.and_then(|node| match node.entry(step) {
                Some(entry) => Some(&entry.node),
                None => node.items().get(step.parse::<usize>().ok()?),
            });
        }
        if let Some(node) = node {
            everything(node, &mut self.secrets);
            self.secrets.extend(node.entries().iter().map(|entry| entry.name_span));
        }
    }
}

/// Shorter texts are no secrets: hiding them would only hide the mistake.
const SHORTEST: usize = 4;
const ARGUMENT: &str = "let the program read it from a variable listed in `env:`, or from a file";
const PLACE: &str = "name the variable or file where it is stored";
