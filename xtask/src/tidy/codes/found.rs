//! The codes in the sources, found by where they end up: in the field `code` of an error, or in a format's `Broken`.
//! What hands a parameter on to such a place is one itself, so that no list of functions has to be kept.

mod frames;
mod sinks;

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{
    Expr, ExprCall, ExprClosure, ExprMethodCall, ExprStruct, ImplItemFn, Item, ItemFn, ItemImpl, Lit, Local,
    Member, Pat,
};

use super::values::Values;
use crate::tidy::sources::Sources;
use frames::{Frame, Let};
use sinks::{Callee, Sinks};

/// Types whose field `code` is a code.
const ERRORS: [&str; 6] = ["Advice", "Failure", "Finding", "Problem", "Refusal", "YamlError"];
/// The crate whose findings are mistakes in a plan.
const PLAN: &str = "reseal-plan";
/// The macro that defines the engine's reasons: a variant, its code, what it means, what to do.
const REASONS: &str = "reasons";

/// What a code comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    Usage,
    Refused,
    Stopped,
    Failed,
    Warning,
    /// A cell is in quarantine.
    Quarantine,
    /// What another error comes to.
    Any,
}

impl End {
    /// By the variant of a class or severity.
    fn of(variant: &str) -> Option<End> {
        Some(match variant {
            "Usage" => End::Usage,
            "Refused" | "Refusal" => End::Refused,
            "Stopped" => End::Stopped,
            "Failed" => End::Failed,
            "Warning" => End::Warning,
            _ => return None,
        })
    }

    /// The constant of the exit code.
    pub(super) fn constant(self) -> Option<&'static str> {
        match self {
            End::Usage => Some("USAGE"),
            End::Refused => Some("REFUSED"),
            End::Stopped => Some("STOPPED"),
            End::Failed => Some("FAILED"),
            End::Warning | End::Quarantine | End::Any => None,
        }
    }
}

pub(super) type Ends = BTreeSet<End>;

/// The codes of all crates.
#[derive(Default)]
pub(super) struct Found {
    /// Codes of errors, findings and problems, with what they come to.
    pub(super) errors: BTreeMap<String, Ends>,
    /// The engine's quarantine reasons: variants with their codes.
    pub(super) reasons: BTreeMap<String, String>,
    /// Codes that formats give, with their crates.
    pub(super) formats: BTreeMap<String, BTreeSet<String>>,
    /// Places where the code cannot be told.
    pub(super) faults: Vec<String>,
}

impl Found {
    pub(super) fn read(sources: &Sources) -> Found {
        let mut sinks = Sinks::default();
        loop {
            let before = sinks.clone();
            let found = Found::pass(sources, &mut sinks);
            if sinks == before {
                return found;
            }
        }
    }

    /// Goes through all modules once.
    fn pass(sources: &Sources, sinks: &mut Sinks) -> Found {
        let items = sources.modules().flat_map(|(_, module)| &module.items);
        let mut found = Found { reasons: items.flat_map(reasons).collect(), ..Found::default() };
        for (_, module) in sources.modules() {
            let Some(krate) = krate(&module.path) else { continue };
            let mut visitor = Codes {
                path: &module.path,
                krate,
                constants: constants(&module.items),
                owner: None,
                frames: Vec::new(),
                sinks,
                found: &mut found,
            };
            module.items.iter().for_each(|item| visitor.visit_item(item));
        }
        found
    }
}

/// The crate of a file, where it is one of the program's.
fn krate(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("crates/").or_else(|| path.strip_prefix("plugins/"))?;
    rest.split('/').next()
}

/// Variants with their codes, where the item is the engine's list of reasons.
fn reasons(item: &Item) -> Vec<(String, String)> {
    let Item::Macro(item) = item else { return Vec::new() };
    if !item.mac.path.is_ident(REASONS) {
        return Vec::new();
    }
    let tokens: Vec<proc_macro2::TokenTree> = item.mac.tokens.clone().into_iter().collect();
    let entries = tokens.chunks_exact(4);
    entries.map(|entry| (entry[0].to_string(), entry[1].to_string().trim_matches('"').to_owned())).collect()
}

