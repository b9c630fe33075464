//! What was counted, as the control database keeps it: by the fingerprints of keys, since a label that is a role is another
//! key's after the next rotation.

use reseal_control::ControlSession;
use reseal_engine::{Census, Job, RunError};
use serde_json::{Value, json};

use crate::catalogue;

/// What a count was narrowed to.
#[derive(Clone, Copy, Debug)]
pub struct CountedScope<'a> {
    /// As JSON.
    pub text: &'a str,
    /// Whether it is the whole plan.
    pub whole: bool,
}

/// Keeps what was counted under the keys of a job.
///
/// # Errors
/// When the control database refuses.
pub async fn keep_census(
    control: &mut ControlSession,
    job: &Job,
    census: &Census,
    scope: CountedScope<'_>,
) -> Result<(), RunError> {
    let mut document = census.json();
    let entries = catalogue::find(control, job).await?;
    let key = |entry: &catalogue::CatalogueEntry| {
        let fingerprint = entry.row.as_ref()?.fingerprint.clone();
        Some(json!({ "keyset": entry.keyset, "key": entry.key_id, "fingerprint": fingerprint }))
    };
    document["keys"] = entries.iter().filter_map(key).collect();
    control.keep_census(&census.plan, scope.text, scope.whole, &document.to_string()).await?;
    Ok(())
}

/// The fingerprint, in the catalogue, of the key that a kept count calls so; `None` where it does not say.
#[must_use]
pub fn counted_key<'d>(document: &'d Value, keyset: &str, key: &str) -> Option<&'d str> {
    let mut keys = document["keys"].as_array()?.iter();
    keys.find(|known| known["keyset"] == keyset && known["key"] == key)?["fingerprint"].as_str()
}
