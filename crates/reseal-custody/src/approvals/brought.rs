//! Keys that the steps of `before` bring after people agreed to a run.
//!
//! A request holds the fingerprints of the keys that are there when it is asked for, and the plan's digest, so that those
//! who agree to it agree to the steps too. Hence what was agreed to must still be there when the steps are done, and what
//! is new is what the plan's own steps have brought: it is named in the audit trail.

use reseal_control::ControlSession;
use reseal_plan::Plan;
use reseal_store::RunRow;
use serde_json::{Map, Value};

use super::count::count;
use super::{Kind, set};
use crate::catalogue::CatalogueEntry;
use crate::error::{ApprovalError, CustodyError};

/// Holds the keys of a run against those that people agreed to; gives the others, as keyset, id and fingerprint. Which
/// of them seals is the steps' to say, as they do in a plan whose application keeps the states of its keys.
///
/// # Errors
/// When a key that people agreed to has other bytes by now, or is gone.
pub fn brought(agreed: &str, plan: &str, entries: &[CatalogueEntry]) -> Result<Vec<String>, CustodyError> {
    let agreed: Map<String, Value> = serde_json::from_str(agreed).unwrap_or_default();
    let fingerprint = |entry: &CatalogueEntry| entry.row.as_ref().map(|row| row.fingerprint.clone());
    for (keyset, keys) in &agreed {
        for (id, agreed) in keys.as_object().into_iter().flatten() {
            let now = entries.iter().find(|entry| (&entry.keyset, &entry.key_id) == (keyset, id));
            let (keyset, key, plan) = (keyset.clone(), id.clone(), plan.to_owned());
            match now {
                Some(now) if fingerprint(now).as_deref() == agreed["fingerprint"].as_str() => {}
                Some(_) => return Err(ApprovalError::OtherKey { keyset, key, plan }.into()),
                None => return Err(ApprovalError::KeyGone { keyset, key, plan }.into()),
            }
        }
    }
    let known = |entry: &&CatalogueEntry| {
        agreed.get(&entry.keyset).is_some_and(|keys| keys.get(&entry.key_id).is_some())
    };
    let new = entries.iter().filter(|entry| !known(entry));
    let named = |entry: &CatalogueEntry| {
        format!("{}/{} {}", entry.keyset, entry.key_id, fingerprint(entry).unwrap_or_default())
    };
    Ok(new.map(named).collect())
}

/// The keys that people agreed to for a run that is gone on with, by signatures that still hold; `None` where nobody had
/// to agree.
///
/// # Errors
/// When the control database has no such agreement.
pub async fn of_run(
    control: &mut ControlSession,
    plan: &Plan,
    run: &RunRow,
) -> Result<Option<String>, CustodyError> {
    let kind = Kind::of_run(run.emergency);
    let needed = kind.needed(&plan.policy.approvals);
    // A run that began by another plan is not gone on with by this one.
    if needed == 0 || run.plan_digest != plan.digest {
        return Ok(None);
    }
    let known = set::in_force(control, plan).await?;
    let request = control.approval_used_for(kind.name(), &run.id).await?;
    let request =
        request.filter(|request| (&request.digest, &request.scope) == (&run.plan_digest, &run.scope));
    if let Some(request) = request {
        let (valid, _) = count(control, &request, &known, needed, &request.operator).await?;
        if valid.len() >= needed as usize {
            return Ok(Some(request.fingerprints));
        }
    }
    Err(ApprovalError::Lost { run: run.id.clone() }.into())
}
