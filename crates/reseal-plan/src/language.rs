//! The language of plans: the names that a plan may use, and the schema that follows from them.

use serde_json::Value;

use crate::document::{self, Document};
use crate::{Plan, PlanFile, Problems, Vocabulary, form, meaning, schema, yaml};

/// Reads many plans of one vocabulary. Generating the schema takes most of the time that it takes to read a plan.
pub struct Language<'v> {
    vocabulary: Vocabulary<'v>,
    schema: Value,
}

impl<'v> Language<'v> {
    /// The language with these plugins.
    #[must_use]
    pub fn of(vocabulary: &Vocabulary<'v>) -> Self {
        Language { vocabulary: *vocabulary, schema: schema(vocabulary) }
    }

    /// Reads a plan.
    ///
    /// # Errors
    /// All mistakes of form and meaning, in the order of the file.
    pub fn parse(&self, file: PlanFile<'_>, text: &str) -> Result<Plan, Problems> {
        let root = yaml::read(text)
            .map_err(|error| Problems(vec![document::unreadable(file.name, text, &error)]))?;
        let form = form::check(text, &root, &self.schema);
        let meaning = meaning::check(file.folder, text, &root, &form, &self.vocabulary);
        let secrets = form.secrets.into_iter().chain(meaning.secrets).collect();
        let document = Document::new(file.name, text, &root, secrets);
        let findings: Vec<_> = form.findings.into_iter().chain(meaning.findings).collect();
        match meaning.plan {
            Some(mut plan) if findings.is_empty() => {
                plan.unsupported = document.problems(meaning.unsupported);
                plan.missing = document.problems(meaning.missing);
                Ok(plan)
            }
            _ => Err(Problems(document.problems(findings))),
        }
    }
}
