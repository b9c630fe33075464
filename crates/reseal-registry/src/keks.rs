//! Reaching KEKs, and reading keys a second time.

use std::sync::Arc;

use reseal_core::{Kek, KekPlugin, SourceArgs};
use reseal_engine::{EngineError, Reread};
use reseal_plan::{Plan, SourceSpec};
use reseal_store::Database;

use crate::ReadKeyError;
use crate::keys::{Reader, decode, keys};
use crate::plugins::KEKS;

/// The plugin of a kind of KEK; `None` where it is no KEK but a source of bytes.
pub(crate) fn plugin(kind: &str) -> Option<&'static KekPlugin> {
    KEKS.iter().find(|plugin| plugin.name == kind)
}

/// Reaches a KEK. `args` are those of the source, with their holes filled.
pub(crate) async fn open(
    plugin: &KekPlugin,
    source: &SourceSpec,
    args: &SourceArgs,
    what: &str,
    (reader, warnings): (&mut Reader<'_>, &mut Vec<String>),
) -> Result<Arc<dyn Kek>, ReadKeyError> {
    if let Some(feature) = plugin.feature.filter(|_| !plugin.available) {
        let message = format!("{what}: this build of reseal has no {}", plugin.name);
        return Err(ReadKeyError::new(message, format!("build it with --features {feature}")));
    }
    let kek = (plugin.build)(args).map_err(|error| {
        ReadKeyError::new(format!("{what}: {error}"), error.help.clone().unwrap_or_default())
    })?;
    let secret = match &source.secret {
        Some(secret) => {
            let material = reader.read(secret, &secret.args, what).await?;
            warnings.extend(material.warnings.iter().map(|warning| format!("{what}: {warning}")));
            Some(decode(material.bytes, secret.encoding, what)?)
        }
        None => None,
    };
    let kek = kek.open(secret).await;
    kek.map_err(|error| ReadKeyError::new(format!("{what}: {}", error.message), error.help))
}

/// Reads the keys of a plan again, as they were read.
pub(crate) fn reread(plan: &Plan, asked: Option<&str>, database: &Database) -> Reread {
    let (plan, asked) = (Arc::new(plan.clone()), asked.map(str::to_owned));
    let database = database.clone();
    Arc::new(move || {
        let (plan, asked, database) = (plan.clone(), asked.clone(), database.clone());
        Box::pin(async move {
            let keys = keys(&plan, asked.as_deref(), &database).await;
            let keys = keys.map_err(|error| EngineError::refused("escrow", error.message, error.help))?;
            Ok(keys.keysets)
        })
    })
}
