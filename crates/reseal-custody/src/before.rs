//! What has to hold before a run may begin.

use jiff::Timestamp;
use reseal_control::ControlDatabase;
use reseal_core::quantity::{coarse, exact, millis};
use reseal_core::{KeyState, RunState};
use reseal_engine::{
    Allowed, Custody, EngineError, Entry, Job, Rules, RunOptions, Said, catalogue, to_roll_back,
};
use reseal_plan::{Plan, Policy};
use reseal_store::{Database, RunRow};
use tracing::warn;

use crate::approvals::{self, Agreed, Facts, Kind};
use crate::proofs;

/// Holds a run that is about to begin against the plan's policy, and ties it to the control database. A dry run writes
/// nothing and passes; a run that is gone on with was held against the policy when it began.
///
/// # Errors
/// When the policy refuses the run, people have yet to agree, or a database cannot be asked.
pub async fn before_run(
    plan: &Plan,
    job: &Job,
    database: &Database,
    control: &ControlDatabase,
    options: &RunOptions,
) -> Result<Option<Custody>, EngineError> {
    if options.dry_run {
        return Ok(None);
    }
    let gone_on = gone_on_with(plan, database).await?;
    let mut session = control.connect().await?;
    let entries = catalogue::enter(&mut session, job).await?;
    let deadline = plan.emergency.as_ref().and_then(|emergency| emergency.deadline);
    let mut custody =
        Custody { deadline: deadline.filter(|_| options.emergency), ..Custody::of(control, said(plan)) };
    let mut agreed = None;
    let emergency = match &gone_on {
        None => {
            proofs(&plan.policy, Timestamp::now()).await?;
            catalogue::may_seal(&entries)?;
            let now = session.now_ms().await?;
            custody.skipped = criteria(&plan.policy, &entries, options.emergency, now)?;
            let facts = Facts::of_run(plan, &entries, &options.scope, options.emergency);
            let given = approvals::agreed(&mut session, plan, &facts, &options.operator).await?;
            note(&mut custody, given);
            agreed = custody.approval.is_some().then_some(facts.fingerprints);
            options.emergency
        }
        Some(run) if options.emergency && !run.emergency => return Err(no_emergency(run)),
        Some(run) => run.emergency,
    };
    match plan.hooks.before.is_empty() {
        true if gone_on.is_none() => too_many_active(&plan.policy, &entries),
        true => {}
        // A run that has its keys noted was held against its rules when they were.
        false if gone_on.as_ref().is_none_or(|run| run.primaries.is_empty()) => {
            if let Some(run) = &gone_on {
                agreed = approvals::of_run(&mut session, plan, run).await?;
            }
            custody.rules = Some(rules(plan, emergency, agreed));
        }
        false => {}
    }
    Ok(Some(custody))
}

/// A run that began in no emergency was agreed to and noted as such, and so is its pace.
fn no_emergency(run: &RunRow) -> EngineError {
    let message = format!("run {} is {}, and began in no emergency", run.id, run.state);
    let help = format!(
        "`reseal cancel PLAN --run {}` leaves it where it is, and the emergency begins a run of its own;\n\
         `reseal resume PLAN` goes on with it as it was",
        run.id
    );
    EngineError::refused("no-emergency", message, help)
}

fn said(plan: &Plan) -> Said {
    Said { full_digest: plan.full_digest.clone(), max_key_age: plan.policy.max_key_age }
}

/// The run that `run` would go on with, as it is not over.
async fn gone_on_with(plan: &Plan, database: &Database) -> Result<Option<RunRow>, EngineError> {
    let mut session = database.connect().await?;
    if session.version().await?.is_none() {
        return Ok(None);
    }
    let latest = session.runs(Some(&plan.name), 1).await?.pop();
    Ok(latest.filter(|run| !run.state.is_over()))
}

/// What holds for the keys once the steps of `before` are done. `agreed` are those that people agreed to, if they did.
fn rules(plan: &Plan, emergency: bool, agreed: Option<String>) -> Rules {
    let (policy, name) = (plan.policy.clone(), plan.name.clone());
    Rules::new(move |entries, now| {
        catalogue::may_seal(entries)?;
        let brought = agreed.as_ref().map(|agreed| approvals::brought(agreed, &name, entries)).transpose()?;
        let skipped = criteria(&policy, entries, emergency, now)
            .map_err(|refusal| EngineError { help: Some(behind_before(&name, refusal.help)), ..refusal })?;
        too_many_active(&policy, entries);
        Ok(Allowed { skipped, brought: brought.unwrap_or_default() })
    })
}

/// What to do about a refusal once the steps of `before` are done.
fn behind_before(plan: &str, help: Option<String>) -> String {
    let help = help.map(|help| format!("{help}\n")).unwrap_or_default();
    format!(
        "{help}the steps of `before` are done: `reseal resume PLAN` goes on when this is settled,\n\
         `reseal rollback PLAN --confirm {plan}` undoes them, so that another run may begin"
    )
}

