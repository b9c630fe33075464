//! What a path leads to: the module where the thing is defined, behind all that re-exports it.

use std::collections::BTreeMap;

use proc_macro2::Ident;
use syn::Item;

use super::imports::imports;
use super::{ModuleId, Sources};

/// What the names of a module mean.
#[derive(Default)]
pub(super) struct Scope {
    names: BTreeMap<String, Vec<Meaning>>,
    /// The paths of `use path::*`.
    globs: Vec<Vec<String>>,
}

/// A module and a function may bear one name, so a name may have several.
enum Meaning {
    Module(ModuleId),
    Item,
    Import(Vec<String>),
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::tidy) struct Target {
    /// The module that it is, or that defines it.
    pub(in crate::tidy) module: ModuleId,
    /// The item, or the one that it belongs to; `None` where it is the module.
    pub(in crate::tidy) item: Option<String>,
}

/// The lookups that are under way, since names may lead in circles.
type Trail = Vec<(ModuleId, String)>;

impl Scope {
    pub(super) fn define(&mut self, item: &Item) {
        if let Some(ident) = defined(item) {
            self.add(ident.to_string(), Meaning::Item);
        }
        let Item::Use(item) = item else { return };
        for import in imports(item) {
            match import.name {
                Some(name) => self.add(name, Meaning::Import(import.path)),
                None => self.globs.push(import.path),
            }
        }
    }

    pub(super) fn add_module(&mut self, name: String, module: ModuleId) {
        self.add(name, Meaning::Module(module));
    }

    fn add(&mut self, name: String, meaning: Meaning) {
        self.names.entry(name).or_default().push(meaning);
    }
}

fn defined(item: &Item) -> Option<&Ident> {
    match item {
        Item::Const(item) => Some(&item.ident),
        Item::Enum(item) => Some(&item.ident),
        Item::Fn(item) => Some(&item.sig.ident),
        Item::Macro(item) => item.ident.as_ref(),
        Item::Static(item) => Some(&item.ident),
        Item::Struct(item) => Some(&item.ident),
        Item::Trait(item) => Some(&item.ident),
        Item::TraitAlias(item) => Some(&item.ident),
        Item::Type(item) => Some(&item.ident),
        Item::Union(item) => Some(&item.ident),
        _ => None,
    }
}

impl Sources {
    /// What a path means that is written in this module: nothing where it leads out of the workspace.
    pub(in crate::tidy) fn resolve(&self, scope: ModuleId, path: &[String]) -> Vec<Target> {
        self.follow(scope, path, &mut Trail::new())
    }

