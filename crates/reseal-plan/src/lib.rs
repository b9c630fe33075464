//! YAML to a typed [`Plan`], with all mistakes of a file at once, and the JSON Schema of the language.
//!
//! A text goes through four stages: the bounded YAML reader makes a tree that knows where everything stands; the form
//! check holds the tree against the schema; what passes becomes raw types; the check of meaning turns those into a
//! [`Plan`], in which every name is resolved and every template, quantity and pattern is parsed. The schema is
//! generated from the raw types, so that editors, the form check and the reader cannot disagree.
//!
//! **Invariant:** no I/O but the text handed in, no key material, and no plugin known by name: formats and key sources
//! come in as a [`Vocabulary`]. No message shows a secret, nor any line but the one it is about.

mod condition;
mod cron;
mod digest;
mod document;
mod form;
mod language;
mod meaning;
mod names;
mod options;
mod plan;
mod preset;
mod preset_file;
mod problem;
mod raw;
#[cfg(feature = "reference")]
mod reference;
mod schema;
mod secret;
mod step_text;
mod window;
mod yaml;

pub use cron::{CronError, CronLine};
pub use language::{Draft, Language};
pub use plan::{
    Action, Application, Approvals, BackupProof, Batch, ColumnName, Database, DiskProof, Emergency, Encoding,
    EnvelopeSpec, EventSpec, FieldSpec, Guard, Hooks, JobSpec, JsonPick, Keep, KeyIdSpec, KeyOfRow, KeySpec,
    KeysFromSpec, KeysPlace, KeysetSpec, Misfire, Move, NamedFile, NotifySpec, Overlap, Pace, Period, Plan,
    PlanFile, PlanPath, Policy, PrimarySpec, Proof, Recipient, Recipients, RunWindow, SLOT, ScheduleSpec,
    SealSpec, SourceSpec, Standard, StepActionSpec, StepEnvSpec, StepPlace, StepSpec, Switch, TableSpec,
    Throttle, Timing, Undo, VarSpec, ViaSpec, When, WordingSpec,
};
pub use preset::{BASE, NONE, Preset, unknown as unknown_preset};
pub use problem::{MarkedLine, Problem, Problems};
#[cfg(feature = "reference")]
pub use reference::{ExamplePlan, reference};
pub use reseal_core::Validator;
pub use schema::{Vocabulary, schema};
pub use window::Window;

/// Reads a plan; whoever reads many keeps a [`Language`].
///
/// # Errors
/// All mistakes of form and meaning, in the order of the file.
pub fn parse(file: PlanFile<'_>, text: &str, vocabulary: &Vocabulary<'_>) -> Result<Plan, Problems> {
    Language::of(vocabulary).parse(file, text)
}

/// A plan as one line of JSON, which is YAML too: all that [`parse`] takes from a text, without its layout, aliases and
/// comments. `None` where the text is not YAML.
#[cfg(feature = "print")]
#[must_use]
pub fn print(text: &str) -> Option<String> {
    yaml::read(text).ok().map(|root| root.to_json().to_string())
}
