//! Reaching KEKs.

use std::sync::Arc;

use reseal_core::{Kek, KekPlugin, SourceArgs};
use reseal_plan::SourceSpec;

use super::ReadKeyError;
use super::bytes::decode;
use super::reader::Reader;

impl Reader<'_> {
    /// Reaches a KEK. `args` are those of the source, with their holes filled.
    pub(super) async fn kek(
        &mut self,
        plugin: &KekPlugin,
        source: &SourceSpec,
        args: &SourceArgs,
        what: &str,
    ) -> Result<Arc<dyn Kek>, ReadKeyError> {
        if let Some(feature) = plugin.feature.filter(|_| !plugin.available) {
            let message = format!("{what}: this build of Reseal does not support `{}`", plugin.name);
            return Err(ReadKeyError::new(message, format!("build Reseal with `--features {feature}`")));
        }
        let kek = (plugin.build)(args).map_err(|error| {
            ReadKeyError::new(format!("{what}: {error}"), error.help.clone().unwrap_or_default())
        })?;
        let secret = match &source.secret {
            Some(secret) => {
                let material = self.read(secret, &secret.args, what).await?;
                self.warn(what, &material);
                Some(decode(material.bytes, secret.encoding, what)?)
            }
            None => None,
        };
        let kek = kek.open(secret).await;
        kek.map_err(|error| ReadKeyError::new(format!("{what}: {}", error.message), error.help))
    }
}
