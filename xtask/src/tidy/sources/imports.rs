//! What a `use` brings in, one by one.

use proc_macro2::Ident;
use syn::{ItemUse, UseTree};

/// One name that a `use` brings in, or one `*`.
pub(in crate::tidy) struct Import {
    /// The path that it is found by.
    pub(in crate::tidy) path: Vec<String>,
    /// What it is called here; `None` for a `*`.
    pub(in crate::tidy) name: Option<String>,
    /// Where that is written.
    pub(in crate::tidy) line: usize,
}

/// All that a `use` brings in. `use ::other` speaks of another crate and brings in nothing of this one.
pub(in crate::tidy) fn imports(item: &ItemUse) -> Vec<Import> {
    let mut found = Vec::new();
    if item.leading_colon.is_none() {
        collect(&item.tree, &[], &mut found);
    }
    found
}

fn collect(tree: &UseTree, above: &[String], found: &mut Vec<Import>) {
    match tree {
        UseTree::Path(path) => collect(&path.tree, &below(above, &path.ident), found),
        UseTree::Group(group) => group.items.iter().for_each(|tree| collect(tree, above, found)),
        UseTree::Name(name) => found.push(import(above, &name.ident, None)),
        UseTree::Rename(name) => found.push(import(above, &name.ident, Some(&name.rename))),
        UseTree::Glob(glob) => {
            let line = glob.star_token.spans[0].start().line;
            found.push(Import { path: above.to_vec(), name: None, line });
        }
    }
}

fn below(above: &[String], ident: &Ident) -> Vec<String> {
    above.iter().cloned().chain([ident.to_string()]).collect()
}

/// `{self}` names the module in front of it.
fn import(above: &[String], ident: &Ident, rename: Option<&Ident>) -> Import {
    let path = if ident == "self" && !above.is_empty() { above.to_vec() } else { below(above, ident) };
    let name = rename.map(Ident::to_string).or(path.last().cloned());
    Import { path, name, line: ident.span().start().line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_of_a_use_is_an_import() {
        let source = "pub use a::{self, b::{C as D, e},\n f::*, g::{self as h}};";
        let found = imports(&syn::parse_str(source).unwrap());
        let found: Vec<_> = found
            .iter()
            .map(|import| (import.path.join("::"), import.name.as_deref().unwrap_or("*"), import.line))
            .collect();
        let expect =
            [("a", "a", 1), ("a::b::C", "D", 1), ("a::b::e", "e", 1), ("a::f", "*", 2), ("a::g", "h", 2)];
        assert_eq!(found, expect.map(|(path, name, line)| (path.to_owned(), name, line)));
        assert!(imports(&syn::parse_str("use ::a::b;").unwrap()).is_empty());
    }
}
