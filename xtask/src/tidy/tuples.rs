//! No function takes a tuple: what belongs together has a name, and its parts have names.

use syn::visit::{self, Visit};
use syn::{FnArg, GenericArgument, Item, Pat, PatType, PathArguments, Signature, Type, TypePath};

use super::sources::{ModuleId, Sources, Target};
use super::{Findings, Repository};

/// What only holds another type, in front of it or around it.
const WRAPPERS: [&str; 4] = ["Option", "Box", "Rc", "Arc"];

/// How often one alias may name another.
const ALIASES: usize = 16;

pub(super) fn are_no_parameters(repository: &Repository) -> Findings {
    findings(&repository.sources)
}

fn findings(sources: &Sources) -> Findings {
    let mut found = Findings::new();
    for (scope, module) in sources.modules() {
        let mut parameters = Parameters { sources, scope, is_given: false, found: &mut found };
        module.items.iter().for_each(|item| parameters.visit_item(item));
    }
    found
}

/// Looks through the functions of one module. Closures have no signature, and so are none.
struct Parameters<'s> {
    sources: &'s Sources,
    scope: ModuleId,
    /// Whether a trait fixes the types of the function: where it is ours, its definition is looked at.
    is_given: bool,
    found: &'s mut Findings,
}

impl<'ast> Visit<'ast> for Parameters<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let implements_trait = matches!(item, Item::Impl(block) if block.trait_.is_some());
        let outside = std::mem::replace(&mut self.is_given, implements_trait);
        visit::visit_item(self, item);
        self.is_given = outside;
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        if self.is_given {
            return;
        }
        for (at, input) in signature.inputs.iter().enumerate() {
            if let FnArg::Typed(parameter) = input {
                self.look_at(signature, parameter, at);
            }
        }
    }
}

impl Parameters<'_> {
    fn look_at(&mut self, signature: &Signature, parameter: &PatType, at: usize) {
        let Some(tuple) = tuple_in(self.sources, self.scope, &parameter.ty, ALIASES) else { return };
        let path = &self.sources.module(self.scope).path;
        let line = parameter.colon_token.spans[0].start().line;
        let name = match &*parameter.pat {
            Pat::Ident(pat) => format!("`{}`", pat.ident),
            _ => (at + 1).to_string(),
        };
        let alias = tuple.alias.map(|alias| format!(" (alias {alias})")).unwrap_or_default();
        let function = &signature.ident;
        self.found.push(format!(
            "{path}:{line}: fn {function}: parameter {name} is a tuple{alias}; make it a struct with named fields"
        ));
    }
}

/// A tuple, and the outermost alias that it was found by.
struct Tuple {
    alias: Option<String>,
}

/// The tuple that a type is or holds.
fn tuple_in(sources: &Sources, scope: ModuleId, ty: &Type, aliases: usize) -> Option<Tuple> {
    match ty {
        Type::Tuple(tuple) if tuple.elems.is_empty() => None,
        Type::Tuple(_) => Some(Tuple { alias: None }),
        Type::Reference(reference) => tuple_in(sources, scope, &reference.elem, aliases),
        Type::Paren(paren) => tuple_in(sources, scope, &paren.elem, aliases),
        Type::Group(group) => tuple_in(sources, scope, &group.elem, aliases),
        Type::Path(path) => match wrapped(path) {
            Some(inner) => tuple_in(sources, scope, inner, aliases),
            None => by_alias(sources, scope, path, aliases.checked_sub(1)?),
        },
        _ => None,
    }
}

/// `T` of an `Option<T>`.
fn wrapped(path: &TypePath) -> Option<&Type> {
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    WRAPPERS.iter().find(|wrapper| last.ident == **wrapper)?;
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(inner) => Some(inner),
        _ => None,
    })
}

fn by_alias(sources: &Sources, scope: ModuleId, path: &TypePath, aliases: usize) -> Option<Tuple> {
    if path.qself.is_some() || path.path.leading_colon.is_some() {
        return None;
    }
    let path: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
    let targets = sources.resolve(scope, &path);
    targets.iter().find_map(|target| {
        tuple_in(sources, target.module, alias(sources, target)?, aliases)?;
        Some(Tuple { alias: target.item.clone() })
    })
}

