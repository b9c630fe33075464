//! The format's parts.

use crate::keys::KeyCache;
use crate::settings::Settings;

/// Cells as a plan states them.
pub(crate) struct Custom {
    pub(crate) settings: Settings,
    pub(crate) cache: KeyCache,
}
