//! What `reseal --version` says: the version, and what this build has.

use std::sync::LazyLock;

use reseal_registry::{FORMATS, KEKS, KEY_SOURCES};

static LONG: LazyLock<String> = LazyLock::new(|| {
    let formats: Vec<&str> = FORMATS.iter().map(|plugin| plugin.name).collect();
    // Queries of the plan's own database are no plugin: they need the plan.
    let sources: Vec<&str> = KEY_SOURCES
        .iter()
        .map(|plugin| match plugin.name {
            "age" if !cfg!(feature = "age") => "age (not in this build: --features age)",
            name => name,
        })
        .chain(["sql"])
        .collect();
    let keks: Vec<String> = KEKS
        .iter()
        .map(|plugin| match plugin.feature.filter(|_| !plugin.available) {
            Some(feature) => format!("{} (not in this build: --features {feature})", plugin.name),
            None => plugin.name.to_owned(),
        })
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "{version}\nformats: {}\nkeys from: {}\nKEKs: {}",
        formats.join(", "),
        sources.join(", "),
        keks.join(", ")
    )
});

/// The long form, as clap takes it.
pub(crate) fn long() -> &'static str {
    &LONG
}
