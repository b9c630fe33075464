//! Before the first write: the steps of `before`, then the keys as they are now, noted for the run.

use std::sync::Arc;

use reseal_store::{NotedTable, RunLease, RunRow, Session};
use tracing::warn;

use crate::cell::target::Target;
use crate::commit::Commit;
use crate::commit::pins::FreshPins;
use crate::environment::Environment;
use crate::error::RunError;
use crate::finding::{Finding, Severity};
use crate::job::hooks::Phase;
use crate::job::options::RunOptions;
use crate::job::{Job, pins};
use crate::observer::RunBegins;
use crate::preflight::weak_keys::WeakKey;
use crate::preflight::{self, Asker, Passed, first_use, identity, weak_keys};
use crate::run::steps::{Cut, Steps};
use crate::stop::Stop;

/// What preflight came to.
pub(crate) struct Looked {
    /// The tables as the run works on them.
    pub(crate) targets: Vec<Arc<Target>>,
    /// What was warned about.
    told: Vec<String>,
    /// The tables of a run that is resumed which are not as it recorded them.
    pub(crate) changed: Vec<NotedTable>,
}

/// Looks before anything is begun. Keys that cannot be read yet may be what the steps of `before` bring: then preflight
/// follows them, and there are no targets yet.
pub(crate) async fn look(
    session: &mut Session,
    job: &Arc<Job>,
    options: &RunOptions,
) -> Result<Looked, RunError> {
    match &job.keys_missing {
        None => passed(preflight::look(session, job, &options.scope, asker(options)).await?, &[]),
        Some(error) if options.dry_run => Err(error.clone()),
        Some(error) => {
            warn!("{error}; running the steps of `before`, then reading the keys again");
            Ok(Looked { targets: Vec::new(), told: Vec::new(), changed: Vec::new() })
        }
    }
}

fn asker(options: &RunOptions) -> Asker<'_> {
    Asker::Run { accepted: &options.accepted, is_dry: options.dry_run }
}

/// Passes findings on, but those that were `told` before; refusals end here.
fn passed(passed: Passed, told: &[String]) -> Result<Looked, RunError> {
    let is_new = |finding: &&Finding| !told.contains(&finding.message);
    let warnings = passed.findings.iter().filter(|finding| finding.severity == Severity::Warning);
    let warnings: Vec<&Finding> = warnings.filter(is_new).collect();
    for finding in &warnings {
        warn!(code = finding.code, help = finding.help, "{}", finding.message);
    }
    let told = warnings.into_iter().map(|finding| finding.message.clone()).collect();
    preflight::refusal(&passed.findings)
        .map_or(Ok(Looked { targets: passed.targets, told, changed: Vec::new() }), Err)
}

/// What the rounds begin with.
pub(crate) struct Ready {
    /// The tables as the run works on them.
    pub(crate) targets: Vec<Arc<Target>>,
    /// Pins that wait for the first swap.
    pub(crate) pins: Arc<FreshPins>,
    /// Keysets of which the operator says that each key has its own id.
    pub(crate) accepted_keys: Vec<String>,
}

/// What came of all that is to be done before the first write.
pub(crate) enum Opened {
    /// Nothing stands before it any more.
    Ready(Ready),
    /// A stop came first.
    Stopped(Stop),
}

/// Carries out what comes before the first write.
pub(crate) async fn open(
    session: &mut Session,
    steps: &mut Steps,
    looked: Looked,
    run: &RunRow,
    lease: &RunLease,
    options: &RunOptions,
    environment: &Environment,
) -> Result<Opened, RunError> {
    let Looked { mut targets, told, mut changed } = looked;
    steps.settle_vars(session).await?;
    let hooks = steps.job().hooks.clone();
    let is_resumed = !run.primaries.is_empty() || steps.any_done(session, Phase::Before).await?;
    // Where the run has its keys noted, these steps are done: keys are noted after them.
    if !hooks.before.is_empty() && run.primaries.is_empty() {
        steps.announced().await?;
        match steps.play(session, Phase::Before, Some(&environment.stop)).await {
            Ok(()) => {}
            Err(Cut::Stopped(stop)) => return Ok(Opened::Stopped(stop)),
            Err(Cut::Failed(error)) => return Err(error),
        }
        if let Some(resolver) = &hooks.resolver {
            steps.with_job(&Arc::new(resolver.job().await?).at_pace(options.pace));
            steps.scrub_noted(session).await?;
        }
        let found = preflight::look(session, steps.job(), &options.scope, asker(options)).await?;
        targets = passed(found, &told)?.targets;
        // They may have rebuilt a table.
        changed.extend(identity::keep(session, lease, run, &targets).await?);
    }
    let job = steps.job();
    let pins = pins::check(session, job).await?;
    environment.observer.keys_read(job).await?;
    note_keys(session, job, run, lease).await?;
    // An engine which is superseded by now tells nobody that its run begins.
    Commit::new(session, lease).holds().await?;
    let accepted_keys = first_use::accepted(&targets, &pins.fresh, &options.accepted.keys);
    let (all, tables) = (pins.all(), changed.as_slice());
    // Preflight has refused those that nobody accepts.
    let weak_keys: Vec<String> = weak_keys::of(job, &pins.fresh).iter().map(WeakKey::name).collect();
    let begins =
        RunBegins { job, run, tables, pins: &all, accepted_keys: &accepted_keys, weak_keys: &weak_keys };
    let recorded = environment.observer.before_first_write(session, begins).await?;
    environment.progress.due(recorded.deadline.0);
    if let Some(event) = recorded.event {
        Commit::new(session, lease).trail_mark(&job.plan, event).await?;
    }
    if is_resumed && let Some(stop) = pause_again(session, steps, environment).await? {
        return Ok(Opened::Stopped(stop));
    }
    let pins = FreshPins::new(&job.plan, pins.fresh);
    Ok(Opened::Ready(Ready { targets, pins, accepted_keys }))
}

/// Notes the keys that the run works with, also those that came since it began: a rollback needs them all, and none is
/// retired while old cells under it are kept.
async fn note_keys(session: &mut Session, job: &Job, run: &RunRow, lease: &RunLease) -> Result<(), RunError> {
    if !pins::has_unnoted(job, run) {
        return Ok(());
    }
    let keys = pins::keys_of_run(job, &run.id)?.to_string();
    match session.note_keys(lease, &run.primaries, &keys).await? {
        true => Ok(()),
        false => Err(RunError::Superseded),
    }
}

/// The steps of `on_resume`. Gives the reason, if a stop came first.
pub(crate) async fn pause_again(
    session: &mut Session,
    steps: &Steps,
    environment: &Environment,
) -> Result<Option<Stop>, RunError> {
    match steps.play(session, Phase::OnResume, Some(&environment.stop)).await {
        Ok(()) => Ok(None),
        Err(Cut::Stopped(stop)) => Ok(Some(stop)),
        Err(Cut::Failed(error)) => Err(error),
    }
}
