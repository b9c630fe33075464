//! The list of plugins. A new one is one line here.

use reseal_core::{FormatPlugin, KekPlugin, KeySourcePlugin, NotifierPlugin};

/// Every format that a plan can name.
pub const FORMATS: &[FormatPlugin] = &[
    format_custom::PLUGIN,
    format_aes_gcm::PLUGIN,
    format_fernet::PLUGIN,
    format_pgcrypto::PLUGIN,
    format_plaintext::PLUGIN,
];

/// Every place that a plan can take keys from.
pub const KEY_SOURCES: &[KeySourcePlugin] =
    &[keys_age::PLUGIN, keys_command::PLUGIN, keys_env::PLUGIN, keys_file::PLUGIN];

/// Every kind of KEK that a plan can name, also those that this build does not have.
pub const KEKS: &[KekPlugin] = &[keys_aws_kms::PLUGIN, keys_local::PLUGIN, keys_pkcs11::PLUGIN];

/// Every way that a plan can tell people something.
pub const NOTIFIERS: &[NotifierPlugin] = &[notify_log::PLUGIN, notify_smtp::PLUGIN, notify_webhook::PLUGIN];
