//! The key catalogue after a rollback: every key is where it was before the run, as the catalogue's own list of moves has
//! it.

use reseal_control::{ControlSession, KeyMove, NewMove, Since};
use reseal_core::{Key, KeyState, RunState};
use reseal_engine::{Job, RollbackEnd, RunError, same_primaries};
use reseal_store::RunRow;
use tracing::warn;

use crate::catalogue::{enter, reason_of_run};

/// How the reason of a move ends that takes another one back.
const ROLLED_BACK: &str = " was rolled back";

/// After a rollback. Cells are back by now, so trouble with the catalogue is a warning.
pub(crate) async fn after_rollback(control: &mut ControlSession, end: RollbackEnd<'_>, operator: &str) {
    let reasons = match undone(end.job, end.run, end.runs) {
        Ok(Some(reasons)) => reasons,
        Ok(None) => return,
        Err(error) => {
            warn!("the key catalogue was not updated after the rollback: {error}");
            return;
        }
    };
    if let Err(error) = move_back(control, end, &reasons, operator).await {
        warn!(
            "the key catalogue was not updated after the rollback: {error}; update it with `reseal keys activate`"
        );
    }
}

/// What the catalogue gives as the reason of moves that are to be undone: those of the run that was rolled back, and those
/// of runs to the same keys that came to nothing. `None`: another run moved cells to these keys, and stands.
fn undone(job: &Job, run: &RunRow, runs: &[RunRow]) -> Result<Option<Vec<String>>, RunError> {
    let mut reasons = vec![reason_of_run(&run.id)];
    for other in runs.iter().filter(|other| other.id != run.id && other.state != RunState::RolledBack) {
        if !same_primaries(job, other)? {
            continue;
        }
        if other.counts.cells_rotated > 0 {
            return Ok(None);
        }
        reasons.push(reason_of_run(&other.id));
    }
    Ok(Some(reasons))
}

/// Takes back the moves of these reasons, the latest first, up to one that somebody else made.
async fn move_back(
    control: &mut ControlSession,
    end: RollbackEnd<'_>,
    reasons: &[String],
    operator: &str,
) -> Result<(), RunError> {
    let reason = format!("{}{ROLLED_BACK}", reason_of_run(&end.run.id));
    for entry in enter(control, end.job).await? {
        let Some(row) = &entry.row else { continue };
        let back = end.reversed.keysets.iter().find(|keyset| keyset.keyset.name() == entry.keyset);
        let seals = back.and_then(|keyset| keyset.keyset.primary()).map(Key::id) == Some(&entry.key_id);
        let moves = control.key_moves(&row.id).await?;
        for (from, to) in backwards(&moves, reasons, seals) {
            let step = NewMove { from, to, operator, reason: &reason, since: Since::Now };
            if !control.move_key(&row.id, &step).await? {
                break;
            }
        }
    }
    Ok(())
}

/// The moves that bring a key back. `seals`: whether it seals again.
fn backwards(moves: &[KeyMove], reasons: &[String], seals: bool) -> Vec<(KeyState, KeyState)> {
    let mut standing: Vec<&KeyMove> = Vec::new();
    for step in moves {
        let takes_back = |last: &&KeyMove| (last.to, last.from) == (step.from, step.to);
        if step.reason.ends_with(ROLLED_BACK) && standing.last().is_some_and(takes_back) {
            standing.pop();
        } else {
            standing.push(step);
        }
    }
    let of_runs = standing.into_iter().rev().take_while(|step| reasons.contains(&step.reason));
    // A key that seals was active, though the catalogue did not know of it before the run.
    let unknown = |step: &&KeyMove| !(seals && step.from == KeyState::Created);
    of_runs.take_while(unknown).map(|step| (step.to, step.from)).collect()
}

#[cfg(test)]
mod tests {
    use KeyState::{Active, Created, Retired, Rotating};

    use super::*;

    fn moves(list: &[(KeyState, KeyState, &str)]) -> Vec<KeyMove> {
        let step = |(from, to, reason): &(KeyState, KeyState, &str)| KeyMove {
            from: *from,
            to: *to,
            at: 0,
            operator: String::new(),
            reason: (*reason).to_owned(),
        };
        list.iter().map(step).collect()
    }

    /// Watches where going back ends: at the state before the run, at another's move, and at a key that seals.
    #[test]
    fn moves_of_a_run_are_taken_back_and_no_others() {
        let check = |list: &[(KeyState, KeyState, &str)], seals: bool, expect: &[(KeyState, KeyState)]| {
            assert_eq!(backwards(&moves(list), &["run a".to_owned()], seals), expect, "{list:?}");
        };
        let found = [(Created, Active, "run a"), (Active, Rotating, "run a")];
        check(&found, true, &[(Rotating, Active)]);
        check(&found, false, &[(Rotating, Active), (Active, Created)]);
        check(&[(Created, Active, "run a")], false, &[(Active, Created)]);
        check(&[(Created, Active, "by hand"), (Active, Rotating, "run a")], false, &[(Rotating, Active)]);
        check(&[(Active, Rotating, "run 0"), (Rotating, Active, "run a")], false, &[(Active, Rotating)]);
        check(&[(Active, Rotating, "run a"), (Rotating, Retired, "retention period over")], false, &[]);
        check(&[(Active, Rotating, "run 0")], true, &[]);
        let later = [(Rotating, Active, "run b"), (Active, Rotating, "run b was rolled back")];
        check(&[&found[..], &later].concat(), true, &[(Rotating, Active)]);
    }
}