/// The constants of a module that are texts.
fn constants(items: &[Item]) -> BTreeMap<String, String> {
    let text = |item: &Item| match item {
        Item::Const(item) => match &*item.expr {
            Expr::Lit(value) => match &value.lit {
                Lit::Str(text) => Some((item.ident.to_string(), text.value())),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    items.iter().filter_map(text).collect()
}

/// Looks through one module.
struct Codes<'s, 'ast> {
    path: &'s str,
    krate: &'s str,
    constants: BTreeMap<String, String>,
    /// The type whose `impl` this is.
    owner: Option<String>,
    /// The functions and closures around, from outside in.
    frames: Vec<Frame<'ast>>,
    sinks: &'s mut Sinks,
    found: &'s mut Found,
}

impl<'ast> Visit<'ast> for Codes<'_, 'ast> {
    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let outside = std::mem::replace(&mut self.owner, sinks::type_name(&item.self_ty));
        visit::visit_item_impl(self, item);
        self.owner = outside;
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        let callee = Callee::function(self.krate, &item.sig.ident);
        self.inside(Frame::of_function(callee, &item.sig), |codes| visit::visit_item_fn(codes, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        let callee = match (&item.sig.receiver(), &self.owner) {
            (None, Some(owner)) => Callee::associated(owner, &item.sig.ident),
            _ => Callee::method(self.krate, &item.sig.ident),
        };
        self.inside(Frame::of_function(callee, &item.sig), |codes| visit::visit_impl_item_fn(codes, item));
    }

    fn visit_local(&mut self, local: &'ast Local) {
        match local.init.as_ref().map(|init| (&local.pat, &*init.expr)) {
            Some((Pat::Ident(name), Expr::Closure(closure))) => {
                let frame = Frame::of_closure(Some(Callee::function(self.krate, &name.ident)), closure);
                self.inside(frame, |codes| codes.visit_expr(&closure.body));
            }
            _ => visit::visit_local(self, local),
        }
        if let Some(frame) = self.frames.last_mut() {
            frame.lets.extend(Let::of(local));
        }
    }

    fn visit_expr_closure(&mut self, closure: &'ast ExprClosure) {
        self.inside(Frame::of_closure(None, closure), |codes| visit::visit_expr_closure(codes, closure));
    }

    fn visit_expr_struct(&mut self, literal: &'ast ExprStruct) {
        let is_error =
            literal.path.segments.last().is_some_and(|last| ERRORS.iter().any(|name| last.ident == name));
        let field = |name: &str| {
            let is = |member: &Member| matches!(member, Member::Named(ident) if ident == name);
            literal.fields.iter().find(|field| is(&field.member)).map(|field| &field.expr)
        };
        if let Some(code) = field("code").filter(|_| is_error) {
            let class = field("class").or_else(|| field("severity")).and_then(class);
            let by_crate = (self.krate == PLAN).then_some(End::Usage);
            let line = literal.brace_token.span.open().start().line;
            self.code(code, &Ends::from([class.or(by_crate).unwrap_or(End::Any)]), line);
        }
        visit::visit_expr_struct(self, literal);
    }

    fn visit_expr_call(&mut self, call: &'ast ExprCall) {
        if let Expr::Path(path) = &*call.func {
            let arguments: Vec<&Expr> = call.args.iter().collect();
            let line = call.paren_token.span.open().start().line;
            match path.path.get_ident() {
                Some(name) if name == "Broken" => {
                    self.code(arguments[0], &Ends::from([End::Quarantine]), line)
                }
                _ => {
                    let callee = Callee::of_path(self.krate, self.owner.as_deref(), &path.path);
                    self.called(&callee, &arguments, line);
                }
            }
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let arguments: Vec<&Expr> = call.args.iter().collect();
        let line = call.paren_token.span.open().start().line;
        self.called(&Callee::method(self.krate, &call.method), &arguments, line);
        visit::visit_expr_method_call(self, call);
    }
}

/// The class or severity that an expression names.
fn class(expr: &Expr) -> Option<End> {
    let Expr::Path(path) = expr else { return None };
    End::of(&path.path.segments.last()?.ident.to_string())
}

impl<'ast> Codes<'_, 'ast> {
    fn inside(&mut self, frame: Frame<'ast>, visit: impl FnOnce(&mut Self)) {
        self.frames.push(frame);
        visit(self);
        self.frames.pop();
    }

    /// A call, whose arguments may be codes.
    fn called(&mut self, callee: &Callee, arguments: &[&'ast Expr], line: usize) {
        for (at, mut ends) in self.sinks.of(callee, arguments.len()) {
            if let Some(class) = arguments.iter().find_map(|argument| class(argument))
                && ends.contains(&End::Any)
            {
                ends = Ends::from([class]);
            }
            self.code(arguments[at], &ends, line);
        }
    }

    /// An expression that is a code.
    fn code(&mut self, expr: &'ast Expr, ends: &Ends, line: usize) {
        let within = Within { line, frames: self.frames.len(), lets: usize::MAX };
        self.values(Values::of(expr, None), ends, within);
    }

    fn values(&mut self, values: Values<'ast>, ends: &Ends, within: Within) {
        values.literals.into_iter().for_each(|code| self.add(code, ends));
        for reason in values.reasons {
            let code = self.found.reasons.get(&reason.to_string()).cloned();
            code.into_iter().for_each(|code| self.add(code, ends));
        }
        for name in values.names {
            self.named(&name.to_string(), ends, within);
        }
        if values.is_unclear {
            let fault = format!("{}:{}: it cannot be told which code this is", self.path, within.line);
            self.found.faults.push(fault);
        }
    }

    /// A name that is a code. What no frame knows is bound by a pattern, and was given where it comes from.
    fn named(&mut self, name: &str, ends: &Ends, within: Within) {
        if let Some(code) = self.constants.get(name).cloned() {
            return self.add(code, ends);
        }
        for at in (0..within.frames).rev() {
            let frame = &self.frames[at];
            let known =
                if at + 1 == within.frames { frame.lets.len().min(within.lets) } else { frame.lets.len() };
            if let Some(number) = frame.lets[..known].iter().rposition(|known| known.name == name) {
                let Let { part, init, .. } = frame.lets[number];
                return self.values(
                    Values::of(init, part),
                    ends,
                    Within { frames: at + 1, lets: number, ..within },
                );
            }
            if let Some(position) = frame.parameters.iter().position(|known| known.as_deref() == Some(name)) {
                if let Some(callee) = frame.callee.clone() {
                    self.sinks.add(callee, frame.parameters.len(), position, ends);
                }
                return;
            }
        }
    }

    fn add(&mut self, code: String, ends: &Ends) {
        if ends.contains(&End::Quarantine) {
            self.found.formats.entry(code).or_default().insert(self.krate.to_owned());
        } else {
            self.found.errors.entry(code).or_default().extend(ends);
        }
    }
}

/// The part of what is around in which a name is looked for: so many frames, and so many bindings of the last.
#[derive(Clone, Copy)]
struct Within {
    /// The line on which the code stands.
    line: usize,
    frames: usize,
    lets: usize,
}
