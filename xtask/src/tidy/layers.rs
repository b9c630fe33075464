//! Which crate may depend on which. Arrows point downward: a row names only crates of rows above it.

use super::{Findings, Repository};
use crate::workspace::{Dependency, Member};

/// Our crates, from the ground up, each with the crates of ours that it may name. Tests may look further: see
/// [`allowed`].
const LAYERS: [(&str, &[&str]); 13] = [
    ("reseal-core", &[]),
    ("reseal-files", &[]),
    ("reseal-plan", &["reseal-core"]),
    ("reseal-store", &["reseal-core"]),
    ("reseal-control", &["reseal-core", "reseal-store"]),
    ("reseal-engine", &["reseal-core", "reseal-store"]),
    ("reseal-schedule", &["reseal-core", "reseal-plan"]),
    (
        "reseal-registry",
        &["reseal-core", "reseal-plan", "reseal-store", "reseal-engine", "reseal-schedule", PLUGINS],
    ),
    (
        "reseal-custody",
        &[
            "reseal-core",
            "reseal-files",
            "reseal-plan",
            "reseal-store",
            "reseal-control",
            "reseal-engine",
            "reseal-registry",
        ],
    ),
    (
        "reseal-notify",
        &["reseal-core", "reseal-plan", "reseal-store", "reseal-control", "reseal-engine", "reseal-registry"],
    ),
    (
        "reseal-serve",
        &[
            "reseal-core",
            "reseal-plan",
            "reseal-store",
            "reseal-control",
            "reseal-engine",
            "reseal-schedule",
            "reseal-registry",
            "reseal-custody",
            "reseal-notify",
        ],
    ),
    (
        "reseal-app",
        &[
            "reseal-core",
            "reseal-files",
            "reseal-plan",
            "reseal-store",
            "reseal-control",
            "reseal-engine",
            "reseal-schedule",
            "reseal-registry",
            "reseal-custody",
            "reseal-notify",
            "reseal-serve",
        ],
    ),
    (
        "reseal-cli",
        &[
            "reseal-core",
            "reseal-plan",
            "reseal-store",
            "reseal-control",
            "reseal-engine",
            "reseal-schedule",
            "reseal-registry",
            "reseal-custody",
            "reseal-notify",
            "reseal-serve",
            "reseal-app",
        ],
    ),
];

/// Stands for every crate under plugins/.
const PLUGINS: &str = "plugins/*";

/// Crates that stand outside of the house and see all of it.
const OUTSIDE: [&str; 3] = ["fuzz-bodies", "reseal-tests", "xtask"];

/// Libraries that only these crates may name, so that what they stand for stays behind one wall.
const WALLS: [(&str, &[&str]); 17] = [
    ("age", &["keys-age", "reseal-custody"]),
    ("sqlx", &["reseal-store"]),
    ("sea-query", &["reseal-store", "reseal-control"]),
    ("sea-query-sqlx", &["reseal-store"]),
    ("serde_yaml", &["reseal-plan"]),
    ("schemars", &["reseal-plan"]),
    ("croner", &["reseal-plan"]),
    ("tokio-cron-scheduler", &["reseal-serve"]),
    ("aes-gcm", &["format-aes-gcm", "format-custom", "reseal-engine"]),
    ("fernet", &["format-fernet"]),
    ("cfb-mode", &["format-custom", "format-pgcrypto"]),
    ("lettre", &["notify-smtp"]),
    ("reqwest", &["notify-webhook"]),
    ("minijinja", &["reseal-app", "reseal-notify", "reseal-plan", "reseal-serve", "notify-webhook"]),
    ("clap", &["reseal-cli"]),
    ("miette", &["reseal-cli"]),
    ("indicatif", &["reseal-cli"]),
];

pub(super) fn arrows_point_downward(repository: &Repository) -> Findings {
    let members = &repository.workspace.members;
    let is_ours = |dependency: &&Dependency| members.iter().any(|member| member.name == dependency.name);
    let mut findings = Vec::new();
    for member in members.iter().filter(|member| !OUTSIDE.contains(&member.name.as_str())) {
        let Some(allowed) = allowed(member) else {
            findings.push(format!("{}: add a row to the layers in xtask/src/tidy/layers.rs", member.folder));
            continue;
        };
        for dependency in member.dependencies.iter().filter(is_ours) {
            let name = dependency.name.as_str();
            let is_plugin = members.iter().any(|other| other.name == name && is_plugin(other));
            let kind = if is_plugin { PLUGINS } else { name };
            if !allowed.contains(&kind) {
                findings.push(format!(
                    "{}/Cargo.toml: must not depend on {name}, which is not in a lower layer",
                    member.folder
                ));
            }
        }
    }
    findings
}

pub(super) fn libraries_stay_in_their_crates(repository: &Repository) -> Findings {
    let mut findings = Vec::new();
    for member in
        repository.workspace.members.iter().filter(|member| !OUTSIDE.contains(&member.name.as_str()))
    {
        // Tests may use a library to look at a result from outside.
        for dependency in member.dependencies.iter().filter(|dependency| !dependency.dev) {
            let wall = WALLS.iter().find(|(library, _)| *library == dependency.name);
            if let Some((library, crates)) = wall
                && !crates.contains(&member.name.as_str())
            {
                findings
                    .push(format!("{}/Cargo.toml: only {crates:?} can depend on {library}", member.folder));
            }
        }
    }
    findings
}

fn allowed(member: &Member) -> Option<&'static [&'static str]> {
    if is_plugin(member) {
        return Some(&["reseal-core", "reseal-files"]);
    }
    LAYERS.iter().find(|(name, _)| *name == member.name).map(|(_, allowed)| *allowed)
}

fn is_plugin(member: &Member) -> bool {
    member.folder.starts_with("plugins/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_names_only_rows_above_it() {
        for (at, (name, allowed)) in LAYERS.iter().enumerate() {
            let above: Vec<&str> = LAYERS[..at].iter().map(|(name, _)| *name).chain([PLUGINS]).collect();
            assert!(allowed.iter().all(|allowed| above.contains(allowed)), "{name}");
        }
    }
}
