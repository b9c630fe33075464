//! Other names by which people look for a command.

use clap::Error;
use clap::error::{ContextKind, ContextValue};

/// A name of no command, and the command that does it.
const OTHER_NAMES: [(&str, &str); 17] = [
    ("abort", "cancel"),
    ("count", "census"),
    ("daemon", "serve"),
    ("history", "runs"),
    ("lint", "check"),
    ("list", "runs"),
    ("progress", "status"),
    ("re-encrypt", "run"),
    ("reencrypt", "run"),
    ("rekey", "run"),
    ("report", "audit"),
    ("revert", "rollback"),
    ("rotate", "run"),
    ("start", "run"),
    ("stop", "pause"),
    ("practice", "tutorial"),
    ("validate", "check"),
];

/// The error, with the command that was probably meant.
pub(crate) fn suggest(mut error: Error) -> Error {
    let meant = match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(name)) => OTHER_NAMES.iter().find(|(other, _)| other == name),
        _ => None,
    };
    if let Some((_, command)) = meant {
        let names = ContextValue::Strings(vec![(*command).to_owned()]);
        error.insert(ContextKind::SuggestedSubcommand, names);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::command;

    #[test]
    fn another_name_suggests_the_command() {
        for (name, meant) in OTHER_NAMES {
            let error = suggest(command().try_get_matches_from(["reseal", name]).unwrap_err());
            let said = error.render().to_string();
            assert!(said.contains(&format!("'{meant}'")), "{said}");
        }
    }

    #[test]
    fn names_of_no_command_stand_for_commands() {
        for (name, meant) in OTHER_NAMES {
            assert!(command().find_subcommand(name).is_none(), "{name} is a command");
            assert!(command().find_subcommand(meant).is_some(), "{meant} is none");
        }
    }
}
