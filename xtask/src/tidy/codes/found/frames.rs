//! Functions and closures with the names that they know.

use syn::{Expr, ExprClosure, FnArg, Local, Pat, Signature};

use super::sinks::Callee;

/// A function or a closure.
pub(super) struct Frame<'ast> {
    /// What calls name it by; none where nothing does.
    pub(super) callee: Option<Callee>,
    /// Its parameters without `self`; none for one that is a pattern.
    pub(super) parameters: Vec<Option<String>>,
    /// The bindings so far.
    pub(super) lets: Vec<Let<'ast>>,
}

impl Frame<'_> {
    pub(super) fn of_function(callee: Callee, signature: &Signature) -> Self {
        let parameters = signature.inputs.iter().filter_map(|input| match input {
            FnArg::Typed(parameter) => Some(name(&parameter.pat)),
            FnArg::Receiver(_) => None,
        });
        Frame { callee: Some(callee), parameters: parameters.collect(), lets: Vec::new() }
    }

    pub(super) fn of_closure(callee: Option<Callee>, closure: &ExprClosure) -> Self {
        Frame { callee, parameters: closure.inputs.iter().map(name).collect(), lets: Vec::new() }
    }
}

/// A name, and what it is bound to.
#[derive(Clone)]
pub(super) struct Let<'ast> {
    pub(super) name: String,
    /// The place in the tuple that `init` is.
    pub(super) part: Option<usize>,
    pub(super) init: &'ast Expr,
}

impl<'ast> Let<'ast> {
    /// The names that a `let` binds to a value, or to a part of a tuple.
    pub(super) fn of(local: &'ast Local) -> Vec<Self> {
        let Some(init) = &local.init else { return Vec::new() };
        let one = |(part, pat): (Option<usize>, &Pat)| Some(Let { name: name(pat)?, part, init: &init.expr });
        match &local.pat {
            Pat::Tuple(tuple) => {
                tuple.elems.iter().enumerate().filter_map(|(at, pat)| one((Some(at), pat))).collect()
            }
            pat => one((None, pat)).into_iter().collect(),
        }
    }
}

fn name(pat: &Pat) -> Option<String> {
    match pat {
        Pat::Ident(pat) => Some(pat.ident.to_string()),
        Pat::Type(typed) => name(&typed.pat),
        _ => None,
    }
}
