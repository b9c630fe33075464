//! The modules of every crate, parsed, without their tests.

mod imports;
mod names;
mod untested;

use std::collections::BTreeMap;

use syn::{Item, ItemMod};

use super::TextFile;
use crate::workspace::Member;
pub(super) use imports::imports;
pub(super) use names::Target;

/// Names one module of [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ModuleId(usize);

/// A module: a file, or an inline `mod` block of one.
pub(super) struct Module {
    /// Its name in its parent; of a crate's root, `crate`.
    pub(super) name: String,
    /// The file that it stands in, from the repository's root.
    pub(super) path: String,
    /// The module that this file is: this one, or the one that an inline block stands in.
    pub(super) file: ModuleId,
    parent: Option<ModuleId>,
    /// What it holds, without its modules: they stand for themselves.
    pub(super) items: Vec<Item>,
    scope: names::Scope,
}

/// The modules of all crates.
#[derive(Default)]
pub(super) struct Sources {
    modules: Vec<Module>,
    /// The root of each library, by the name that other crates know it by.
    libraries: BTreeMap<String, ModuleId>,
    /// What could not be read, one sentence each.
    pub(super) faults: Vec<String>,
}

impl Sources {
    /// Parses the modules of all members, from their roots. Folders of tests and benches have none.
    pub(super) fn parse(members: &[Member], files: &[TextFile]) -> Self {
        let texts = files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
        let mut reader = Reader { texts, sources: Sources::default() };
        for member in members {
            for file in files.iter().filter(|file| is_root(&member.folder, &file.path)) {
                let root = reader.file(&file.path, "crate", None);
                if file.path.ends_with("/src/lib.rs") {
                    reader.sources.libraries.insert(member.name.replace('-', "_"), root);
                }
            }
        }
        reader.sources
    }

    pub(super) fn modules(&self) -> impl Iterator<Item = (ModuleId, &Module)> {
        self.modules.iter().enumerate().map(|(at, module)| (ModuleId(at), module))
    }

    pub(super) fn module(&self, id: ModuleId) -> &Module {
        &self.modules[id.0]
    }

    /// The files from the crate's root down to the one that a module stands in.
    pub(super) fn files_down_to(&self, id: ModuleId) -> Vec<ModuleId> {
        let above = |file: &ModuleId| Some(self.module(self.module(*file).parent?).file);
        let mut files: Vec<ModuleId> = std::iter::successors(Some(self.module(id).file), above).collect();
        files.reverse();
        files
    }

    /// What a module is called below its crate's root: `deks::cache`.
    pub(super) fn name(&self, id: ModuleId) -> String {
        let Module { name, parent: Some(parent), .. } = self.module(id) else { return "crate".into() };
        match self.module(*parent).parent {
            None => name.clone(),
            Some(_) => format!("{}::{name}", self.name(*parent)),
        }
    }

    /// The root of the crate that a module belongs to.
    fn root(&self, id: ModuleId) -> ModuleId {
        self.module(id).parent.map_or(id, |parent| self.root(parent))
    }
}

/// Whether a file is the root of a target of the package in this folder.
fn is_root(folder: &str, path: &str) -> bool {
    let Some(path) = path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) else { return false };
    let is_single = |rest: &str| rest.ends_with(".rs") && !rest.contains('/');
    matches!(path, "src/lib.rs" | "src/main.rs" | "build.rs")
        || path.strip_prefix("src/bin/").is_some_and(|rest| is_single(rest) || rest.ends_with("/main.rs"))
        || path.strip_prefix("examples/").is_some_and(is_single)
}

struct Reader<'f> {
    texts: BTreeMap<&'f str, &'f str>,
    sources: Sources,
}

