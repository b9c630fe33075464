//! Expressions: how keys, nonces, marks and authenticated bytes follow from what is known of a cell.
//!
//! `pbkdf2-sha256(key, salt, 30000, 32)` is a call, `'text'` and `0x80` are bytes, `32` is a number, and any other word
//! names a value: a part of the cell, or one of [`Variable`].

mod args;
mod check;
mod eval;
mod functions;
pub(crate) mod hashes;
mod parse;

#[cfg(test)]
mod tests;

pub(crate) use args::Secret;
pub(crate) use check::Names;
pub(crate) use eval::Scope;

use functions::Function;

use crate::layout::Name;

/// An expression that was checked: every name is known, and every function has the arguments that it takes.
#[derive(Clone, Debug)]
pub(crate) enum Expr {
    /// Bytes that stand for themselves.
    Bytes(Vec<u8>),
    /// A whole number.
    Number(u64),
    /// What a name stands for.
    Variable(Variable),
    /// A part as it is written in the cell.
    Spelled(Name),
    /// A function of other values.
    Call(&'static Function, Vec<Expr>),
}

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Variable {
    /// The bytes of the key of the keyset.
    Key,
    /// The key that the cipher uses, which `key` of the format gives.
    CipherKey,
    /// The value that is sealed.
    Plaintext,
    /// The additional data of the seal.
    Aad,
    /// The salt that the plan gives.
    Salt,
    /// A part of the cell.
    Part(Name),
}

/// What an option's expression may use beside the parts of the cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Deriving keys: the key and the salt.
    Key,
    /// The nonce: also the derived key and the plaintext.
    Nonce,
    /// What is authenticated: also the additional data of the seal.
    Authenticated,
    /// The key's mark: the key and the derived key, and no part of the cell.
    Mark,
}

impl Expr {
    /// Whether the expression uses a variable.
    pub(crate) fn uses(&self, variable: &Variable) -> bool {
        match self {
            Expr::Variable(used) => used == variable,
            Expr::Call(_, arguments) => arguments.iter().any(|argument| argument.uses(variable)),
            Expr::Spelled(name) => *variable == Variable::Part(name.clone()),
            Expr::Bytes(_) | Expr::Number(_) => false,
        }
    }

    /// Whether the expression uses a part of the cell.
    pub(crate) fn reads_cell(&self) -> bool {
        match self {
            Expr::Variable(used) => matches!(used, Variable::Part(_)),
            Expr::Call(_, arguments) => arguments.iter().any(Expr::reads_cell),
            Expr::Spelled(_) => true,
            Expr::Bytes(_) | Expr::Number(_) => false,
        }
    }

    /// Whether the expression uses how a part is written.
    pub(crate) fn reads_spelling(&self) -> bool {
        match self {
            Expr::Spelled(_) => true,
            Expr::Call(_, arguments) => arguments.iter().any(Expr::reads_spelling),
            Expr::Bytes(_) | Expr::Number(_) | Expr::Variable(_) => false,
        }
    }
}
