//! The only crate that names the plugins. It turns a checked [`Plan`] into the [`Job`] that the engine carries out:
//! keys read, formats built, names resolved.
//!
//! **Invariant:** key bytes enter the process here and go nowhere but into [`reseal_core::Key`].

mod hooks;
mod job;
mod keys;
mod notifiers;
mod plugins;
mod presets;
mod reread;
mod unread;

pub use job::{Overrides, job};
pub use keys::{
    FormatOption, Kept, KeyFacts, Keys, Purpose, ReadKeyError, Wanted, database, keys, printed, restored,
    url_in, wanted, will_be,
};
pub use notifiers::{notifier, secret};
pub use plugins::{FORMATS, KEKS, KEY_SOURCES, NOTIFIERS};
pub use presets::presets;

use std::sync::Arc;

use reseal_plan::{Plan, Vocabulary};
use reseal_store::Database;

use crate::unread::Unread;

/// What plans can name.
#[must_use]
pub fn vocabulary() -> Vocabulary<'static> {
    Vocabulary { presets: presets(), ..plugins() }
}

/// The same without presets, in whose words those are read.
pub(crate) fn plugins() -> Vocabulary<'static> {
    Vocabulary { formats: FORMATS, key_sources: KEY_SOURCES, keks: KEKS, notifiers: NOTIFIERS, presets: &[] }
}

/// Why a plan that was checked cannot become a job.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A key could not be read or does not fit.
    #[error(transparent)]
    Key(#[from] ReadKeyError),
    /// A format refused what the check let pass.
    #[error("seal `{seal}`: {message}")]
    Format {
        /// The seal.
        seal: String,
        /// Why.
        message: String,
    },
}

/// Reads the plan's keys and builds its job.
///
/// # Errors
/// When a key cannot be read or does not fit.
pub async fn build(
    plan: &Plan,
    overrides: &Overrides,
    database: &Database,
) -> Result<(Job, Vec<String>), BuildError> {
    built(plan, overrides, database, Purpose::Rotate).await
}

/// The same for a command that looks at cells and moves none: see [`Purpose::Look`].
///
/// # Errors
/// When a key cannot be read or does not fit.
pub async fn build_to_look(
    plan: &Plan,
    overrides: &Overrides,
    database: &Database,
) -> Result<(Job, Vec<String>), BuildError> {
    built(plan, overrides, database, Purpose::Look).await
}

async fn built(
    plan: &Plan,
    overrides: &Overrides,
    database: &Database,
    purpose: Purpose,
) -> Result<(Job, Vec<String>), BuildError> {
    let keys = keys(plan, overrides.primary.as_deref(), database, purpose).await?;
    let warnings = keys.warnings.clone();
    let mut job = job(plan, &keys, overrides)?;
    job.hooks = Arc::new(hooks::hooks(plan, overrides, database));
    job.reread = Some(reread::reread(plan, overrides.primary.as_deref(), database));
    Ok((job, warnings))
}

/// The same for a run, whose steps of `before` may bring the keys: where they cannot be read yet, the job's keysets are
/// empty and it says why.
///
/// # Errors
/// When a key cannot be read and no step may bring it, or does not fit.
pub async fn build_for_run(
    plan: &Plan,
    overrides: &Overrides,
    database: &Database,
) -> Result<(Job, Vec<String>), BuildError> {
    match build(plan, overrides, database).await {
        Err(BuildError::Key(error)) if !plan.hooks.before.is_empty() => {
            let mut job = job(plan, &keys::none(plan).await?, overrides)?;
            job.hooks = Arc::new(hooks::hooks(plan, overrides, database));
            job.keys_missing = Some(Unread::Keys(error.into()).into());
            Ok((job, Vec::new()))
        }
        built => built,
    }
}

pub use reseal_engine::Job;

/// Builds a plan's job with keysets that were not read from its sources.
///
/// # Errors
/// When a format refuses what the check of the plan let pass, or an option cannot be read.
pub async fn job_with(
    plan: &Plan,
    keysets: Vec<std::sync::Arc<reseal_core::Keyset>>,
) -> Result<Job, BuildError> {
    let keys = Keys { keysets, ..keys::none(plan).await? };
    job(plan, &keys, &Overrides::default())
}
