//! Names, functions and arguments: what an expression means.

use super::functions::{self, Function, Kind};
use super::parse::{self, Term};
use super::{Expr, Stage, Variable};
use crate::layout::Name;
use crate::mistake::{Mistake, meant};

/// What an expression may refer to.
#[derive(Clone, Copy)]
pub(crate) struct Names<'n> {
    /// The parts of the cell.
    pub(crate) parts: &'n [Name],
    /// What the option may use beside them.
    pub(crate) stage: Stage,
}

/// Variables that are no parts of a cell, and the stages that know them.
const VARIABLES: [(&str, Variable, &[Stage]); 5] = [
    ("key", Variable::Key, &[Stage::Key, Stage::Nonce, Stage::Mark, Stage::Authenticated]),
    ("cipher-key", Variable::CipherKey, &[Stage::Nonce, Stage::Mark]),
    ("plaintext", Variable::Plaintext, &[Stage::Nonce]),
    ("aad", Variable::Aad, &[Stage::Authenticated]),
    ("salt", Variable::Salt, &[Stage::Key, Stage::Nonce, Stage::Mark]),
];

/// Parts that are not known yet, or not any more, where expressions are evaluated.
const NOT_READABLE: [&str; 2] = ["mark", "tag"];

impl Expr {
    /// Reads and checks an expression.
    ///
    /// # Errors
    /// On a mistake of form, an unknown name, or an argument that does not fit.
    pub(crate) fn parse(text: &str, names: Names<'_>) -> Result<Expr, Mistake> {
        let expr = names.expr(parse::term(text)?)?;
        match expr {
            Expr::Number(_) => Err(Mistake::new("a number is not bytes; write 0x… or '…'")),
            expr => Ok(expr),
        }
    }
}

impl Names<'_> {
    fn expr(self, term: Term<'_>) -> Result<Expr, Mistake> {
        match term {
            Term::Bytes(bytes) => Ok(Expr::Bytes(bytes)),
            Term::Number(number) => Ok(Expr::Number(number)),
            Term::Word(name) => self.variable(name),
            Term::Call("spelled", arguments) => self.spelled(&arguments),
            Term::Call(name, arguments) => self.call(name, arguments),
        }
    }

    fn variable(self, name: &str) -> Result<Expr, Mistake> {
        // A salt in the cell goes before the one of the plan; `key` is always the key, never its tag in the cell.
        if let Some(part) = self.part(name).filter(|_| name != "key") {
            return Ok(Expr::Variable(Variable::Part(part)));
        }
        let known =
            VARIABLES.iter().find(|(known, _, stages)| *known == name && stages.contains(&self.stage));
        match known {
            Some((_, variable, _)) => Ok(Expr::Variable(variable.clone())),
            None => Err(self.unknown(name)),
        }
    }

    fn part(self, name: &str) -> Option<Name> {
        let readable = self.stage != Stage::Mark && !NOT_READABLE.contains(&name);
        self.parts.iter().find(|part| &***part == name && readable).cloned()
    }

    fn unknown(self, name: &str) -> Mistake {
        let variables = VARIABLES.iter().filter(|(_, _, stages)| stages.contains(&self.stage));
        let parts = self.parts.iter().map(|part| &**part).filter(|name| self.part(name).is_some());
        let mut known: Vec<&str> = variables.map(|(name, ..)| *name).chain(parts).collect();
        known.dedup();
        Mistake::new(format!("unknown name `{name}`{}", meant(name, &known)))
            .help(format!("names that can be used here: {}", known.join(", ")))
    }

    fn spelled(self, arguments: &[Term<'_>]) -> Result<Expr, Mistake> {
        match arguments {
            [Term::Word(name)] => match self.part(name) {
                Some(part) => Ok(Expr::Spelled(part)),
                None => Err(self.unknown(name)),
            },
            _ => Err(Mistake::new("spelled() takes the name of one part")),
        }
    }

    fn call(self, name: &str, arguments: Vec<Term<'_>>) -> Result<Expr, Mistake> {
        let function = functions::find(name).ok_or_else(|| {
            let known = functions::names();
            Mistake::new(format!("unknown function `{name}`{}", meant(name, &known)))
                .help(format!("valid functions are {}", known.join(", ")))
        })?;
        let arguments: Vec<Expr> =
            arguments.into_iter().map(|argument| self.expr(argument)).collect::<Result<_, _>>()?;
        fits(function, &arguments)?;
        Ok(Expr::Call(function, arguments))
    }
}

/// Whether a function takes these arguments.
fn fits(function: &'static Function, arguments: &[Expr]) -> Result<(), Mistake> {
    let usage = || Mistake::new(format!("`{}` takes ({})", function.name, function.usage));
    let kinds = function.kinds;
    if !function.variadic && arguments.len() != kinds.len() || arguments.len() < kinds.len() {
        return Err(usage());
    }
    for (at, argument) in arguments.iter().enumerate() {
        let kind = kinds.get(at).or(kinds.last()).ok_or_else(usage)?;
        match (kind, argument) {
            (Kind::Bytes, Expr::Number(_)) => return Err(usage()),
            (Kind::Number(most), Expr::Number(number)) if number <= most => {}
            (Kind::Number(most), Expr::Number(number)) => {
                return Err(Mistake::new(format!("`{}`: {number} is more than {most}", function.name)));
            }
            (Kind::Number(_), _) => return Err(usage()),
            (Kind::Bytes, _) => {}
        }
    }
    Ok(())
}
