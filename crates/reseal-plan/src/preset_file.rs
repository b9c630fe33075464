//! From the file of a preset to the preset, with all mistakes at once.

use reseal_core::{FormatPlugin, OptionError, OptionKind, OptionSpec, Part};
use serde_json::{Map, Value, json};

use crate::document::{self, Document, Finding};
use crate::options::with_places;
use crate::preset::{BASE, Kind, NONE, Preset, PresetOption};
use crate::{Problems, Vocabulary, form, yaml};

impl Preset {
    /// Reads the file of a preset; `name` is what messages call the file.
    ///
    /// # Errors
    /// All mistakes of form, else what the format that it is stated in says of its options.
    pub fn read(name: &str, text: &str, vocabulary: &Vocabulary<'_>) -> Result<Preset, Problems> {
        let root = root(name, text)?;
        let base = vocabulary.format(BASE);
        let mut findings = form::check(text, &root, &schema(base)).findings;
        let preset = of(&root.to_json());
        if findings.is_empty() {
            findings.extend(base.and_then(|base| wrong(&preset, base, &root)));
        }
        match findings.is_empty() {
            true => Ok(preset),
            false => Err(Problems(Document::new(name, text, &root, Vec::new()).problems(findings))),
        }
    }

    /// The same of a file that [`Preset::read`] has let pass: nothing is checked again.
    ///
    /// # Errors
    /// When the text is not YAML.
    pub fn of_checked(name: &str, text: &str) -> Result<Preset, Problems> {
        Ok(of(&root(name, text)?.to_json()))
    }
}

fn root(name: &str, text: &str) -> Result<yaml::Node, Problems> {
    yaml::read(text).map_err(|error| Problems(vec![document::unreadable(name, text, &error)]))
}

/// The JSON Schema of a preset's file.
fn schema(base: Option<&FormatPlugin>) -> Value {
    let text = || json!({ "type": "string", "minLength": 1 });
    let stated = stated(base);
    let option = json!({
        "type": "object", "additionalProperties": false, "required": ["doc"],
        "properties": {
            "doc": text(),
            "words": { "type": "array", "items": text(), "minItems": 1 },
            "default": text(),
            "source": { "type": "boolean" },
        },
    });
    json!({
        "type": "object", "additionalProperties": false, "required": ["format", "summary", BASE],
        "properties": {
            "format": text(), "summary": text(), BASE: stated,
            "options": { "type": "object", "additionalProperties": option },
            "variants": { "type": "object", "additionalProperties": stated },
        },
    })
}

/// The options of the format that presets are stated in, any of which may be left out.
fn stated(base: Option<&FormatPlugin>) -> Value {
    let options = base.into_iter().flat_map(|base| base.options);
    let options = options.filter(|option| option.kind != OptionKind::Source);
    let options = options.map(|option| (option.name.to_owned(), value_of(option)));
    json!({ "type": "object", "additionalProperties": false, "properties": options.collect::<Map<_, _>>() })
}

/// What an option takes in a preset: in a variant, [`NONE`] too.
fn value_of(option: &OptionSpec) -> Value {
    match option.kind {
        OptionKind::OneOf(words) => {
            let none = words.iter().copied().chain([NONE].into_iter().filter(|none| !words.contains(none)));
            json!({ "type": "string", "enum": none.collect::<Vec<_>>() })
        }
        _ => json!({ "type": "string", "minLength": 1 }),
    }
}

/// The preset of a document that the form check let pass.
fn of(document: &Value) -> Preset {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let map = |name: &str| document.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
    let options = map("options").into_iter().map(|(name, option)| option_of(name, &option));
    let variants = map("variants").into_iter();
    Preset {
        name: text(&document["format"]),
        summary: text(&document["summary"]),
        options: options.collect(),
        base: map(BASE),
        variants: variants
            .map(|(word, changes)| (word, changes.as_object().cloned().unwrap_or_default()))
            .collect(),
    }
}

fn option_of(name: String, option: &Value) -> PresetOption {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let kind = match (option.get("words").and_then(Value::as_array), &option["source"]) {
        (Some(words), _) => Kind::Words(words.iter().map(text).collect()),
        (None, Value::Bool(true)) => Kind::Source,
        (None, _) => Kind::Text(option.get("default").and_then(Value::as_str).map(str::to_owned)),
    };
    PresetOption { name, doc: text(&option["doc"]), kind }
}

/// What the format says of the preset, in each of its variants.
fn wrong(preset: &Preset, base: &FormatPlugin, root: &yaml::Node) -> Option<Finding> {
    let words = preset.variants.iter().map(|(word, _)| Some(word.as_str()));
    std::iter::once(None).chain(words).find_map(|word| {
        let error = refused(preset, base, word)?;
        let option = error.option.unwrap_or_default();
        let variant = word.and_then(|word| root.get("variants")?.get(word)?.entry(option));
        let entry = variant.or_else(|| root.get(BASE)?.entry(option));
        let span = entry.map(|entry| entry.node.span).or(root.entry(BASE).map(|entry| entry.name_span));
        Some(Finding::new("format-option", span.unwrap_or_default(), error.message).maybe_help(error.help))
    })
}

/// Why the format cannot be built, for cells in one column or with a nonce in its own.
fn refused(preset: &Preset, base: &FormatPlugin, word: Option<&str>) -> Option<OptionError> {
    let options = with_places(&preset.expand(&sample(preset, word)).ok()?);
    let whole = base.fit(&options, &[]).err()?;
    base.fit(&options, &[Part::Ciphertext, Part::Nonce]).err().map(|_| whole)
}

/// Options that a plan could set, with this word where one takes it.
fn sample(preset: &Preset, word: Option<&str>) -> Value {
    let value = |option: &PresetOption| match &option.kind {
        Kind::Words(words) => words.iter().find(|known| Some(known.as_str()) == word).map(|word| json!(word)),
        Kind::Text(None) => Some(json!("x")),
        Kind::Text(Some(_)) => None,
        Kind::Source => Some(json!({ "env": "X" })),
    };
    let given = preset.options.iter().filter_map(|option| Some((option.name.clone(), value(option)?)));
    Value::Object(given.collect())
}
