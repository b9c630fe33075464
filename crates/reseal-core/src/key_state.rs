//! The states of a key and the one table of transitions between them.

use std::fmt;

/// Where a key stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyState {
    /// It exists, and seals nothing.
    Created,
    /// It seals new data.
    Active,
    /// Its cells are being moved to another key, or have been.
    Rotating,
    /// It holds no cell, and is kept for backups and replicas that still do.
    Retired,
    /// It is gone for ever.
    Destroyed,
}

impl KeyState {
    /// Every state.
    pub const ALL: [KeyState; 5] =
        [KeyState::Created, KeyState::Active, KeyState::Rotating, KeyState::Retired, KeyState::Destroyed];

    /// The state's name in the catalogue and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            KeyState::Created => "created",
            KeyState::Active => "active",
            KeyState::Rotating => "rotating",
            KeyState::Retired => "retired",
            KeyState::Destroyed => "destroyed",
        }
    }

    /// The state with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<KeyState> {
        KeyState::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The transition table. Everything that is not listed is refused.
    #[must_use]
    pub fn may_become(self, next: KeyState) -> bool {
        use KeyState::*;
        match self {
            // A key that never sealed anything can be given up.
            Created => matches!(next, Active | Retired),
            // Active → Created: the run that made it active was rolled back, and it holds nothing any more.
            Active => matches!(next, Rotating | Created),
            // Rotating → Active: the run that moved its cells away was rolled back.
            Rotating => matches!(next, Active | Retired),
            Retired => matches!(next, Destroyed),
            Destroyed => false,
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for state in KeyState::ALL {
            assert_eq!(KeyState::parse(state.name()), Some(state));
        }
    }

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
