//! The reference of the plan language as a page of Markdown: from the schema, with examples from plans.
//!
//! The page cannot go stale: its tables say what the schema says, each example is a piece of a plan that [`parse`] takes,
//! and a key without an example is a fault.

mod examples;
mod kinds;
mod page;
mod sections;
mod snippet;

use std::fmt::Write as _;

use crate::{PlanFile, Vocabulary, parse, schema, yaml};
use examples::Examples;
use sections::Sections;

/// A plan that examples are taken from. The first that has a key gives its example.
#[derive(Clone, Copy, Debug)]
pub struct ExamplePlan<'a> {
    /// Its file.
    pub file: PlanFile<'a>,
    /// Its text.
    pub text: &'a str,
}

/// The page.
///
/// # Errors
/// Plans that are wrong, and keys without an example, in words.
pub fn reference(vocabulary: &Vocabulary<'_>, plans: &[ExamplePlan<'_>]) -> Result<String, String> {
    let schema = schema(vocabulary);
    let sections = Sections::of(&schema);
    let mut examples = Examples::default();
    for plan in plans {
        if let Err(problems) = parse(plan.file, plan.text, vocabulary) {
            return Err(problems.to_string());
        }
        let root = yaml::read(plan.text).expect("a plan that was parsed is YAML");
        examples.collect(&sections, plan.text, &root);
    }
    let mut missing = String::new();
    for section in sections.iter() {
        for row in section.rows.iter().filter(|row| examples.of(section, row).is_none()) {
            let _ = writeln!(
                missing,
                "{}: no plan has `{}`, so there is no example of it",
                section.title, row.name
            );
        }
    }
    if missing.is_empty() { Ok(page::page(&sections, &examples)) } else { Err(missing) }
}
