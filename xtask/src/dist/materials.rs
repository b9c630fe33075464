//! The bill of materials, in CycloneDX 1.6: every crate that is compiled into the program, with version, licence, package URL
//! and the checksum of Cargo.lock.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use miette::{IntoDiagnostic, miette};
use serde_json::{Value, json};

use super::{FEATURES, Release};
use crate::workspace::{self, Workspace};

/// Writes it, and says where it is.
pub(super) fn write(workspace: &Workspace, release: &Release) -> miette::Result<PathBuf> {
    let features = FEATURES.split(',').map(|feature| format!("reseal-cli/{feature}"));
    let features = features.collect::<Vec<_>>().join(",");
    let metadata = workspace::metadata(workspace, &["--locked", "--features", &features])?;
    let lock = fs::read_to_string(workspace.root.join("Cargo.lock")).into_diagnostic()?;
    let compiled =
        compiled_into(&metadata, "reseal-cli").ok_or_else(|| miette!("cargo resolved no dependencies"))?;
    let sums = checksums(&lock);
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let components: Vec<Value> = packages
        .filter(|package| package["id"].as_str().is_some_and(|id| compiled.contains(id)))
        .map(|package| component(package, &sums))
        .collect();
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": { "type": "application", "name": "reseal", "version": release.version } },
        "components": components,
    });
    let file = release.out.join(format!("reseal_{}_{}.cdx.json", release.version, release.architecture));
    fs::write(&file, format!("{document:#}\n")).into_diagnostic()?;
    Ok(file)
}

/// The ids of all packages that a member is made of: what only tests or build scripts need is not in the program.
fn compiled_into<'m>(metadata: &'m Value, member: &str) -> Option<BTreeSet<&'m str>> {
    let nodes = metadata["resolve"]["nodes"].as_array()?;
    let by_id: BTreeMap<&str, &Value> =
        nodes.iter().filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let packages = metadata["packages"].as_array()?;
    let root = packages.iter().find(|package| package["name"] == member)?["id"].as_str()?;
    let (mut found, mut open) = (BTreeSet::new(), vec![root]);
    while let Some(id) = open.pop() {
        if !found.insert(id) {
            continue;
        }
        let dependencies = by_id.get(id).and_then(|node| node["deps"].as_array()).into_iter().flatten();
        let linked = dependencies.filter(|dependency| is_linked(dependency));
        open.extend(linked.filter_map(|dependency| dependency["pkg"].as_str()));
    }
    Some(found)
}

/// Whether a dependency is one of the code itself.
fn is_linked(dependency: &Value) -> bool {
    dependency["dep_kinds"].as_array().into_iter().flatten().any(|kind| kind["kind"].is_null())
}

fn component(package: &Value, sums: &BTreeMap<(String, String), String>) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let (name, version) = (text("name"), text("version"));
    let mut component = json!({ "type": "library", "name": name, "version": version });
    if let Some(licence) = package["license"].as_str() {
        // Some crates still separate alternatives as cargo did before SPDX.
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    // Members of the workspace are in no registry.
    if let Some(sum) = sums.get(&(name.clone(), version.clone())) {
        component["purl"] = format!("pkg:cargo/{name}@{version}").into();
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

/// The checksums in a lock file, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut sums = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            let mut lines = package.lines().filter_map(|line| line.strip_prefix(key));
            lines.find_map(|rest| Some(rest.strip_prefix(" = \"")?.strip_suffix('"')?.to_owned()))
        };
        if let (Some(name), Some(version), Some(sum)) = (value("name"), value("version"), value("checksum")) {
            sums.insert((name, version), sum);
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_linked_is_in_the_program() {
        let dependency = |pkg: &str, kind: Value| json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind }] });
        let metadata = json!({
            "packages": [{ "name": "program", "id": "a" }],
            "resolve": { "nodes": [
                { "id": "a", "deps": [dependency("b", Value::Null), dependency("c", "dev".into())] },
                { "id": "b", "deps": [dependency("d", "build".into()), dependency("e", Value::Null)] },
                { "id": "e", "deps": [] },
            ] },
        });
        assert_eq!(compiled_into(&metadata, "program"), Some(BTreeSet::from(["a", "b", "e"])));
    }

    #[test]
    fn checksums_are_read_from_the_lock_file() {
        let lock = "version = 4\n[[package]]\nname = \"a\"\nversion = \"1.0\"\nchecksum = \"ff\"\n\n[[package]]\nname = \"own\"\nversion = \"0.1\"\n";
        assert_eq!(checksums(lock), BTreeMap::from([(("a".into(), "1.0".into()), "ff".into())]));
    }
}
