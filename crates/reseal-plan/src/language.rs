//! The language of plans: the names that a plan may use, and the schema that follows from them.

use serde_json::Value;

use crate::document::{self, Document};
use crate::yaml::Node;
use crate::{Plan, PlanFile, Problems, Vocabulary, form, meaning, schema, yaml};

/// The text of a plan as a tree, before its names mean anything.
pub struct Draft<'t> {
    file: PlanFile<'t>,
    text: &'t str,
    root: Node,
}

impl<'t> Draft<'t> {
    /// Reads the text of a plan.
    ///
    /// # Errors
    /// When it is not YAML, or beyond the bounds of a plan.
    pub fn read(file: PlanFile<'t>, text: &'t str) -> Result<Self, Problems> {
        match yaml::read(text) {
            Ok(root) => Ok(Draft { file, text, root }),
            Err(error) => Err(Problems(vec![document::unreadable(file.name, text, &error)])),
        }
    }

    /// The files under `formats:`, as the plan names them. Whoever reads them adds their presets to the [`Vocabulary`].
    #[must_use]
    pub fn formats(&self) -> Vec<String> {
        let plan = self.root.to_json();
        let files = plan["formats"].as_array().into_iter().flatten();
        files.filter_map(|file| file.as_str().map(str::to_owned)).collect()
    }
}

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
        self.plan(&Draft::read(file, text)?)
    }

    /// The plan of a draft.
    ///
    /// # Errors
    /// As for [`Language::parse`].
    pub fn plan(&self, draft: &Draft<'_>) -> Result<Plan, Problems> {
        let Draft { file, text, root } = draft;
        let form = form::check(text, root, &self.schema);
        let meaning = meaning::check(file.folder, text, root, &form, &self.vocabulary);
        let secrets = form.secrets.into_iter().chain(meaning.secrets).collect();
        let document = Document::new(file.name, text, root, secrets);
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
