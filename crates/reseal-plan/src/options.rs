//! From the JSON of a plan to options as plugins take them.

use reseal_core::{OptionValue, Options};
use serde_json::Value;

/// Options as the plugins take them; names and kinds were checked by form. What is stored elsewhere is left out.
pub(crate) fn options_of(raw: &Value) -> Options {
    let value = |value: &Value| match value {
        Value::String(text) => Some(OptionValue::Text(text.clone())),
        Value::Number(n) => n.as_i64().map(OptionValue::Integer),
        Value::Bool(b) => Some(OptionValue::Boolean(*b)),
        _ => None,
    };
    let entries = raw.as_object().into_iter().flatten();
    Options(entries.filter_map(|(name, raw)| Some((name.clone(), value(raw)?))).collect())
}

/// The same with an empty text for each value that is stored elsewhere: that there is one is known before it is read.
pub(crate) fn with_places(raw: &Value) -> Options {
    let mut options = options_of(raw);
    let stored = raw.as_object().into_iter().flatten().filter(|(_, value)| value.is_object());
    options.0.extend(stored.map(|(name, _)| (name.clone(), OptionValue::Text(String::new()))));
    options
}