impl Reader<'_> {
    /// Adds a file that is there, and all modules that it declares.
    fn file(&mut self, path: &str, name: &str, parent: Option<ModuleId>) -> ModuleId {
        let items = syn::parse_file(self.texts[path]).map(untested::items).unwrap_or_else(|error| {
            let line = error.span().start().line;
            self.sources.faults.push(format!("{path}:{line}: cannot be parsed: {error}"));
            Vec::new()
        });
        let (folder, file) = path.rsplit_once('/').unwrap_or_default();
        let is_face = parent.is_none() || file == "mod.rs";
        let folder = if is_face { folder.to_owned() } else { format!("{folder}/{name}") };
        let id = ModuleId(self.sources.modules.len());
        self.module(Module::new(name, path, id, parent), items, &folder)
    }

    /// Adds a module with these items. The files of the modules that it declares lie in this folder.
    fn module(&mut self, module: Module, items: Vec<Item>, folder: &str) -> ModuleId {
        let id = ModuleId(self.sources.modules.len());
        self.sources.modules.push(module);
        for item in items {
            match item {
                Item::Mod(declared) => self.declared(id, declared, folder),
                item => {
                    let module = &mut self.sources.modules[id.0];
                    module.scope.define(&item);
                    module.items.push(item);
                }
            }
        }
        id
    }

    fn declared(&mut self, parent: ModuleId, declared: ItemMod, folder: &str) {
        let name = declared.ident.to_string();
        let above = &self.sources.modules[parent.0];
        let (path, file) = (above.path.clone(), above.file);
        let inner = format!("{folder}/{name}");
        let child = match declared.content {
            Some((_, items)) => self.module(Module::new(&name, &path, file, Some(parent)), items, &inner),
            None => {
                let files = [format!("{inner}.rs"), format!("{inner}/mod.rs")];
                let Some(found) = files.iter().find(|file| self.texts.contains_key(file.as_str())) else {
                    let line = declared.ident.span().start().line;
                    self.sources.faults.push(format!("{path}:{line}: cannot find {}", files.join(" or ")));
                    return;
                };
                self.file(found, &name, Some(parent))
            }
        };
        self.sources.modules[parent.0].scope.add_module(name, child);
    }
}

impl Module {
    fn new(name: &str, path: &str, file: ModuleId, parent: Option<ModuleId>) -> Self {
        let scope = names::Scope::default();
        Module { name: name.to_owned(), path: path.to_owned(), file, parent, items: Vec::new(), scope }
    }
}

/// What tidy sees of it: whatever does not parse is found, and so is a module without a file.
pub(super) fn can_be_read(repository: &super::Repository) -> super::Findings {
    repository.sources.faults.clone()
}

/// The sources of one crate in the folder `a`, from files named from its `src`.
#[cfg(test)]
pub(super) fn sources_of(files: &[(&str, &str)]) -> Sources {
    let member = |name: &str| Member { name: name.into(), folder: name.into(), dependencies: vec![] };
    let texts = files.iter().map(|(path, text)| TextFile {
        path: if path.contains("/src/") { (*path).to_owned() } else { format!("a/src/{path}") },
        text: (*text).to_owned(),
    });
    Sources::parse(&[member("a"), member("b")], &texts.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_found_where_the_compiler_looks() {
        let sources = sources_of(&[
            ("lib.rs", "mod one; mod two; mod inline { mod deep; } #[cfg(test)] mod tests;"),
            ("one.rs", "mod below;"),
            ("one/below.rs", ""),
            ("two/mod.rs", "mod below;"),
            ("two/below.rs", ""),
            ("inline/deep.rs", ""),
            ("tests.rs", "mod missing;"),
            ("b/src/main.rs", ""),
            ("b/tests/main.rs", ""),
        ]);
        assert_eq!(sources.faults, [""; 0]);
        let paths: Vec<&str> = sources.modules().map(|(_, module)| module.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "a/src/lib.rs",
                "a/src/one.rs",
                "a/src/one/below.rs",
                "a/src/two/mod.rs",
                "a/src/two/below.rs",
                "a/src/lib.rs",
                "a/src/inline/deep.rs",
                "b/src/main.rs",
            ]
        );
    }

    #[test]
    fn what_cannot_be_read_is_a_fault() {
        let sources = sources_of(&[("lib.rs", "mod one;\nmod two;"), ("two.rs", "\nfn {")]);
        assert_eq!(sources.faults.len(), 2, "{:?}", sources.faults);
        assert!(sources.faults[0].starts_with("a/src/lib.rs:1: cannot find a/src/one.rs or"));
        assert!(sources.faults[1].starts_with("a/src/two.rs:2: cannot be parsed"));
    }
}
