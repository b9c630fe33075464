//! What a plan says, in 32 bytes.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::yaml::Node;

/// Sections that a resumed run may find changed: how fast and when, and who hears of it, never what is done.
const PACE_AND_SCHEDULE: [&str; 7] =
    ["batch", "throttle", "windows", "workers", "emergency", "schedule", "notify"];

/// SHA-256 (hex) of all that a plan says, but pace and schedule.
pub(crate) fn without_pace(root: &Node) -> String {
    let mut plan = root.to_json();
    if let Value::Object(sections) = &mut plan {
        sections.retain(|name, _| !PACE_AND_SCHEDULE.contains(&name.as_str()));
    }
    digest(plan)
}

/// SHA-256 (hex) of all that a plan says.
pub(crate) fn whole(root: &Node) -> String {
    digest(root.to_json())
}

fn digest(mut plan: Value) -> String {
    // The order of names says nothing in YAML, and sorting a plan does not change it.
    plan.sort_all_objects();
    hex::encode(Sha256::digest(plan.to_string()))
}