fn alias<'s>(sources: &'s Sources, target: &Target) -> Option<&'s Type> {
    let name = target.item.as_ref()?;
    sources.module(target.module).items.iter().find_map(|item| match item {
        Item::Type(alias) if alias.ident == name => Some(&*alias.ty),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::sources::sources_of;
    use super::*;

    /// How many parameters of the crate are tuples, and what the first of them is called.
    #[track_caller]
    fn check(source: &str, expect: usize) {
        let files = [
            ("lib.rs", source),
            ("b/src/lib.rs", "pub use deep::Pair; mod deep { pub type Pair = (u8, u8); }"),
        ];
        let found = findings(&sources_of(&files));
        assert_eq!(found.len(), expect, "{source}: {found:#?}");
    }

    #[test]
    fn a_tuple_is_found_where_a_function_takes_one() {
        check("fn f(a: (u8, u8)) {}", 1);
        check("fn f((a, b): (u8, u8), c: u8, (d,): (u8,)) {}", 2);
        check("impl A { fn f(&self, a: (u8, u8)) {} }", 1);
        check("trait A { fn f(&self, a: (u8, u8)); fn g(a: (u8, u8)) {} }", 2);
        check("fn f() { fn g(a: (u8, u8)) {} }", 1);
        check("mod a { fn f(a: (u8, u8)) {} }", 1);
        check("impl A for B { fn f() { fn g(a: (u8, u8)) {} } }", 1);
    }

    #[test]
    fn a_tuple_is_found_behind_what_only_holds_it() {
        check("fn f(a: &(u8, u8), b: &mut (u8, u8), c: &'static mut ((u8, u8))) {}", 3);
        check(
            "fn f(a: Option<(u8, u8)>, b: Option<&(u8, u8)>, c: &std::option::Option<Box<(u8, u8)>>) {}",
            3,
        );
    }

    #[test]
    fn a_tuple_is_found_behind_its_alias() {
        check("type A = (u8, u8); fn f(a: A, b: &A, c: Option<&A>) {}", 3);
        check("type A<'a> = Option<&'a B>; type B = (u8, u8); fn f(a: A<'_>) {}", 1);
        check("mod a { pub type A = (u8, u8); } use a::A as Renamed; fn f(a: a::A, b: Renamed) {}", 2);
        check("fn f(a: b::Pair) {}", 1);
        check("type A = A; fn f(a: A) {}", 0);
    }

    #[test]
    fn what_is_no_tuple_is_left_alone() {
        check("fn f(a: &[(u8, u8)], b: Vec<(u8, u8)>, c: impl Iterator<Item = (u8, u8)>, d: ()) {}", 0);
        check("fn f(a: impl Fn((u8, u8)), b: fn((u8, u8)), c: Result<(u8, u8), u8>) -> (u8, u8) {}", 0);
        check("type A = Vec<(u8, u8)>; struct B(u8, u8); fn f(a: A, b: B) {}", 0);
    }

    #[test]
    fn closures_and_methods_of_traits_are_exempt() {
        check("fn f() { let g = |a: (u8, u8)| a.0; }", 0);
        check("impl A for B { fn f(&self, a: (u8, u8)) {} }", 0);
        check("impl A for B { fn f() {} } impl B { fn g(a: (u8, u8)) {} }", 1);
    }

    #[test]
    fn tests_are_exempt() {
        check("#[cfg(test)] mod tests { fn f(a: (u8, u8)) {} }", 0);
        check("#[cfg(test)] fn f(a: (u8, u8)) {}", 0);
        check("impl A { #[cfg(test)] fn f(a: (u8, u8)) {} }", 0);
    }

    #[test]
    fn a_finding_says_where() {
        let source = "type A = (u8, u8);\nfn f(\n    a: u8,\n    (b, c): &A,\n    d: (u8, u8),\n) {}";
        let found = findings(&sources_of(&[("lib.rs", source)]));
        let starts = [
            "a/src/lib.rs:4: fn f: parameter 2 is a tuple (alias A);",
            "a/src/lib.rs:5: fn f: parameter `d` is a tuple;",
        ];
        for (finding, start) in found.iter().zip(starts) {
            assert!(finding.starts_with(start), "{finding}");
        }
    }
}
