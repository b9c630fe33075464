//! Functions with a parameter that is a code.

use std::collections::BTreeMap;

use syn::{Ident, Path, Type};

use super::Ends;

/// A function as calls name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Callee {
    /// The crate; none for functions of a type, which other crates call too.
    krate: Option<String>,
    /// `name`, `.name` for methods, `Type::name`.
    name: String,
}

impl Callee {
    pub(super) fn function(krate: &str, name: &Ident) -> Self {
        Callee { krate: Some(krate.to_owned()), name: name.to_string() }
    }

    pub(super) fn method(krate: &str, name: &Ident) -> Self {
        Callee { krate: Some(krate.to_owned()), name: format!(".{name}") }
    }

    pub(super) fn associated(owner: &str, name: &Ident) -> Self {
        Callee { krate: None, name: format!("{owner}::{name}") }
    }

    /// What a path names inside of an `impl` of this owner.
    pub(super) fn of_path(krate: &str, owner: Option<&str>, path: &Path) -> Self {
        let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
        let last = names.next().expect("a path has a segment");
        match names.next().map(ToString::to_string) {
            Some(first) if first == "Self" => Callee::associated(owner.unwrap_or_default(), last),
            Some(first) if first.starts_with(char::is_uppercase) => Callee::associated(&first, last),
            _ => Callee::function(krate, last),
        }
    }
}

/// The name of a type without what it is made of.
pub(super) fn type_name(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    Some(path.path.segments.last()?.ident.to_string())
}

/// Functions with a parameter that is a code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sinks(BTreeMap<Sink, Ends>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sink {
    callee: Callee,
    /// How many arguments it takes: methods of other types may bear its name.
    arguments: usize,
    position: usize,
}

impl Sinks {
    pub(super) fn add(&mut self, callee: Callee, arguments: usize, position: usize, ends: &Ends) {
        self.0.entry(Sink { callee, arguments, position }).or_default().extend(ends);
    }

    /// Which arguments of a call are codes, and what these come to.
    pub(super) fn of(&self, callee: &Callee, arguments: usize) -> Vec<(usize, Ends)> {
        let sinks = self.0.iter().filter(|(sink, _)| sink.callee == *callee && sink.arguments == arguments);
        sinks.map(|(sink, ends)| (sink.position, ends.clone())).collect()
    }
}
