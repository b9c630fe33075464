//! What an expression may be where a code stands.

use syn::{Block, Expr, ExprMethodCall, Ident, Lit, Member, Stmt};

/// Methods that leave a text as it is.
const SAME: [&str; 5] = ["into", "to_owned", "to_string", "clone", "as_str"];

/// What an expression may be.
#[derive(Default)]
pub(super) struct Values<'e> {
    pub(super) literals: Vec<String>,
    /// Variables, parameters and constants.
    pub(super) names: Vec<&'e Ident>,
    /// Variants of the engine's `Reason`, whose code is meant.
    pub(super) reasons: Vec<&'e Ident>,
    /// Whether there is something else, which cannot be told.
    pub(super) is_unclear: bool,
}

impl<'e> Values<'e> {
    /// What an expression may be; or, where it is a tuple, its part at this place.
    pub(super) fn of(expr: &'e Expr, part: Option<usize>) -> Self {
        let mut values = Values::default();
        values.read(expr, part);
        values
    }

    fn read(&mut self, expr: &'e Expr, part: Option<usize>) {
        match (expr, part) {
            (Expr::Paren(inner), _) => self.read(&inner.expr, part),
            (Expr::Group(inner), _) => self.read(&inner.expr, part),
            (Expr::Reference(inner), _) => self.read(&inner.expr, part),
            (Expr::Block(block), _) => self.tail(&block.block, part),
            (Expr::Match(choice), _) => choice.arms.iter().for_each(|arm| self.read(&arm.body, part)),
            (Expr::If(choice), _) => {
                self.tail(&choice.then_branch, part);
                choice.else_branch.iter().for_each(|(_, other)| self.read(other, part));
            }
            (Expr::Tuple(tuple), Some(at)) => match tuple.elems.get(at) {
                Some(element) => self.read(element, None),
                None => self.is_unclear = true,
            },
            (Expr::Return(_) | Expr::Closure(_), _) => {}
            (expr, None) => self.single(expr),
            (_, Some(_)) => self.is_unclear = true,
        }
    }

    fn single(&mut self, expr: &'e Expr) {
        match expr {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => self.literals.push(text.value()),
                _ => self.is_unclear = true,
            },
            Expr::Path(path) => match path.path.get_ident() {
                Some(name) => self.names.push(name),
                None => self.is_unclear = true,
            },
            // Where that code was given, it was seen.
            Expr::Field(field) if matches!(&field.member, Member::Named(name) if name == "code") => {}
            Expr::MethodCall(call) => self.method(call),
            _ => self.is_unclear = true,
        }
    }

    fn method(&mut self, call: &'e ExprMethodCall) {
        let name = call.method.to_string();
        let arguments: Vec<&Expr> = call.args.iter().collect();
        match (name.as_str(), arguments.as_slice()) {
            (name, []) if SAME.contains(&name) => self.read(&call.receiver, None),
            ("name", []) => match &*call.receiver {
                Expr::Path(path)
                    if path.path.segments.first().is_some_and(|first| first.ident == "Reason") =>
                {
                    self.reasons.extend(path.path.segments.last().map(|last| &last.ident));
                }
                _ => self.is_unclear = true,
            },
            ("map_or", [otherwise, Expr::Closure(closure)]) => {
                self.read(otherwise, None);
                self.read(&closure.body, None);
            }
            _ => self.is_unclear = true,
        }
    }

    /// The value of a block.
    fn tail(&mut self, block: &'e Block, part: Option<usize>) {
        if let Some(Stmt::Expr(expr, None)) = block.stmts.last() {
            self.read(expr, part);
        }
    }
}
