//! `reseal formats`: the formats and presets that plans can name, and what a preset stands for.

use reseal_app::Failure;
use reseal_plan::{BASE, NONE, Preset, unknown_preset};
use reseal_registry::{FORMATS, presets};
use serde_json::{Value, json};

use crate::args::FormatsCommand;
use crate::exit::{CLEAN, Done, Outcome};

/// Lists them, or shows one preset.
pub(crate) fn formats(command: Option<&FormatsCommand>) -> Outcome {
    match command {
        None => Ok(list()),
        Some(FormatsCommand::Show { name }) => show(name),
    }
}

fn list() -> Done {
    let formats = FORMATS.iter().map(|plugin| json!({ "name": plugin.name, "summary": plugin.summary }));
    let named = presets().iter().map(|preset| json!({ "name": preset.name, "summary": preset.summary }));
    let line = |name: &str, summary: &str| format!("  {name:<20} {summary}");
    let mut lines = vec!["Formats:".to_owned()];
    lines.extend(FORMATS.iter().map(|plugin| line(plugin.name, plugin.summary)));
    lines.push(format!("\nPresets, which stand for options of `{BASE}`:"));
    lines.extend(presets().iter().map(|preset| line(&preset.name, &preset.summary)));
    let document = json!({ "formats": formats.collect::<Value>(), "presets": named.collect::<Value>() });
    Done::new(CLEAN, document, lines.join("\n"))
}

fn show(name: &str) -> Outcome {
    let preset = presets().iter().find(|preset| preset.name == name).ok_or_else(|| {
        let message = format!("`{name}` is not a preset");
        Failure::usage("unknown-preset", message, unknown_preset(presets(), name))
    })?;
    let variants: Value =
        preset.variants().into_iter().map(|(word, changes)| json!({ word: changes })).collect();
    let options: Value =
        preset.options().into_iter().map(|(name, doc)| json!({ "name": name, "doc": doc })).collect();
    let document = json!({
        "name": preset.name, "summary": preset.summary, "options": options,
        "format": { BASE: preset.shown() }, "variants": variants,
    });
    Ok(Done::new(CLEAN, document, text(preset)))
}

/// What a preset stands for, as a plan would write it.
fn text(preset: &Preset) -> String {
    let mut lines = vec![format!("{}: {}", preset.name, preset.summary)];
    let options = preset.options();
    if !options.is_empty() {
        lines.push("\nOptions:".to_owned());
        lines.extend(options.iter().map(|(name, doc)| format!("  {name:<12} {doc}")));
    }
    lines.push(format!("\nStands for:\n  format:\n    {BASE}:"));
    lines.extend(entries(&preset.shown()).map(|entry| format!("      {entry}")));
    for (word, changes) in preset.variants() {
        lines.push(format!("\nWith {word}:"));
        lines.extend(changes.iter().map(|(name, value)| match value {
            Value::String(text) if text == NONE => format!("      without {name}"),
            value => format!("      {name}: {}", scalar(value)),
        }));
    }
    lines.join("\n")
}

fn entries(map: &Value) -> impl Iterator<Item = String> {
    map.as_object().into_iter().flatten().map(|(name, value)| format!("{name}: {}", scalar(value)))
}

/// A value as YAML.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{name}: {}", scalar(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        other => other.to_string(),
    }
}
