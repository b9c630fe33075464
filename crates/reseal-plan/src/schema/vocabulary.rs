//! What the plugins add to the language: formats with their options, and places where keys are kept.

use reseal_core::{FormatPlugin, KekPlugin, KeySourcePlugin, NotifierPlugin, OptionKind, OptionSpec};
use serde_json::{Map, Value, json};

use crate::Preset;

/// The plugins whose names a plan may use. The registry hands them in: this crate knows none by name.
#[derive(Clone, Copy)]
pub struct Vocabulary<'a> {
    /// Ciphertext formats.
    pub formats: &'a [FormatPlugin],
    /// Places where keys are kept.
    pub key_sources: &'a [KeySourcePlugin],
    /// Kinds of KEKs.
    pub keks: &'a [KekPlugin],
    /// Ways to notify.
    pub notifiers: &'static [NotifierPlugin],
    /// Formats under names of their own, stated in the options of a format.
    pub presets: &'a [Preset],
}

/// Key sources that the language has and that no plugin fills yet. A plugin of the same name takes precedence.
pub(crate) const LATER_SOURCES: [&str; 0] = [];

/// The key source that is no plugin: the plan's own database.
pub(crate) const SQL_SOURCE: &str = "sql";

/// Marks what the language has and this version does not act on: it is taken, and never suggested.
pub(crate) const LATER: &str = "x-later";

impl<'a> Vocabulary<'a> {
    pub(crate) fn format(&self, name: &str) -> Option<&'a FormatPlugin> {
        self.formats.iter().find(|plugin| plugin.name == name)
    }

    /// The key source that goes by this name.
    #[must_use]
    pub fn key_source(&self, name: &str) -> Option<&'a KeySourcePlugin> {
        self.key_sources.iter().find(|plugin| plugin.name == name)
    }

    pub(crate) fn kek(&self, name: &str) -> Option<&'a KekPlugin> {
        self.keks.iter().find(|plugin| plugin.name == name)
    }

    pub(crate) fn notifier(&self, name: &str) -> Option<&'static NotifierPlugin> {
        self.notifiers.iter().find(|plugin| plugin.name == name)
    }

    /// Puts the plugins' words into the schema of the raw types.
    pub(crate) fn complete(&self, root: &mut Value) {
        let Some(Value::Object(defs)) = root.get_mut("$defs") else { return };
        let formats = self.formats.iter().map(|plugin| (plugin.name, plugin.summary, plugin.options));
        let formats = plugin_schema("A ciphertext format with its options.", formats);
        defs.insert("Format".into(), self.with_presets(formats));
        let notifiers = self.notifiers.iter().map(|plugin| (plugin.name, plugin.summary, plugin.options));
        defs.insert("Via".into(), plugin_schema("A notification channel with its options.", notifiers));
        let many = [("directory", "A directory with one file per key. The file name is the key ID.", text())];
        let source = defs.get("Source").cloned().unwrap_or_default();
        // Where each key of a query is kept: as a key of the plan, but for what only such a key has.
        defs.insert("KeyPlace".into(), self.source_schema(&source, &[], Some(&json!({}))));
        for (name, more) in
            [("Source", [].as_slice()), ("DatabaseSource", &[]), ("Key", &[]), ("KeysFrom", &many)]
        {
            let common = defs.get(name).cloned().unwrap_or_default();
            // A key's bytes and its other facts share one map, as in `{ env: X, encoding: hex, tag: "1" }`. Of these, a
            // KEK has the tag alone.
            let tag = json!({ "tag": common.pointer("/properties/tag") });
            let schema = self.source_schema(&common, more, Some(&tag).filter(|_| name == "Key"));
            defs.insert(name.into(), schema);
        }
    }

    /// The formats with the presets beside them, which may stand for themselves.
    fn with_presets(&self, mut formats: Value) -> Value {
        let Some(Value::Array(variants)) = formats.get_mut("oneOf") else { return formats };
        variants.extend(self.presets.iter().map(|preset| {
            json!({
                "type": "object", "description": preset.summary, "properties": { &preset.name: preset.schema() },
                "required": [preset.name], "additionalProperties": false,
            })
        }));
        let alone = self.presets.iter().filter(|preset| preset.stands_alone());
        let names: Vec<&str> = alone.map(|preset| preset.name.as_str()).collect();
        if !names.is_empty() {
            variants.push(json!({ "type": "string", "enum": names }));
        }
        formats
    }

    pub(crate) fn preset(&self, name: &str) -> Option<&'a Preset> {
        self.presets.iter().find(|preset| preset.name == name)
    }

    /// One variant per place, each with what the raw type says of all of them; where `keks` tells what stands beside
    /// one, KEKs are places too.
    fn source_schema(&self, common: &Value, more: &[(&str, &str, Value)], keks: Option<&Value>) -> Value {
        let words =
            json!({ "anyOf": [text(), { "type": "array", "items": { "type": "string" }, "minItems": 1 }] });
        let plugins = self.key_sources.iter().map(|plugin| (plugin.name, plugin.summary, words.clone()));
        let query = match more {
            [] => "A query on the plan's database that returns one row with one value.",
            _ => {
                "A query on the plan's database that returns one row per key, with a column `id` and the \
                 columns that `key` uses."
            }
        };
        let later = LATER_SOURCES
            .into_iter()
            .filter(|name| self.key_source(name).is_none())
            .map(|name| (name, "Not supported yet by this version of Reseal.", json!({ LATER: true })));
        let variants = plugins.chain([(SQL_SOURCE, query, text())]).chain(more.iter().cloned()).chain(later).map(|(name, summary, words)| {
            let mut properties = Map::new();
            properties.insert(name.into(), words);
            if name != "env" && name != SQL_SOURCE {
                properties.insert("env".into(), pass_env());
            }
            // A query over many keys says with `key` where each one is kept.
            if name == SQL_SOURCE && !more.is_empty() {
                let doc = "Where each key is stored. Values can contain `{COLUMN}`, a column of the query. \
                           `{ sql: COLUMN }` takes the key from the row itself.";
                properties.insert("key".into(), json!({ "$ref": "#/$defs/KeyPlace", "description": doc }));
            }
            if let Some(Value::Object(shared)) = common.get("properties") {
                properties.extend(shared.clone());
            }
            json!({
                "type": "object", "description": summary, "properties": properties, "required": [name],
                "additionalProperties": false,
            })
        });
        let keks = keks.iter().flat_map(|beside| {
            self.keks.iter().map(move |plugin| {
                let mut properties = beside.as_object().cloned().unwrap_or_default();
                properties.insert(plugin.name.into(), options_schema(plugin.options));
                json!({
                    "type": "object", "description": plugin.summary, "properties": properties,
                    "required": [plugin.name], "additionalProperties": false,
                })
            })
        });
        let all: Vec<Value> = variants.chain(keks).collect();
        json!({ "description": common.get("description"), "oneOf": all })
    }
}

