//! `run` and `resume`: rotating, or resuming a run that is not over.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use reseal_engine::{
    Accepted, Advise, Environment, NoObserver, Report, RunError, RunObserver, RunOptions, Scope,
};
use reseal_notify::{Attempt, Refusal};
use reseal_plan::{KeysetSpec, Plan, PrimarySpec};
use reseal_registry::Overrides;
use reseal_store::{AskedPace, RunRow};

use crate::caller::Caller;
use crate::notices::{self, Watch};
use crate::open::{self, Opened};
use crate::{Failure, control, trail};

/// What a run is asked for.
#[derive(Clone, Debug, Default)]
pub struct RunRequest {
    /// The plan.
    pub plan: PathBuf,
    /// What it is narrowed to, with tables as the plan names them.
    pub scope: Scope,
    /// The key to seal with, instead of the plan's primary.
    pub primary: Option<String>,
    /// What is asked for in place of the plan's own pace.
    pub pace: AskedPace,
    /// Whether an old key is known to others.
    pub emergency: bool,
    /// Whether everything is opened and sealed and nothing at all written.
    pub dry_run: bool,
    /// When to stop.
    pub until: Option<Timestamp>,
    /// What is accepted that the run is refused for otherwise.
    pub accepted: Accepted,
    /// Whether a schedule asks, and nobody in person: an answer that the trail has already is not recorded again.
    pub scheduled: bool,
}

/// What is resumed.
#[derive(Clone, Debug)]
pub struct ResumeRequest {
    /// The plan; its latest run is meant.
    pub plan: PathBuf,
    /// What is accepted that the run is refused for otherwise.
    pub accepted: Accepted,
}

/// Rotates, or resumes a run that is not over.
///
/// # Errors
/// When the plan or its keys cannot be read, policy or preflight refuse, or the run fails.
pub async fn run(caller: &Caller, request: &RunRequest) -> Result<Report, Failure> {
    let opened = open::job_for_run(&request.plan, &request.overrides()).await?;
    let options = request.options(&opened.plan, caller);
    if request.dry_run {
        return Ok(rotate(caller, &opened, &options, Arc::new(NoObserver)).await?);
    }
    let observer = admit(&opened, &options, request.scheduled).await?;
    match rotate(caller, &opened, &options, observer).await {
        Ok(report) => {
            trail::sign().await;
            Ok(report)
        }
        Err(error) => Err(trail::refused(&caller.operator, "run", &opened.plan, error.into()).await),
    }
}

/// Resumes the plan's latest run with what it was started with.
///
/// # Errors
/// When there is no run, or it is over; and as for [`run`].
pub async fn resume(caller: &Caller, request: &ResumeRequest) -> Result<Report, Failure> {
    let found = open::latest(&request.plan, None).await?;
    let row = &found.run;
    if row.state.is_over() {
        let message = format!("run {} is {} and cannot be resumed", row.id, row.state);
        return Err(Failure::usage("run-over", message, "start a new run with `reseal run PLAN`"));
    }
    let resumed = RunRequest {
        plan: request.plan.clone(),
        scope: Scope::from_json(&row.scope),
        primary: primary_of(&found.plan, row),
        emergency: row.emergency,
        accepted: request.accepted.clone(),
        ..RunRequest::default()
    };
    run(caller, &resumed).await
}

impl RunRequest {
    /// What lies over the plan.
    fn overrides(&self) -> Overrides {
        let number = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        Overrides {
            primary: self.primary.clone(),
            batch_rows: self.pace.batch_rows.map(number),
            workers: self.pace.workers.map(number),
            emergency: self.emergency,
        }
    }

    fn options(&self, plan: &Plan, caller: &Caller) -> RunOptions {
        RunOptions {
            scope: open::scoped(plan, &self.scope),
            operator: caller.operator.clone(),
            dry_run: self.dry_run,
            emergency: self.emergency,
            until: self.until,
            pace: self.pace,
            accepted: self.accepted.clone(),
        }
    }
}

/// The primary that a run was started with where the plan's own is another: `--primary` has to be given once.
fn primary_of(plan: &Plan, run: &RunRow) -> Option<String> {
    let noted: serde_json::Value = serde_json::from_str(&run.primaries).ok()?;
    let differs = |keyset: &&KeysetSpec| match &keyset.primary {
        PrimarySpec::Id(id) => noted[&keyset.name]["primary"] != id.as_str(),
        // Another keyset may have a key of the same id, and a primary of its own.
        PrimarySpec::Source(_) => plan.keysets.len() == 1,
        PrimarySpec::None => false,
    };
    let keyset = plan.keysets.iter().find(differs)?;
    noted[&keyset.name]["primary"].as_str().map(str::to_owned)
}

/// Checks the run against the plan's policy, tells people of the attempt, and records a refusal; gives who follows the run.
async fn admit(
    opened: &Opened,
    options: &RunOptions,
    scheduled: bool,
) -> Result<Arc<dyn RunObserver>, Failure> {
    let Opened { plan, job, database } = opened;
    let control = control::database()?;
    let allowed = reseal_custody::before_run(plan, job, database, &control, options).await;
    let refusal = allowed.as_ref().err().map(|error| (error.advice().code, error.to_string()));
    let refusal = refusal.as_ref().map(|(code, message)| Refusal { code, message });
    let operator = options.operator.as_str();
    notices::report_attempt(plan, Attempt { action: "run", operator, scheduled, refusal }).await;
    match allowed {
        Ok(observer) => Ok(observer),
        Err(error) => Err(refused(operator, plan, error.into(), scheduled).await),
    }
}

/// Records that a run was refused. What a schedule tries again and again is recorded once.
async fn refused(operator: &str, plan: &Plan, failure: Failure, scheduled: bool) -> Failure {
    match scheduled {
        true if trail::has_refused(plan, &failure.code, &failure.message).await => failure,
        true => trail::refused_unattended(operator, plan, failure).await,
        false => trail::refused(operator, "run", plan, failure).await,
    }
}

/// Lets the engine run, watched by whoever asked and, where something is written, by those whom the plan notifies.
async fn rotate(
    caller: &Caller,
    opened: &Opened,
    options: &RunOptions,
    observer: Arc<dyn RunObserver>,
) -> Result<Report, RunError> {
    let environment = Environment::new(opened.database.clone()).followed_by(observer);
    caller.frontend.stop_with(&environment.stop);
    let watch = match options.dry_run {
        true => None,
        false => Watch::start(&opened.plan, &opened.database, &environment.progress).await,
    };
    let shown = caller.frontend.show(&environment.progress);
    let report = reseal_engine::run(&opened.job, options, &environment).await;
    drop(shown);
    if let Some(watch) = watch {
        watch.end().await;
    }
    report
}
