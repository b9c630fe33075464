//! What every crate has, and that it names no more than it uses.

use super::{Findings, Repository, TextFile};
use crate::workspace::Member;

/// Fields that every crate takes from the workspace, so that they are changed in one place.
const SHARED: [&str; 6] = [
    "version.workspace = true",
    "edition.workspace = true",
    "rust-version.workspace = true",
    "license.workspace = true",
    "publish.workspace = true",
    "[lints]\nworkspace = true",
];

/// Crates whose folder is no name for a crate: that of the end-to-end tests, and that of the bodies in `fuzz`.
const OTHER_FOLDERS: [(&str, &str); 2] = [("reseal-tests", "tests"), ("fuzz-bodies", "bodies")];

/// Packages whose library has another name than they have.
const LIBRARIES: [(&str, &str); 1] = [("md-5", "md5")];

const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];

pub(super) fn are_made_alike(repository: &Repository) -> Findings {
    let missing_licences = LICENCES.iter().filter(|file| repository.text(file).is_none());
    let mut findings: Findings = missing_licences.map(|file| format!("{file}: is missing")).collect();
    for member in &repository.workspace.members {
        let manifest = format!("{}/Cargo.toml", member.folder);
        let folder = member.folder.rsplit('/').next().unwrap_or_default();
        if folder != member.name && !OTHER_FOLDERS.contains(&(&member.name, folder)) {
            findings
                .push(format!("{manifest}: the crate {} is in a directory with another name", member.name));
        }
        let text = repository.text(&manifest).unwrap_or_default();
        findings.extend(
            SHARED
                .iter()
                .filter(|shared| !text.contains(*shared))
                .map(|shared| format!("{manifest}: {shared:?} is missing")),
        );
        findings.extend(
            dependency_lines(text)
                .filter(|line| !line.contains("workspace = true"))
                .map(|line| format!("{manifest}: move `{line}` to [workspace.dependencies]")),
        );
    }
    findings
}

pub(super) fn depend_on_what_they_use(repository: &Repository) -> Findings {
    let members = &repository.workspace.members;
    let mut findings = Vec::new();
    for member in members {
        let unused: Vec<&str> = unused(repository, member).collect();
        if !unused.is_empty() {
            findings.push(format!(
                "{}/Cargo.toml: unused dependencies: {}",
                member.folder,
                unused.join(", ")
            ));
        }
    }
    let root = repository.text("Cargo.toml").unwrap_or_default();
    let shared = root.split("[workspace.dependencies]").nth(1).and_then(|rest| rest.split("\n[").next());
    for line in shared.unwrap_or_default().lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(" = ").next().unwrap_or_default();
        let used = members.iter().any(|member| member.dependencies.iter().any(|used| used.name == name));
        if !used && !name.is_empty() {
            findings.push(format!("Cargo.toml: no crate uses {name}"));
        }
    }
    findings
}

/// The dependencies whose name no source of the crate mentions as a path.
fn unused<'a>(repository: &'a Repository, member: &'a Member) -> impl Iterator<Item = &'a str> {
    let sources = || repository.under(&member.folder).filter(|file| file.path.ends_with(".rs"));
    let names = member.dependencies.iter().map(|dependency| dependency.name.as_str());
    names.filter(move |name| {
        let library =
            LIBRARIES.iter().find(|(package, _)| package == name).map_or(*name, |(_, library)| *library);
        !sources().any(|source| mentions(source, &library.replace('-', "_")))
    })
}

fn mentions(source: &TextFile, ident: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    source.text.match_indices(ident).any(|(at, _)| {
        let (before, after) = (&source.text[..at], &source.text[at + ident.len()..]);
        let is_whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        is_whole && (after.starts_with("::") || before.ends_with("use "))
    })
}

fn dependency_lines(manifest: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    manifest.lines().filter(move |line| {
        if line.starts_with('[') {
            inside = line.ends_with("dependencies]");
            return false;
        }
        inside && !line.is_empty() && !line.starts_with('#')
    })
}
