//! Settings of a server.

use std::collections::BTreeMap;

/// Settings by name, each as the server writes it.
pub(crate) struct Settings(BTreeMap<String, String>);

impl Settings {
    pub(crate) fn new(settings: impl Iterator<Item = (String, String)>) -> Settings {
        Settings(settings.collect())
    }

    #[cfg(test)]
    pub(crate) fn of(settings: &[(&str, &str)]) -> Settings {
        Settings::new(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
    }

    /// The value; nothing where there is no such setting.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|is| is == value)
    }

    /// Whether there is such a setting, and it says something else.
    pub(crate) fn is_not(&self, name: &str, value: &str) -> bool {
        self.0.get(name).is_some_and(|is| is != value)
    }
}