/// The criteria to proceed to another key: the one that seals now is old enough, and none is stuck between two runs.
/// An emergency sets them aside; gives what it set aside.
fn criteria(
    policy: &Policy,
    entries: &[Entry],
    emergency: bool,
    now: i64,
) -> Result<Vec<String>, EngineError> {
    let Some(min) = policy.min_key_age else { return Ok(Vec::new()) };
    let mut skipped = Vec::new();
    for new in entries.iter().filter(|entry| entry.primary && state(entry) != Some(KeyState::Active)) {
        let beside = || entries.iter().filter(|other| !other.primary && other.keyset == new.keyset);
        let stuck = beside().filter(|entry| state(entry) == Some(KeyState::Rotating));
        let stuck = stuck.map(stuck_key);
        let active: Vec<&Entry> = beside().filter(|entry| state(entry) == Some(KeyState::Active)).collect();
        let found = |entry: &&Entry| {
            entry.row.as_ref().is_some_and(|row| row.state == KeyState::Created && !row.generated)
        };
        // Where no key is known to seal, each that was found in the plan may be the one that does.
        let sealing = if active.is_empty() { beside().filter(found).collect() } else { active };
        let young = sealing.into_iter().filter_map(|entry| too_young(entry, min.as_millis(), now));
        for refusal in stuck.chain(young) {
            if !emergency {
                return Err(refusal);
            }
            warn!("set aside by the emergency: {}", refusal.message);
            skipped.push(refusal.message);
        }
    }
    Ok(skipped)
}

fn state(entry: &Entry) -> Option<KeyState> {
    entry.row.as_ref().map(|row| row.state)
}

fn stuck_key(entry: &Entry) -> EngineError {
    let message = format!("keyset {}: {} is still rotating, from a run before", entry.keyset, entry.key_id);
    let help = format!("finish that first: `reseal keys retire PLAN {}`, or say --emergency", entry.key_id);
    EngineError::refused("key-rotating", message, help)
}

fn too_young(entry: &Entry, min_ms: u128, now: i64) -> Option<EngineError> {
    let place = format!("keyset {}: {}", entry.keyset, entry.key_id);
    let Some(since) = entry.row.as_ref().and_then(|row| row.activated_at) else {
        let message = format!("{place} may be too young to be rotated: nobody noted since when it seals");
        let help = format!("`reseal keys activate PLAN {} --since TIME`, or --emergency", entry.key_id);
        return Some(EngineError::refused("key-age-unknown", message, help));
    };
    let age = u128::try_from(now - since).unwrap_or(0);
    (age < min_ms).then(|| {
        let least = exact(std::time::Duration::from_millis(u64::try_from(min_ms).unwrap_or(u64::MAX)));
        let message = format!("{place} seals for {} and is to be {least} old", coarse(millis(now - since)));
        EngineError::refused("key-young", message, "wait, or say --emergency where it cannot wait")
    })
}

fn too_many_active(policy: &Policy, entries: &[Entry]) {
    let Some(most) = policy.max_active_keys else { return };
    let mut keysets: Vec<&str> = entries.iter().map(|entry| entry.keyset.as_str()).collect();
    keysets.dedup();
    for keyset in keysets {
        let in_use = |entry: &&Entry| {
            entry.keyset == keyset
                && (entry.primary || matches!(state(entry), Some(KeyState::Active | KeyState::Rotating)))
        };
        let count = entries.iter().filter(in_use).count();
        if count > most as usize {
            warn!("keyset {keyset}: {count} keys are active or rotating, and the policy allows {most}");
        }
    }
}

/// Holds a rollback against the plan's policy. One that is gone on with was agreed to when it began.
///
/// # Errors
/// When people have yet to agree, or a database cannot be asked.
pub async fn before_rollback(
    plan: &Plan,
    job: &Job,
    database: &Database,
    control: &ControlDatabase,
    (run, operator, to_keys): (Option<&str>, &str, &[String]),
) -> Result<Custody, EngineError> {
    let mut custody = Custody::of(control, said(plan));
    let mut session = control.connect().await?;
    let entries = catalogue::enter(&mut session, job).await?;
    let mut target = database.connect().await?;
    if target.version().await?.is_none() {
        return Ok(custody);
    }
    // A run that only carried out steps counts too: what undoes those acts on the application as much as cells do.
    let newest = to_roll_back(&mut target, &plan.name).await?;
    let Some(newest) = newest.filter(|newest| run.is_none_or(|run| run == newest.id)) else {
        return Ok(custody);
    };
    if newest.state != RunState::RollingBack {
        let facts = Facts::new(plan, Kind::Rollback, scope_of_rollback(&newest.id, to_keys), &entries);
        note(&mut custody, approvals::agreed(&mut session, plan, &facts, operator).await?);
    }
    Ok(custody)
}

fn note(custody: &mut Custody, agreed: Option<Agreed>) {
    if let Some(agreed) = agreed {
        (custody.approval, custody.approved_by) = (Some(agreed.request), agreed.approvers);
    }
}

/// What people agree to: which run, and which keys cells go back to where somebody has to say so.
fn scope_of_rollback(run: &str, to_keys: &[String]) -> String {
    let mut keys = to_keys.to_vec();
    keys.sort();
    match keys.is_empty() {
        true => run.to_owned(),
        false => format!("{run} to {}", keys.join(", ")),
    }
}
