//! The text of a step around a run, with holes that the run fills.

use std::fmt;

/// What a step may be filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepHole {
    /// `{run.id}`: the run's id.
    RunId,
    /// `{run.state}`: where the run stands, as [`RunState::name`](crate::RunState::name) says it.
    RunState,
    /// `{run.operator}`: who runs it.
    RunOperator,
    /// `{run.old_keys}`: the ids of the keys that cells are moved from, with commas between them.
    RunOldKeys,
    /// `{run.new_key}`: the ids of the primaries, with commas between them.
    RunNewKey,
    /// `{run.kind}`: `routine` or `emergency`.
    RunKind,
    /// `{run.cells_rotated}`: cells swapped so far, a number.
    RunCellsRotated,
    /// `{vars.NAME}`: what the plan calls so.
    Var(String),
}

impl StepHole {
    /// Every hole that is filled with something of the run.
    pub const OF_RUN: [StepHole; 7] = [
        StepHole::RunId,
        StepHole::RunState,
        StepHole::RunOperator,
        StepHole::RunOldKeys,
        StepHole::RunNewKey,
        StepHole::RunKind,
        StepHole::RunCellsRotated,
    ];

    /// The hole with this name, which is written without its braces.
    #[must_use]
    pub fn parse(name: &str) -> Option<StepHole> {
        match name.strip_prefix("vars.") {
            Some("") => None,
            Some(var) => Some(StepHole::Var(var.to_owned())),
            None => StepHole::OF_RUN.into_iter().find(|hole| hole.to_string() == name),
        }
    }
}

impl fmt::Display for StepHole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StepHole::RunId => "run.id",
            StepHole::RunState => "run.state",
            StepHole::RunOperator => "run.operator",
            StepHole::RunOldKeys => "run.old_keys",
            StepHole::RunNewKey => "run.new_key",
            StepHole::RunKind => "run.kind",
            StepHole::RunCellsRotated => "run.cells_rotated",
            StepHole::Var(name) => return write!(f, "vars.{name}"),
        })
    }
}

/// A piece of a step's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepPiece {
    /// As the plan writes it.
    Text(String),
    /// Filled by the run.
    Hole(StepHole),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_found_by_its_name() {
        for hole in StepHole::OF_RUN.into_iter().chain([StepHole::Var("arn".into())]) {
            assert_eq!(StepHole::parse(&hole.to_string()), Some(hole));
        }
        for name in ["", "run", "run.", "vars.", "run.key", "vars"] {
            assert_eq!(StepHole::parse(name), None, "{name}");
        }
    }
}
