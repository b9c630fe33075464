//! Guards: once no cell is under an old key, the database refuses new ones.

use std::sync::Arc;

use reseal_core::{Key, Part, RunState};
use reseal_store::{Forbidden, GuardKind, Guarding, RunLease, Session, Trouble};

use crate::cell::field::FieldTarget;
use crate::cell::target::Target;
use crate::error::RunError;
use crate::job::Job;
use crate::job::seal::Seal;

/// How many runs are looked at.
const RUNS: u64 = 1000;

/// What a table must not hold once the run is complete; or the seal whose cells do not name their key.
pub(crate) fn forbidden(target: &Target) -> Result<Vec<Forbidden>, String> {
    let mut all: Vec<Forbidden> = Vec::new();
    for place in &target.fields {
        let field = place.job();
        for seal in field.seals().filter(|seal| !seal.format.plaintext) {
            for key in seal.keyset.keys().iter().filter(|key| !is_final(&field.to, seal, key)) {
                let found = of_cell(target, place, seal, key).ok_or_else(|| seal.name.clone())?;
                if !all.contains(&found) {
                    all.push(found);
                }
            }
        }
    }
    Ok(all)
}

/// Whether cells of this seal under this key are what a run ends with.
fn is_final(to: &Seal, seal: &Seal, key: &Key) -> bool {
    seal.name == to.name && to.is_primary(key)
}

/// How a cell under a key is told by the database: by its beginning, or by the column that names its key.
fn of_cell(target: &Target, field: &FieldTarget, seal: &Seal, key: &Key) -> Option<Forbidden> {
    let to = &field.job().to;
    let column = |place: usize| target.shape.cells[place].clone();
    let primary = to.keyset.primary().map(Key::tag)?;
    if let Some(key_place) = field.place_of(Part::Key) {
        let differs = key.tag() != primary;
        let of = field.place_of(Part::Ciphertext).map(column);
        return differs.then(|| Forbidden {
            column: column(key_place),
            text: key.tag().into(),
            whole: true,
            of,
        });
    }
    let text = seal.format.format.prefix(key.tag())?;
    let differs = to.format.format.prefix(primary).is_none_or(|new| !new.starts_with(&text));
    differs.then_some(Forbidden {
        column: column(field.place_of(Part::Ciphertext)?),
        text,
        whole: false,
        of: None,
    })
}

/// Puts guards up after a clean sweep. False where another sweep has to look at what came before they stood.
pub(crate) async fn put_up(
    session: &mut Session,
    lease: &RunLease,
    job: &Job,
    targets: &[Arc<Target>],
) -> Result<bool, RunError> {
    let Some(kind) = job.guard else { return Ok(true) };
    let mut proven = true;
    for target in targets {
        let forbidden = forbidden(target).unwrap_or_default();
        if forbidden.is_empty() {
            continue;
        }
        match session.guard(lease, &target.shape, &forbidden, kind).await {
            Ok(Guarding::Checked) => {}
            Ok(Guarding::Unchecked) => proven = false,
            Ok(Guarding::Superseded) => return Err(RunError::Superseded),
            // A cell under an old key came in since the sweep. The constraint stands, though unchecked.
            Err(error) if error.trouble == Trouble::Constraint => proven = false,
            Err(error) => return Err(error.into()),
        }
    }
    Ok(proven)
}

/// Has constraints checked that could not be when they were put up: by now another sweep was clean.
pub(crate) async fn prove(session: &mut Session, job: &Job, targets: &[Arc<Target>]) -> Result<(), RunError> {
    for target in targets.iter().filter(|_| job.guard == Some(GuardKind::Constraint)) {
        if session.is_guarded(&target.shape.table).await? {
            session.prove_guard(&target.shape.table).await?;
        }
    }
    Ok(())
}

/// Takes guards away before cells go back, or on to another key.
pub(crate) async fn take_away(
    session: &mut Session,
    lease: &RunLease,
    targets: &[Arc<Target>],
) -> Result<(), RunError> {
    for target in targets {
        if !session.unguard(lease, &target.shape.table).await? {
            return Err(RunError::Superseded);
        }
    }
    Ok(())
}

/// Takes guards away that no complete run of the plan stands behind: an engine that was killed, or superseded, in an
/// unlucky moment may have left one.
pub(crate) async fn repair(
    session: &mut Session,
    lease: &RunLease,
    plan: &str,
    targets: &[Arc<Target>],
) -> Result<(), RunError> {
    let runs = session.runs(Some(plan), RUNS).await?;
    let whole = runs.iter().find(|run| run.whole && run.id != lease.run_id());
    if whole.is_none_or(|run| run.state != RunState::Complete) {
        take_away(session, lease, targets).await?;
    }
    Ok(())
}
