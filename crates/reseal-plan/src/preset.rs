//! Presets: formats under the name of their producer, each a file of data that says what the name stands for.

use serde_json::{Map, Value, json};

use crate::names::{did_you_mean, listed};

/// A format under a name of its own, stated in the options of another.
#[derive(Clone, Debug)]
pub struct Preset {
    /// Its name in a plan.
    pub name: String,
    /// One sentence for documentation and editors.
    pub summary: String,
    pub(crate) options: Vec<PresetOption>,
    /// What it stands for: options of the format [`BASE`].
    pub(crate) base: Map<String, Value>,
    /// What replaces some of these, by the word of an option that says so; [`NONE`] removes one.
    pub(crate) variants: Vec<(String, Map<String, Value>)>,
}

/// The format in whose options presets are stated.
pub const BASE: &str = "custom";

/// What a variant says of an option that it does not have.
pub const NONE: &str = "none";

/// What a plan may set.
#[derive(Clone, Debug)]
pub(crate) struct PresetOption {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) kind: Kind,
}

/// What an option takes.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    /// One of these words; the first where a plan says nothing.
    Words(Vec<String>),
    /// A text that stands for `<name>`; what it is where a plan says nothing.
    Text(Option<String>),
    /// A place where a value is stored. It is an option of [`BASE`] too, of the same name.
    Source,
}

/// Why a plan's options of a preset cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unfit {
    pub(crate) option: String,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl Preset {
    /// Whether a plan may write the name alone.
    #[must_use]
    pub fn stands_alone(&self) -> bool {
        !self.options.iter().any(PresetOption::is_required)
    }

    /// What the preset stands for with these options: the options of [`BASE`].
    pub(crate) fn expand(&self, given: &Value) -> Result<Value, Unfit> {
        let mut stated = self.base.clone();
        for option in &self.options {
            if let Kind::Words(words) = &option.kind {
                let word =
                    given.get(&option.name).and_then(Value::as_str).or(words.first().map(String::as_str));
                let variant = self.variants.iter().find(|(name, _)| Some(name.as_str()) == word);
                stated.extend(variant.into_iter().flat_map(|(_, changes)| changes.clone()));
            }
        }
        stated.retain(|_, value| value != NONE);
        for option in &self.options {
            match &option.kind {
                Kind::Words(_) => {}
                Kind::Text(default) => {
                    let text = given.get(&option.name).and_then(Value::as_str).or(default.as_deref());
                    let text = option.fit(text.unwrap_or_default())?;
                    let hole = format!("<{}>", option.name);
                    stated.values_mut().for_each(|value| fill(value, &hole, text));
                }
                Kind::Source => {
                    if let Some(source) = given.get(&option.name) {
                        stated.insert(option.name.clone(), source.clone());
                    }
                }
            }
        }
        Ok(Value::Object(stated))
    }

    /// What the preset stands for where a plan sets no more than it must, as a document for people. Holes that a plan fills
    /// stay as they are.
    #[must_use]
    pub fn shown(&self) -> Value {
        let mut given = Map::new();
        for option in &self.options {
            match &option.kind {
                Kind::Text(None) => {
                    drop(given.insert(option.name.clone(), json!(format!("<{}>", option.name))))
                }
                Kind::Source => drop(given.insert(option.name.clone(), json!({ "env": "NAME" }))),
                Kind::Words(_) | Kind::Text(Some(_)) => {}
            }
        }
        self.expand(&Value::Object(given)).unwrap_or_default()
    }

    /// The same for each word that changes something.
    #[must_use]
    pub fn variants(&self) -> Vec<(&str, &Map<String, Value>)> {
        self.variants.iter().map(|(word, changes)| (word.as_str(), changes)).collect()
    }

    /// The options that a plan may set, each with what is said of it.
    #[must_use]
    pub fn options(&self) -> Vec<(&str, &str)> {
        self.options.iter().map(|option| (option.name.as_str(), option.doc.as_str())).collect()
    }

    /// What a plan may write of it.
    pub(crate) fn schema(&self) -> Value {
        let mut properties = Map::new();
        for option in &self.options {
            let mut schema = match &option.kind {
                Kind::Words(words) => json!({ "type": "string", "enum": words }),
                Kind::Text(_) => json!({ "type": "string", "minLength": 1 }),
                Kind::Source => json!({ "$ref": "#/$defs/Source" }),
            };
            schema["description"] = json!(option.doc);
            properties.insert(option.name.clone(), schema);
        }
        let required = self.options.iter().filter(|option| option.is_required());
        let required: Vec<&str> = required.map(|option| option.name.as_str()).collect();
        json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
    }
}

impl PresetOption {
    fn is_required(&self) -> bool {
        matches!(self.kind, Kind::Text(None) | Kind::Source)
    }

    /// A text that may stand within an expression or a layout.
    fn fit<'t>(&self, text: &'t str) -> Result<&'t str, Unfit> {
        let is_shown = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')) == Some(&self.name);
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ' | ':' | '/');
        match is_shown || text.chars().all(fits) {
            true => Ok(text),
            false => Err(Unfit {
                option: self.name.clone(),
                message: format!("`{}` contains a character that is not allowed here", self.name),
                help: "use letters, digits, spaces and _ - . : /".to_owned(),
            }),
        }
    }
}

fn fill(value: &mut Value, hole: &str, text: &str) {
    if let Value::String(stated) = value
        && stated.contains(hole)
    {
        *stated = stated.replace(hole, text);
    }
}

/// What is said of a name that no preset has.
#[must_use]
pub fn unknown(presets: &[Preset], name: &str) -> String {
    let known: Vec<&str> = presets.iter().map(|preset| preset.name.as_str()).collect();
    did_you_mean(name, &known).unwrap_or_else(|| format!("valid names: {}", listed(&known, "and")))
}