/// One variant per plugin, with its options.
fn plugin_schema<'p>(
    description: &str,
    plugins: impl Iterator<Item = (&'p str, &'p str, &'p [OptionSpec])>,
) -> Value {
    let variants = plugins.map(|(name, summary, options)| {
        json!({
            "type": "object", "description": summary, "properties": { name: options_schema(options) },
            "required": [name], "additionalProperties": false,
        })
    });
    json!({ "description": description, "oneOf": variants.collect::<Value>() })
}

/// A map of a plugin's options.
fn options_schema(options: &[OptionSpec]) -> Value {
    let mut properties = Map::new();
    for option in options {
        let mut schema = match option.kind {
            OptionKind::Text | OptionKind::Path => text(),
            OptionKind::Integer => json!({ "type": "integer" }),
            OptionKind::Boolean => json!({ "type": "boolean" }),
            OptionKind::OneOf(words) => json!({ "type": "string", "enum": words }),
            OptionKind::Source => json!({ "$ref": "#/$defs/Source" }),
        };
        schema["description"] = json!(option.doc);
        properties.insert(option.name.into(), schema);
    }
    let required: Vec<&str> =
        options.iter().filter(|option| option.required).map(|option| option.name).collect();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}

/// `env` as a list stands beside another place: variables that a program may see.
fn pass_env() -> Value {
    json!({
        "type": "array", "items": { "type": "string", "minLength": 1 },
        "description": "Environment variables that the program gets in addition to PATH, HOME and LANG. \
                        Default: none.",
    })
}
