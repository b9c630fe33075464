//! What a plan says, in 32 bytes.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::yaml::Node;

/// Sections that a resumed run may find changed: how fast and when, and who hears of it, never what is done.
const PACE_AND_SCHEDULE: [&str; 7] =
    ["batch", "throttle", "windows", "workers", "emergency", "schedule", "notify"];

/// SHA-256 (hex) of all that a plan says, but pace and schedule. `presets` is what its seals stand for, by name, where they name
/// a preset: that may change with the version of the program.
pub(crate) fn without_pace(root: &Node, presets: &Map<String, Value>) -> String {
    let mut plan = with_presets(root, presets);
    if let Value::Object(sections) = &mut plan {
        sections.retain(|name, _| !PACE_AND_SCHEDULE.contains(&name.as_str()));
    }
    digest(plan)
}

/// SHA-256 (hex) of all that a plan says.
pub(crate) fn of_plan(root: &Node, presets: &Map<String, Value>) -> String {
    digest(with_presets(root, presets))
}

/// SHA-256 (hex) of all that a part of a plan says.
pub(crate) fn whole(root: &Node) -> String {
    digest(root.to_json())
}

/// A plan without presets has the digest that it had before there were any.
fn with_presets(root: &Node, presets: &Map<String, Value>) -> Value {
    let mut plan = root.to_json();
    if let (Value::Object(sections), false) = (&mut plan, presets.is_empty()) {
        sections.insert("presets".to_owned(), Value::Object(presets.clone()));
    }
    plan
}

fn digest(mut plan: Value) -> String {
    // The order of names says nothing in YAML, and sorting a plan does not change it.
    plan.sort_all_objects();
    hex::encode(Sha256::digest(plan.to_string()))
}
