//! What a plugin consists of: a folder, a line in the registry, a page, and for formats the proof that they read what
//! others wrote.

use super::{Findings, Repository};
use crate::workspace::Member;

/// Where plugins are registered, one line each.
const REGISTRY: &str = "crates/reseal-registry/src/plugins.rs";

/// What a plugin's name begins with.
pub(crate) const KINDS: [&str; 3] = ["format-", "keys-", "notify-"];

/// Formats without a foreign producer. Plaintext is no ciphertext: what the application stored is the cell.
const NO_PRODUCER: [&str; 1] = ["format-plaintext"];

/// The lines of a vector file in which it names its producer.
const HEADER_LINES: usize = 10;

pub(super) fn are_complete(repository: &Repository) -> Findings {
    let plugins = repository.workspace.members.iter().filter(|member| member.folder.starts_with("plugins/"));
    plugins.flat_map(|plugin| missing(repository, plugin)).collect()
}

fn missing(repository: &Repository, plugin: &Member) -> Findings {
    let Member { name, folder, .. } = plugin;
    let mut findings = Vec::new();
    let mut check = |holds: bool, file: &str, rule: &str| {
        if !holds {
            findings.push(format!("{file}: {rule}"));
        }
    };
    check(
        KINDS.iter().any(|kind| name.starts_with(kind)),
        folder,
        &format!("not a plugin name; it must start with one of {KINDS:?}"),
    );

    let constant = format!("{}::PLUGIN", name.replace('-', "_"));
    let registry = repository.text(REGISTRY).unwrap_or_default();
    check(registry.contains(&constant), REGISTRY, &format!("{constant} is not registered"));

    let page = format!("{folder}/README.md");
    check(repository.text(&page).is_some(), &page, "is missing");

    if name.starts_with("format-") {
        let mount = format!("{folder}/tests/conformance.rs");
        let mounted = repository.text(&mount).is_some_and(|text| text.contains("conformance::"));
        check(mounted, &mount, "does not mount the conformance suite");
    }
    if name.starts_with("format-") && !NO_PRODUCER.contains(&name.as_str()) {
        let vectors = format!("{folder}/vectors");
        let foreign = repository.under(&vectors).any(|file| names_a_producer(&file.text));
        check(foreign, &vectors, "no file has a `producer:` line at its beginning");
        let script =
            repository.under(&vectors).any(|file| file.path.ends_with(".py") || file.path.ends_with(".sql"));
        check(script, &vectors, "the script that creates them is missing");
    }
    findings
}

/// `# producer: pyca/cryptography 50.0.2`, or `"producer": …` in JSON.
fn names_a_producer(text: &str) -> bool {
    text.lines().take(HEADER_LINES).any(|line| {
        let line = line.to_lowercase().replace('"', "");
        line.split_once("producer:").is_some_and(|(_, producer)| !producer.trim().is_empty())
    })
}
