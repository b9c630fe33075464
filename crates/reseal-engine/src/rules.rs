//! The rules that a run was allowed by, held once more against the keys as the steps of `before` left them: what those
//! bring nobody could look at when the run was asked for.

use std::fmt;
use std::sync::Arc;

use crate::catalogue::{self, Entry};
use crate::error::EngineError;
use crate::job::Job;
use crate::job::options::RunOptions;

/// What rules say of keys that they allow.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Rules that an emergency set aside.
    pub skipped: Vec<String>,
    /// Keys that are there since people agreed to the run, each as keyset, id and fingerprint.
    pub brought: Vec<String>,
}

/// The rules' judgement of a run's keys, at a time of the control database.
type Judge = dyn Fn(&[Entry], i64) -> Result<Allowed, EngineError> + Send + Sync;

/// The rules of one run.
#[derive(Clone)]
pub struct Rules(Arc<Judge>);

impl Rules {
    /// Rules that judge by `judge`.
    pub fn new(
        judge: impl Fn(&[Entry], i64) -> Result<Allowed, EngineError> + Send + Sync + 'static,
    ) -> Rules {
        Rules(Arc::new(judge))
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rules")
    }
}

/// Holds the keys of a run against its rules, before they are noted and before the first write; gives the options with
/// what the rules said.
pub(crate) async fn held(job: &Job, options: &RunOptions) -> Result<RunOptions, EngineError> {
    let mut options = options.clone();
    let Some(custody) = &mut options.custody else { return Ok(options) };
    let Some(rules) = custody.rules.clone() else { return Ok(options) };
    let mut control = custody.control.connect().await?;
    let entries = catalogue::enter(&mut control, job).await?;
    let allowed = (rules.0)(&entries, control.now_ms().await?)?;
    custody.brought = allowed.brought;
    for rule in allowed.skipped {
        if !custody.skipped.contains(&rule) {
            custody.skipped.push(rule);
        }
    }
    Ok(options)
}
