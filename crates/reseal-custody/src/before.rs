//! What has to hold before a run may begin.

use std::sync::Arc;

use jiff::Timestamp;
use reseal_control::ControlDatabase;
use reseal_core::RunState;
use reseal_engine::{
    Job, NoObserver, RollbackOptions, RunObserver, RunOptions, has_no_new_keys, may_roll_back, to_roll_back,
};
use reseal_plan::Plan;
use reseal_store::{Database, RunRow, TrailMark};

use crate::approvals::{self, Intent, Kind};
use crate::custody::Custody;
use crate::error::{CustodyError, PolicyError};
use crate::permit::Permit;
use crate::rules::{Rules, criteria, old_enough, too_many_active};
use crate::{catalogue, mark, proofs};

/// Checks a run that is about to begin against the plan's policy, and gives who follows it in the control database. A dry
/// run writes nothing and passes; a run that is resumed was checked when it began.
///
/// # Errors
/// When the policy refuses the run, people have yet to agree, or a database cannot be asked.
pub async fn before_run(
    plan: &Plan,
    job: &Job,
    database: &Database,
    control: &ControlDatabase,
    options: &RunOptions,
) -> Result<Arc<dyn RunObserver>, CustodyError> {
    if options.dry_run {
        return Ok(Arc::new(NoObserver));
    }
    let KnownRuns { unfinished, mark } = known_runs(plan, database).await?;
    let mut session = control.connect().await?;
    let accepted_mark = mark::check(&mut session, mark, options.accepted.control_database).await?;
    let entries = catalogue::enter(&mut session, job).await?;
    let deadline = plan.emergency.as_ref().and_then(|emergency| emergency.deadline);
    let deadline = deadline.filter(|_| options.emergency);
    let mut permit = Permit { deadline, accepted_mark, ..Permit::new(plan, &options.operator) };
    let (mut agreed, mut rules) = (None, None);
    let emergency = match &unfinished {
        None => {
            proofs(&plan.policy, Timestamp::now()).await?;
            catalogue::may_seal(&entries)?;
            if plan.hooks.before.is_empty() {
                catalogue::may_seal_by_source(job)?;
            }
            let now = session.now_ms().await?;
            if !plan.hooks.before.is_empty() && !options.emergency {
                old_enough(plan, &session.catalogued(&plan.name).await?, &entries, now)?;
            }
            permit.skipped = criteria(&plan.policy, &entries, options.emergency, now)?;
            let (kind, scope) = (Kind::of_run(options.emergency), options.scope.json().to_string());
            let intent = Intent { kind, scope, entries: &entries };
            permit.agreed =
                approvals::agreed(&mut session, database, plan, &intent, &options.operator).await?;
            agreed = permit.agreed.as_ref().map(|agreed| agreed.fingerprints.clone());
            options.emergency
        }
        Some(run) if options.emergency && !run.emergency => return Err(no_emergency(run).into()),
        Some(run) => {
            if Kind::of_run(run.emergency).needed(&plan.policy.approvals) > 0 {
                has_no_new_keys(job, run)?;
            }
            run.emergency
        }
    };
    match plan.hooks.before.is_empty() {
        true if unfinished.is_none() => too_many_active(&plan.policy, &entries),
        true => {}
        // A run that has its keys noted was checked against its rules when they were.
        false if unfinished.as_ref().is_none_or(|run| run.primaries.is_empty()) => {
            if let Some(run) = &unfinished {
                agreed = approvals::of_run(&mut session, plan, run).await?;
            }
            rules = Some(Rules::new(plan, emergency, agreed));
        }
        false => {}
    }
    Ok(Arc::new(Custody::new(control, permit, rules)))
}

/// A run that began in no emergency was agreed to and noted as such, and so is its pace.
fn no_emergency(run: &RunRow) -> PolicyError {
    PolicyError::NoEmergency { run: run.id.clone(), state: run.state }
}

/// What the ledger knows of a plan's runs.
#[derive(Default)]
struct KnownRuns {
    /// The run that `run` would resume.
    unfinished: Option<RunRow>,
    /// The event with which the newest one began.
    mark: Option<TrailMark>,
}

async fn known_runs(plan: &Plan, database: &Database) -> Result<KnownRuns, CustodyError> {
    let mut session = database.connect().await?;
    if session.version().await?.is_none() {
        return Ok(KnownRuns::default());
    }
    let latest = session.runs(Some(&plan.name), 1).await?.pop();
    let unfinished = latest.filter(|run| !run.state.is_over());
    Ok(KnownRuns { unfinished, mark: session.trail_mark(&plan.name).await? })
}

/// Checks a rollback against the plan's policy, and gives who follows it in the control database. One that is resumed was
/// agreed to when it began.
///
/// # Errors
/// When people have yet to agree, or a database cannot be asked.
pub async fn before_rollback(
    plan: &Plan,
    job: &Job,
    database: &Database,
    control: &ControlDatabase,
    options: &RollbackOptions,
) -> Result<Arc<dyn RunObserver>, CustodyError> {
    let mut permit = Permit::new(plan, &options.operator);
    let mut session = control.connect().await?;
    let entries = catalogue::enter(&mut session, job).await?;
    let mut target = database.connect().await?;
    // A run that only carried out steps counts too: what undoes those acts on the application as much as cells do.
    let newest = match target.version().await? {
        Some(_) => to_roll_back(&mut target, &plan.name).await?,
        None => None,
    };
    // Without keys there is only a run to roll back that came to know none: it moved no cell.
    if let Some(error) = &job.keys_missing
        && newest.as_ref().is_none_or(|newest| !newest.primaries.is_empty())
    {
        return Err(error.clone().into());
    }
    let asked = |newest: &RunRow| options.run_id.as_ref().is_none_or(|run| *run == newest.id);
    let resumed = [RunState::RollingBack, RunState::RolledBack];
    let begins = |newest: &RunRow| asked(newest) && !resumed.contains(&newest.state);
    if let Some(newest) = newest.filter(begins) {
        // Whoever agrees is asked only for what could be done then.
        may_roll_back(job, &newest, &options.to_keys)?;
        let scope = scope_of_rollback(&newest.id, &options.to_keys);
        let intent = Intent { kind: Kind::Rollback, scope, entries: &entries };
        permit.agreed = approvals::agreed(&mut session, database, plan, &intent, &options.operator).await?;
    }
    Ok(Arc::new(Custody::new(control, permit, None)))
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
