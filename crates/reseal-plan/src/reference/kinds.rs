//! What a schema allows in a place, and how the page says it.

use serde_json::Value;

use crate::raw;

/// How a key that is none of the fixed ones is called.
pub(super) const OTHER: &str = "NAME";

/// The schema, whose types are looked up by name.
#[derive(Clone, Copy)]
pub(super) struct Schema<'s> {
    pub(super) root: &'s Value,
}

/// One of the things that a place allows.
pub(super) struct Alternative<'s> {
    pub(super) schema: &'s Value,
    /// The name of its type, and the names below it.
    pub(super) id: String,
}

impl<'s> Alternative<'s> {
    pub(super) fn is(&self, kind: &str) -> bool {
        self.schema.get("type").and_then(Value::as_str) == Some(kind)
    }

    /// The keys of a map; the schema of others goes by [`OTHER`].
    pub(super) fn keys(&self) -> impl Iterator<Item = (&'s str, &'s Value)> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        let others = self.others().filter(|_| properties.is_some());
        let named = properties.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema));
        named.chain(others.map(|schema| (OTHER, schema)))
    }

    /// What keys that are not fixed may hold.
    pub(super) fn others(&self) -> Option<&'s Value> {
        self.schema.get("additionalProperties").filter(|others| others.is_object())
    }

    pub(super) fn has_keys(&self) -> bool {
        self.keys().next().is_some()
    }

    /// Whether it is a map whose names are the author's.
    pub(super) fn is_free_map(&self) -> bool {
        !self.has_keys() && self.others().is_some()
    }

    pub(super) fn required(&self) -> impl Iterator<Item = &'s str> {
        self.schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    pub(super) fn description(&self) -> &'s str {
        self.schema.get("description").and_then(Value::as_str).unwrap_or_default()
    }

    /// The words that it allows.
    fn words(&self) -> Vec<&'s str> {
        let one = self.schema.get("const").and_then(Value::as_str);
        let many = self.schema.get("enum").and_then(Value::as_array).into_iter().flatten();
        one.into_iter().chain(many.filter_map(Value::as_str)).collect()
    }
}

/// A word with what it means.
pub(super) struct Word<'s> {
    pub(super) word: &'s str,
    pub(super) meaning: &'s str,
}

impl<'s> Schema<'s> {
    /// What a place allows, with references followed and alternatives side by side.
    pub(super) fn alternatives(self, schema: &'s Value, id: &str) -> Vec<Alternative<'s>> {
        if let Some(name) = reference(schema) {
            let target = self.root.get("$defs").and_then(|types| types.get(name));
            return target.map(|target| self.alternatives(target, name)).unwrap_or_default();
        }
        match schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
            Some(several) => several.iter().flat_map(|one| self.alternatives(one, id)).collect(),
            None => vec![Alternative { schema, id: id.to_owned() }],
        }
    }

    /// What the type of a map says of itself.
    pub(super) fn description(self, id: &str, forms: &[&Alternative<'s>]) -> &'s str {
        let of_type = self.root.get("$defs").and_then(|types| types.get(id)?.get("description")?.as_str());
        of_type.or_else(|| Some(forms.first()?.description())).unwrap_or_default()
    }

    /// The words that a place allows, each with its meaning where there is one.
    pub(super) fn words(self, schema: &'s Value) -> Vec<Word<'s>> {
        let alternatives = self.alternatives(schema, "");
        let meant = |alternative: &Alternative<'s>| {
            let words = alternative.words();
            let meaning = if words.len() == 1 { alternative.description() } else { "" };
            words.into_iter().map(|word| Word { word, meaning }).collect::<Vec<_>>()
        };
        alternatives.iter().flat_map(meant).collect()
    }

    /// The value that a key has where a plan does not set it.
    pub(super) fn default(self, schema: &'s Value) -> Option<String> {
        match schema.get("default") {
            Some(Value::Array(items)) if items.is_empty() => Some("[]".to_owned()),
            Some(Value::String(text)) => Some(format!("\"{text}\"")),
            Some(value) => Some(value.to_string()),
            None => default_word(reference(schema)?).map(str::to_owned),
        }
    }
}

/// The type that a schema refers to.
pub(super) fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str)?.strip_prefix("#/$defs/")
}

/// The default of a type of words: the schema does not say it, the type does.
fn default_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "Undo" => match raw::Undo::default() {
            raw::Undo::Keep => "keep",
            raw::Undo::None => "none",
        },
        "Guard" => match raw::Guard::default() {
            raw::Guard::Constraint => "constraint",
            raw::Guard::Trigger => "trigger",
            raw::Guard::None => "none",
        },
        "Misfire" => match raw::Misfire::default() {
            raw::Misfire::Skip => "skip",
            raw::Misfire::Once => "once",
            raw::Misfire::All => "all",
        },
        "Overlap" => match raw::Overlap::default() {
            raw::Overlap::Forbid => "forbid",
            raw::Overlap::Allow => "allow",
        },
        "Dek" => match raw::Dek::default() {
            raw::Dek::Aes256 => "aes-256",
            raw::Dek::Aes128 => "aes-128",
        },
        _ => return None,
    })
}