    fn follow(&self, scope: ModuleId, path: &[String], trail: &mut Trail) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let module = |module: Option<ModuleId>| module.map(Target::module).into_iter().collect();
        let first = match first.as_str() {
            "crate" => module(Some(self.root(scope))),
            "self" => module(Some(scope)),
            "super" => module(self.module(scope).parent),
            name => {
                let found = self.look_up(scope, name, trail);
                if found.is_empty() { module(self.libraries.get(name).copied()) } else { found }
            }
        };
        rest.iter().fold(first, |targets, name| self.step(targets, name, trail))
    }

    fn step(&self, targets: Vec<Target>, name: &str, trail: &mut Trail) -> Vec<Target> {
        let modules = || targets.iter().filter(|target| target.item.is_none());
        if modules().next().is_none() {
            // What follows an item is part of it: a variant, an associated function.
            return targets;
        }
        modules().flat_map(|target| self.inside(target.module, name, trail)).collect()
    }

    fn inside(&self, module: ModuleId, name: &str, trail: &mut Trail) -> Vec<Target> {
        match name {
            "self" => vec![Target::module(module)],
            "super" => self.module(module).parent.map(Target::module).into_iter().collect(),
            _ => match self.look_up(module, name, trail) {
                // A macro may have made it.
                found if found.is_empty() => vec![Target { module, item: Some(name.to_owned()) }],
                found => found,
            },
        }
    }

    fn look_up(&self, module: ModuleId, name: &str, trail: &mut Trail) -> Vec<Target> {
        let lookup = (module, name.to_owned());
        if trail.contains(&lookup) {
            return Vec::new();
        }
        trail.push(lookup);
        let scope = &self.module(module).scope;
        let mut found: Vec<Target> = match scope.names.get(name) {
            Some(meanings) => {
                meanings.iter().flat_map(|meaning| self.meant(module, name, meaning, trail)).collect()
            }
            None => {
                scope.globs.iter().flat_map(|glob| self.through_glob(module, glob, name, trail)).collect()
            }
        };
        found.dedup();
        trail.pop();
        found
    }

    fn meant(&self, module: ModuleId, name: &str, meaning: &Meaning, trail: &mut Trail) -> Vec<Target> {
        match meaning {
            Meaning::Module(module) => vec![Target::module(*module)],
            Meaning::Item => vec![Target { module, item: Some(name.to_owned()) }],
            Meaning::Import(path) => self.follow(module, path, trail),
        }
    }

    fn through_glob(&self, module: ModuleId, glob: &[String], name: &str, trail: &mut Trail) -> Vec<Target> {
        let modules = self.follow(module, glob, trail).into_iter().filter(|target| target.item.is_none());
        modules.flat_map(|target| self.look_up(target.module, name, trail)).collect()
    }
}

impl Target {
    fn module(module: ModuleId) -> Self {
        Target { module, item: None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sources_of;

    #[test]
    fn paths_lead_to_where_things_are_defined() {
        let sources = sources_of(&[
            ("lib.rs", "mod one; mod two; pub use one::Thing; pub use two::*; use two::deep; fn here() {}"),
            ("one.rs", "pub struct Thing; pub fn one() {} macro_rules! m { () => {} } pub(crate) use m;"),
            ("two/mod.rs", "pub mod deep; pub use deep::{Deep, Deep as Renamed}; pub use super::two as me;"),
            (
                "two/deep.rs",
                "use std::fmt; pub enum Deep { A } mod inner { use super::Deep; } states! { Made }",
            ),
            ("b/src/lib.rs", "use a::Renamed; use serde::Serialize; use x::{y}; use y::{x};"),
        ]);
        let check = |scope: &str, path: &str, expect: &[&str]| {
            let path: Vec<String> = path.split("::").map(str::to_owned).collect();
            let scope = sources.modules().find(|(_, module)| module.path.ends_with(scope)).unwrap().0;
            let found: Vec<String> = sources
                .resolve(scope, &path)
                .into_iter()
                .map(|target| {
                    format!("{} {}", sources.module(target.module).path, target.item.unwrap_or_default())
                })
                .collect();
            assert_eq!(found, expect, "{path:?}");
        };
        check("one.rs", "crate::Thing", &["a/src/one.rs Thing"]);
        check("one.rs", "crate::Thing::new", &["a/src/one.rs Thing"]);
        check("one.rs", "super::two", &["a/src/two/mod.rs "]);
        check("one.rs", "crate::two::me::Deep::A", &["a/src/two/deep.rs Deep"]);
        check("one.rs", "crate::Renamed", &["a/src/two/deep.rs Deep"]);
        check("one.rs", "crate::deep::Made", &["a/src/two/deep.rs Made"]);
        check("one.rs", "m", &["a/src/one.rs m"]);
        check("a/src/lib.rs", "self::one::one", &["a/src/one.rs one"]);
        check("a/src/lib.rs", "Deep", &["a/src/two/deep.rs Deep"]);
        check("deep.rs", "super::super::here", &["a/src/lib.rs here"]);
        check("deep.rs", "fmt::Display", &[]);
        check("b/src/lib.rs", "Renamed", &["a/src/two/deep.rs Deep"]);
        check("b/src/lib.rs", "Serialize", &[]);
        check("b/src/lib.rs", "x::y", &[]);
    }
}
