//! Lengths of keys: those that a plan's formats take, and those that keys have.

use reseal_core::{FormatPlugin, Key, KeyLength};
use reseal_plan::{Plan, SealSpec};

use super::ReadKeyError;
use crate::plugins::FORMATS;

/// Which key lengths the format of a seal takes.
pub(crate) fn length_of(plan: &Plan, seal: &SealSpec, plugin: &FormatPlugin) -> Option<KeyLength> {
    let uses = plan.tables.iter().flat_map(|table| table.fields.iter().map(move |field| (table, field)));
    let mut used = uses.filter(|(_, field)| field.seals().any(|at| plan.seals[at].name == seal.name));
    let (table, field) = used.next()?;
    plugin.fit(&seal.options, &field.parts(table)).ok().map(|fitted| fitted.built.key_length)
}

/// Whether a key has a length that every format that uses it takes; a derivation of the seal has a say before that.
pub(super) fn right_length(plan: &Plan, at: usize, key: &Key) -> Result<(), ReadKeyError> {
    if key.kek().is_some() {
        return Ok(());
    }
    let what = format!("key `{}` of keyset `{}`", key.id(), plan.keysets[at].name);
    if key.expose().is_empty() {
        return Err(ReadKeyError::new(format!("{what} is empty"), "check where the key is stored"));
    }
    for seal in plan.seals.iter().filter(|seal| seal.keyset == Some(at) && seal.kdf.is_none()) {
        let Some(format) = FORMATS.iter().find(|format| format.name == seal.format) else { continue };
        let Some(KeyLength::OneOf(lengths)) = length_of(plan, seal, format) else { continue };
        if !lengths.contains(&key.expose().len()) {
            let wanted: Vec<String> = lengths.iter().map(usize::to_string).collect();
            return Err(ReadKeyError::new(
                format!(
                    "{what} has {} bytes, but `{}` requires {}",
                    key.expose().len(),
                    seal.format,
                    wanted.join(" or ")
                ),
                "check `encoding`, or set the `kdf` of the application",
            ));
        }
    }
    Ok(())
}
