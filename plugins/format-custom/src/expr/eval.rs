//! The value of an expression for one cell and one key.

use zeroize::Zeroizing;

use super::args::{Args, Argument, Secret};
use super::{Expr, Variable};
use crate::layout::Parts;

/// What the names of an expression stand for.
#[derive(Clone, Copy)]
pub(crate) struct Scope<'s> {
    pub(crate) key: &'s [u8],
    pub(crate) cipher_key: &'s [u8],
    pub(crate) plaintext: &'s [u8],
    pub(crate) aad: &'s [u8],
    pub(crate) salt: &'s [u8],
    pub(crate) parts: &'s Parts,
}

impl Expr {
    /// The value. `None` where the key does not fit: it lacks a prefix, is not valid base64, or has the wrong length.
    pub(crate) fn value(&self, scope: &Scope<'_>) -> Option<Secret> {
        match self {
            Expr::Bytes(bytes) => Some(Zeroizing::new(bytes.clone())),
            Expr::Number(_) => None,
            Expr::Variable(variable) => Some(Zeroizing::new(scope.variable(variable).to_vec())),
            Expr::Spelled(name) => {
                let spelled = scope.parts.spelled(name).or_else(|| scope.parts.get(name));
                Some(Zeroizing::new(spelled.unwrap_or_default().to_vec()))
            }
            Expr::Call(function, arguments) => {
                let arguments: Option<Vec<Argument>> =
                    arguments.iter().map(|argument| argument.argument(scope)).collect();
                (function.apply)(&Args(arguments?))
            }
        }
    }

    fn argument(&self, scope: &Scope<'_>) -> Option<Argument> {
        match self {
            Expr::Number(number) => Some(Argument::Number(*number)),
            other => other.value(scope).map(Argument::Bytes),
        }
    }
}

impl<'s> Scope<'s> {
    fn variable(&self, variable: &Variable) -> &'s [u8] {
        match variable {
            Variable::Key => self.key,
            Variable::CipherKey => self.cipher_key,
            Variable::Plaintext => self.plaintext,
            Variable::Aad => self.aad,
            Variable::Salt => self.salt,
            Variable::Part(name) => self.parts.get(name).unwrap_or_default(),
        }
    }
}
