//! What all states have in common: a name that is written down, and read back.

/// Declares the states of something, each with the name that it has in tables and in JSON. Which of them may become which
/// is for each to say.
macro_rules! states {
    ($(#[$about:meta])* $States:ident { $($(#[$doc:meta])* $State:ident = $name:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $States {
            $($(#[$doc])* $State,)+
        }

        impl $States {
            /// Every state.
            pub const ALL: [$States; [$($name),+].len()] = [$($States::$State),+];

            /// The state's name in tables and in JSON.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $($States::$State => $name,)+
                }
            }

            /// The state with this name.
            #[must_use]
            pub fn parse(name: &str) -> Option<$States> {
                $States::ALL.into_iter().find(|state| state.name() == name)
            }
        }

        impl std::fmt::Display for $States {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

pub(crate) use states;

#[cfg(test)]
mod tests {
    use crate::{KeyState, RunState};

    #[test]
    fn names_read_back() {
        for state in RunState::ALL {
            assert_eq!(RunState::parse(state.name()), Some(state));
        }
        for state in KeyState::ALL {
            assert_eq!(KeyState::parse(state.name()), Some(state));
        }
        assert_eq!(KeyState::parse("asleep"), None);
    }
}
