//! The JSON Schema of the plan language: generated from the raw types, completed by the vocabulary.

mod vocabulary;

use serde_json::{Map, Value, json};

pub use vocabulary::Vocabulary;
pub(crate) use vocabulary::{LATER, LATER_SOURCES, SQL_SOURCE};

/// The JSON Schema of plans, for editors and for the form check alike.
#[must_use]
pub fn schema(vocabulary: &Vocabulary<'_>) -> Value {
    let mut root = schemars::schema_for!(crate::raw::Plan).to_value();
    without_null(&mut root);
    vocabulary.complete(&mut root);
    if let Value::Object(map) = &mut root {
        map.insert("title".into(), json!("Reseal plan"));
    }
    root
}

/// Takes `null` out of everything that may be left out: in a plan, an entry without a value is a mistake, not a way to
/// leave the entry out.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            map.values_mut().for_each(without_null);
            map.retain(|name, value| !(name == "default" && value.is_null()));
            if let Some(Value::Array(kinds)) = map.get_mut("type") {
                kinds.retain(|kind| kind != "null");
                if let [kind] = kinds.as_slice() {
                    let kind = kind.clone();
                    map.insert("type".into(), kind);
                }
            }
            if let Some(Value::Array(branches)) = map.get_mut("anyOf") {
                branches.retain(|branch| branch.get("type") != Some(&json!("null")));
                if let [Value::Object(only)] = branches.as_slice() {
                    let only: Map<String, Value> = only.clone();
                    map.remove("anyOf");
                    // What is said beside the reference says more than what is said behind it.
                    only.into_iter().for_each(|(name, value)| {
                        map.entry(name).or_insert(value);
                    });
                }
            }
        }
        _ => {}
    }
}
