//! Forgetting a pin: the one way to let a key id stand for other bytes than it was pinned with.

use reseal_plan::Plan;
use reseal_store::{Database, ForgottenPin, Pin, RunRow, Session};

use crate::error::{CustodyError, PinError};
use crate::retire::Named;

/// A pin that an operator wants forgotten.
#[derive(Clone, Copy, Debug)]
pub struct ForgetPin<'a> {
    /// The plan. Its keys are not read.
    pub plan: &'a Plan,
    /// The key.
    pub key: &'a Named,
    /// The key's id, as the operator typed it once more.
    pub confirm: Option<&'a str>,
    /// Who wants it.
    pub operator: &'a str,
    /// Why.
    pub reason: Option<&'a str>,
}

/// Forgets the pin of a key. The ledger keeps what it said, and who had it forgotten.
///
/// # Errors
/// When there is no such pin, it is not confirmed, or a run can still be resumed or rolled back with the pinned bytes.
pub async fn forget_pin(database: &Database, asked: ForgetPin<'_>) -> Result<Pin, CustodyError> {
    let mut session = database.connect().await?;
    let pin = find(&mut session, asked).await?;
    if asked.confirm != Some(pin.key_id.as_str()) {
        return Err(PinError::Unconfirmed { keyset: pin.keyset, key: pin.key_id }.into());
    }
    no_run_relies_on(&mut session, &asked.plan.name, &pin).await?;
    // The ledger of an earlier version has no place for it.
    session.migrate().await?;
    let forgotten = ForgottenPin {
        pin: pin.clone(),
        operator: asked.operator.to_owned(),
        reason: asked.reason.map(str::to_owned),
    };
    match session.forget_pin(&asked.plan.name, &forgotten).await? {
        true => Ok(pin),
        false => Err(PinError::Moved { keyset: pin.keyset, key: pin.key_id }.into()),
    }
}

async fn find(
    session: &mut Session,
    ForgetPin { plan, key, .. }: ForgetPin<'_>,
) -> Result<Pin, CustodyError> {
    let pins = match session.version().await? {
        Some(_) => session.pins(&plan.name).await?,
        None => Vec::new(),
    };
    let of_keyset = |pin: &Pin| key.keyset.as_deref().is_none_or(|wanted| wanted == pin.keyset);
    let mut found: Vec<Pin> =
        pins.into_iter().filter(|pin| pin.key_id == key.key_id && of_keyset(pin)).collect();
    let (plan, key) = (plan.name.clone(), key.key_id.clone());
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(PinError::NotPinned { plan, key }.into()),
        _ => {
            let keysets: Vec<String> = found.into_iter().map(|pin| pin.keyset).collect();
            Err(PinError::Ambiguous { plan, key, keysets: keysets.join(", ") }.into())
        }
    }
}

/// Refuses where a run that used the key can be resumed, or rolled back from old cells that it keeps.
async fn no_run_relies_on(session: &mut Session, plan: &str, pin: &Pin) -> Result<(), CustodyError> {
    for run in session.runs(Some(plan), 1000).await? {
        let key = pin.key_id.clone();
        if !run.state.is_over() {
            return Err(PinError::RunNotOver { run: run.id, state: run.state, key }.into());
        }
        let cells = session.undo_cells(&run.id).await?;
        if cells > 0 && has_used(&run, pin) {
            return Err(PinError::UndoKept { run: run.id, cells, key }.into());
        }
    }
    Ok(())
}

/// Whether a run has noted the key among its own.
fn has_used(run: &RunRow, pin: &Pin) -> bool {
    let noted: serde_json::Value = serde_json::from_str(&run.primaries).unwrap_or_default();
    noted[&pin.keyset]["keys"].get(&pin.key_id).is_some()
}
