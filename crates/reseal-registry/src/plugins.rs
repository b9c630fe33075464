//! The list of plugins. A new one is one line here.

use reseal_core::{FormatPlugin, KeySourcePlugin};

/// Every format that a plan can name.
pub const FORMATS: &[FormatPlugin] =
    &[format_aes_gcm::PLUGIN, format_fernet::PLUGIN, format_pgcrypto::PLUGIN, format_plaintext::PLUGIN];

/// Every place that a plan can take keys from.
pub const KEY_SOURCES: &[KeySourcePlugin] = &[keys_command::PLUGIN, keys_env::PLUGIN, keys_file::PLUGIN];
