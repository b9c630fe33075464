//! What the registry could not read while a run goes on, as the engine carries it.

use std::sync::Arc;

use reseal_engine::{Advice, Advise, RunError};
use thiserror::Error;

use crate::{BuildError, ReadKeyError};

/// What could not be read.
#[derive(Debug, Error)]
pub(crate) enum Unread {
    /// The keys of the plan, or what is made of them.
    #[error(transparent)]
    Keys(BuildError),
    /// The keys once more, to see whether they are had again.
    #[error(transparent)]
    Escrow(ReadKeyError),
    /// A variable of the plan.
    #[error(transparent)]
    Var(ReadKeyError),
}

impl Advise for Unread {
    fn advice(&self) -> Advice {
        match self {
            Unread::Keys(BuildError::Key(error)) => Advice::refused("key", error.help.clone()),
            Unread::Keys(BuildError::Format { .. }) => Advice::refused("key", "run `reseal check`"),
            Unread::Escrow(error) => Advice::refused("escrow", error.help.clone()),
            Unread::Var(error) => Advice::refused("var", error.help.clone()),
        }
    }
}

impl From<Unread> for RunError {
    fn from(error: Unread) -> Self {
        RunError::Outer(Arc::new(error))
    }
}

#[cfg(test)]
mod tests {
    use reseal_engine::Class;

    use super::*;

    #[test]
    fn each_has_its_code_and_what_to_do() {
        let key = || ReadKeyError::new("v1 is not there", "check the path");
        let format = || BuildError::Format { seal: "main".into(), message: "no".into() };
        for (unread, code, message, help) in [
            (Unread::Keys(key().into()), "key", "v1 is not there", "check the path"),
            (Unread::Keys(format()), "key", "seal `main`: no", "run `reseal check`"),
            (Unread::Escrow(key()), "escrow", "v1 is not there", "check the path"),
            (Unread::Var(key()), "var", "v1 is not there", "check the path"),
        ] {
            let error = RunError::from(unread);
            let Advice { class, code: given, help: said } = error.advice();
            assert_eq!((class, given, error.to_string().as_str()), (Class::Refused, code, message));
            assert_eq!(said.as_deref(), Some(help));
        }
    }
}
