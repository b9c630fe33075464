//! Where a module names another one of its crate.

use std::collections::BTreeMap;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemUse, Meta};

use super::super::sources::{ModuleId, Sources, Target, imports};

/// One name of another file, where it is first used.
pub(super) struct Tie {
    pub(super) from: ModuleId,
    pub(super) to: ModuleId,
    pub(super) name: String,
    pub(super) line: usize,
}

/// All ties between the files of each crate.
pub(super) fn ties(sources: &Sources) -> Vec<Tie> {
    let mut ties = BTreeMap::new();
    for (scope, module) in sources.modules() {
        let mut names = Names { sources, scope, from: module.file, ties: &mut ties };
        module.items.iter().for_each(|item| names.visit_item(item));
    }
    let tie = |(Ends { from, to, name }, line)| Tie { from, to, name, line };
    let mut ties: Vec<Tie> = ties.into_iter().map(tie).collect();
    ties.sort_by_key(|tie| (tie.from, tie.to, tie.line));
    ties
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Ends {
    from: ModuleId,
    to: ModuleId,
    name: String,
}

/// Looks for names in one module.
struct Names<'s> {
    sources: &'s Sources,
    scope: ModuleId,
    from: ModuleId,
    /// The line where each name is first used.
    ties: &'s mut BTreeMap<Ends, usize>,
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        for import in imports(item) {
            let targets = self.sources.resolve(self.scope, &import.path);
            targets.into_iter().for_each(|target| self.note(target, &import.path, import.line));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            self.note_idents(path.segments.iter().map(|segment| &segment.ident));
        }
        visit::visit_path(self, path);
    }

    /// What stands in a macro may be code of any kind: whatever looks like a path is taken for one.
    fn visit_token_stream(&mut self, tokens: &'ast TokenStream) {
        self.note_paths(tokens.clone());
    }

    /// Attributes also name things in texts, as in `#[serde(default = "path::to")]`.
    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        visit::visit_attribute(self, attribute);
        if let Meta::List(list) = &attribute.meta {
            self.note_texts(list.tokens.clone());
        }
    }
}

impl Names<'_> {
    fn note_idents<'i>(&mut self, idents: impl Iterator<Item = &'i Ident>) {
        let (path, lines): (Vec<String>, Vec<usize>) =
            idents.map(|ident| (ident.to_string(), ident.span().start().line)).unzip();
        self.note_path(&path, lines.last().copied().unwrap_or_default());
    }

    /// Notes a path that stands in code, where a single name is never a module, but may be a variable of its name.
    fn note_path(&mut self, path: &[String], line: usize) {
        for target in self.sources.resolve(self.scope, path) {
            if path.len() > 1 || target.item.is_some() {
                self.note(target, path, line);
            }
        }
    }

    fn note(&mut self, target: Target, path: &[String], line: usize) {
        let to = self.sources.module(target.module).file;
        let name = target.item.or(path.last().cloned()).unwrap_or_default();
        if to != self.from {
            let first = self.ties.entry(Ends { from: self.from, to, name }).or_insert(line);
            *first = line.min(*first);
        }
    }

    fn note_paths(&mut self, tokens: TokenStream) {
        let mut path: Vec<Ident> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                TokenTree::Ident(ident) if colons == 2 => {
                    path.push(ident);
                    colons = 0;
                }
                other => {
                    self.note_long(&path);
                    path.clear();
                    colons = 0;
                    match other {
                        TokenTree::Ident(ident) => path.push(ident),
                        TokenTree::Group(group) => self.note_paths(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.note_long(&path);
    }

    /// A single name among tokens may be anything.
    fn note_long(&mut self, path: &[Ident]) {
        if path.len() > 1 {
            self.note_idents(path.iter());
        }
    }

    fn note_texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.note_texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = syn::parse_str::<syn::LitStr>(&literal.to_string()).map(|text| text.value());
                    let path = text.and_then(|text| syn::parse_str::<syn::Path>(&text));
                    if let Ok(path) = path
                        && path.segments.len() > 1
                    {
                        let path: Vec<String> =
                            path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                        self.note_path(&path, literal.span().start().line);
                    }
                }
                _ => {}
            }
        }
    }
}
