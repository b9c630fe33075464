//! Ways to notify: plugin, options, and secrets read from where they are kept.

use reseal_core::{Notifier, SecretBytes, Secrets};
use reseal_plan::{SourceSpec, ViaSpec};

use crate::ReadKeyError;
use crate::keys::{Reader, decode};
use crate::plugins::NOTIFIERS;

/// Reads a secret that is no key of a keyset, and lies outside of the plan's database. `what` is how an error names it.
///
/// # Errors
/// When it cannot be read.
pub async fn secret(source: &SourceSpec, what: &str) -> Result<SecretBytes, ReadKeyError> {
    let material = Reader::of_files().read(source, &source.args, what).await?;
    decode(material.bytes, source.encoding, what)
}

/// Builds a way to notify.
///
/// # Errors
/// When a secret cannot be read, or the plugin refuses what it held.
pub async fn notifier(via: &ViaSpec) -> Result<Box<dyn Notifier>, ReadKeyError> {
    let plugin = NOTIFIERS.iter().find(|plugin| plugin.name == via.plugin).ok_or_else(|| {
        ReadKeyError::new(
            format!("this build of Reseal does not support notifier `{}`", via.plugin),
            "see `reseal --version`",
        )
    })?;
    let mut secrets = Secrets::default();
    for (option, source) in &via.secrets {
        let what = format!("`{option}` of `{}`", via.name);
        secrets.0.insert(option.clone(), secret(source, &what).await?);
    }
    (plugin.build)(&via.options, &secrets).map_err(|error| {
        let option = error.option.map(|option| format!("`{option}` of ")).unwrap_or_default();
        ReadKeyError::new(
            format!("{option}`{}`: {}", via.name, error.message),
            error.help.unwrap_or_default(),
        )
    })
}
