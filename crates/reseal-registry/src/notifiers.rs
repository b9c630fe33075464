//! Ways to notify: plugin, options, and secrets read from where they are kept.

use reseal_core::{Notifier, Secrets};
use reseal_plan::ViaSpec;

use crate::ReadKeyError;
use crate::keys::{Reader, decode};
use crate::plugins::NOTIFIERS;

/// Builds a way to notify.
///
/// # Errors
/// When a secret cannot be read, or the plugin refuses what it held.
pub async fn notifier(via: &ViaSpec) -> Result<Box<dyn Notifier>, ReadKeyError> {
    let plugin = NOTIFIERS.iter().find(|plugin| plugin.name == via.plugin).ok_or_else(|| {
        ReadKeyError::new(format!("this build has no notifier {}", via.plugin), "see `reseal --version`")
    })?;
    let mut secrets = Secrets::default();
    for (option, source) in &via.secrets {
        let what = format!("`{option}` of `{}`", via.name);
        let material = Reader::of_files().read(source, &source.args, &what).await?;
        secrets.0.insert(option.clone(), decode(material.bytes, source.encoding, &what)?);
    }
    (plugin.build)(&via.options, &secrets).map_err(|error| {
        let option = error.option.map(|option| format!("`{option}` of ")).unwrap_or_default();
        ReadKeyError::new(
            format!("{option}`{}`: {}", via.name, error.message),
            error.help.unwrap_or_default(),
        )
    })
}
