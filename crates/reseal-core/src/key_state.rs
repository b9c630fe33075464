//! The states of a key and the one table of transitions between them.

use crate::states::states;

states! {
    /// Where a key stands in its life.
    KeyState {
        /// It exists, and seals nothing.
        Created = "created",
        /// It seals new data.
        Active = "active",
        /// Its cells are being moved to another key, or have been.
        Rotating = "rotating",
        /// It holds no cell, and is kept for backups and replicas that still do.
        Retired = "retired",
        /// It is gone for ever.
        Destroyed = "destroyed",
    }
}

impl KeyState {
    /// The transition table. Everything that is not listed is refused.
    #[must_use]
    pub fn may_become(self, next: KeyState) -> bool {
        use KeyState::*;
        match self {
            // A key that never sealed anything can be dropped.
            Created => matches!(next, Active | Retired),
            // Active → Created: the run that made it active, or that found it in use, was rolled back.
            Active => matches!(next, Rotating | Created),
            // Rotating → Active: the run that moved its cells away was rolled back, or one moves cells back to it.
            Rotating => matches!(next, Active | Retired),
            Retired => matches!(next, Destroyed),
            Destroyed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_comes_back_from_retirement_and_none_is_destroyed_in_use() {
        use KeyState::*;
        for state in KeyState::ALL {
            assert_eq!(state.may_become(Destroyed), state == Retired, "{state}");
            assert!(!Destroyed.may_become(state), "{state}");
            assert!(!state.may_become(state), "{state}");
        }
        assert!(!Retired.may_become(Active));
        assert!(!Active.may_become(Retired), "a key that seals is rotated first");
    }
}
