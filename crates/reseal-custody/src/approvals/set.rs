//! Who may agree, over time: the audit trail keeps the set of approvers that a plan goes by.
//!
//! The first set is taken as it is found. From then on a file of approvers that says otherwise changes nothing until those
//! who were in the set before have agreed to it: whoever can put another file in its place, or start in another folder, does
//! not thereby choose who agrees.

use reseal_control::{ControlSession, host};
use reseal_core::audit::{Event, EventKind};
use reseal_plan::Plan;
use reseal_store::DatabaseIdentity;

use super::keys::{Approver, approvers, in_line};
use super::{Answer, Facts, Kind, Question, answered, names};
use crate::error::CustodyError;

/// The set that a plan goes by, as the trail has it; `None` where nothing was ever asked of it.
///
/// # Errors
/// When the control database refuses.
pub(super) async fn accepted(
    control: &mut ControlSession,
    plan: &str,
) -> Result<Option<Vec<Approver>>, CustodyError> {
    let events = control.events_since(plan, &[EventKind::ApproversAccepted], 0).await?;
    Ok(events.last().map(|entry| {
        let lines = entry.event.texts("approver");
        lines.filter_map(|line| in_line(&line.split_whitespace().collect::<Vec<_>>())).collect()
    }))
}

/// The set that counts for a request of a plan: what the trail has, else what the file says.
///
/// # Errors
/// When the control database refuses, or the file of approvers cannot be trusted.
pub(super) async fn in_force(
    control: &mut ControlSession,
    plan: &Plan,
) -> Result<Vec<Approver>, CustodyError> {
    match accepted(control, &plan.name).await? {
        Some(known) => Ok(known),
        None => approvers(plan.policy.approvers_file()),
    }
}

/// The set in the plan's file, where it may count: it is the first, the same as before, or those before have agreed to it.
///
/// # Errors
/// When they did not agree yet: the error names the request. Also when the file cannot be trusted.
pub(super) async fn agreed_set(
    control: &mut ControlSession,
    plan: &Plan,
    target: &DatabaseIdentity,
    now: i64,
) -> Result<Vec<Approver>, CustodyError> {
    let file = approvers(plan.policy.approvers_file())?;
    let Some(before) = accepted(control, &plan.name).await? else {
        record(control, plan, &file, None).await?;
        return Ok(file);
    };
    if written(&before) == written(&file) {
        return Ok(file);
    }
    let facts = Facts {
        kind: Kind::Approvers,
        digest: plan.digest.clone(),
        scope: written(&file),
        fingerprints: "{}".to_owned(),
        target: target.encode(),
    };
    let of = format!("the current approvers ({})", names(&before).join(", "));
    let question = Question { plan, facts: &facts, known: &before, of, needed: needed(plan, &before), now };
    let operator = control.who().name.clone();
    let answer = answered(control, &question, &operator).await?;
    control.use_approval(&answer.request.id, &format!("approvers of {}", plan.name)).await?;
    record(control, plan, &file, Some(&answer)).await?;
    Ok(file)
}

/// How many of those before must agree: as many as to the gravest thing that the plan asks approvals for, of those that there
/// are.
fn needed(plan: &Plan, before: &[Approver]) -> u32 {
    let gravest = Kind::Approvers.needed(&plan.policy.approvals);
    let mut keys: Vec<&[u8]> = before.iter().map(|approver| approver.public_key.as_slice()).collect();
    keys.sort_unstable();
    keys.dedup();
    gravest.min(u32::try_from(keys.len()).unwrap_or(u32::MAX)).max(1)
}

async fn record(
    control: &mut ControlSession,
    plan: &Plan,
    set: &[Approver],
    agreement: Option<&Answer>,
) -> Result<(), CustodyError> {
    let operator = control.who().name.clone();
    let event = Event::new(EventKind::ApproversAccepted, control.now_ms().await?, &operator, &host());
    let event = event.of_plan(&plan.name, &plan.digest).with("file", plan.policy.approvers_file());
    let event = set.iter().fold(event, |event, approver| event.with("approver", approver.line()));
    let event = match agreement {
        None => event.with("approval", "none: first set of this plan"),
        Some(Answer { request, approvers }) => {
            approvers.iter().fold(event.with("approval", request.id.as_str()), |event, approver| {
                event.with("by", approver.line())
            })
        }
    };
    control.record(&event).await?;
    Ok(())
}

/// A set, written in one way: whoever reads a request sees its lines.
fn written(set: &[Approver]) -> String {
    let mut lines: Vec<String> = set.iter().map(Approver::line).collect();
    lines.sort_unstable();
    lines.join("\n")
}
