//! Notices about runs: beside the run, never in its way.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reseal_control::{ControlDatabase, ControlSession, LetterCounts};
use reseal_core::Notice;
use reseal_engine::Progress;
use reseal_notify::{Attempt, Delivered, Outbox, Tick};
use reseal_plan::Plan;
use reseal_serve::{Clock, LogNotices, Notices, Plans, Served};
use reseal_store::{Database, StoreError};
use tokio::task::JoinHandle;

use crate::health_monitor::HealthMonitor;
use crate::{Failure, control, open};

/// How often a run in progress is checked.
const EVERY: Duration = Duration::from_secs(20);
/// How often old letters are looked for.
const DAY: Duration = Duration::from_secs(86_400);
/// The least time between two checks, however fast a clock of tests runs.
const SHORTEST: Duration = Duration::from_millis(200);
/// How long the end of a command waits for mail; what does not go out by then waits in the outbox.
const AT_THE_END: Duration = Duration::from_secs(10);

/// The control database with its tables, and a connection to it.
pub(crate) async fn outbox() -> Result<(ControlDatabase, ControlSession), Failure> {
    let database = control::database()?;
    let mut session = database.connect().await?;
    session.migrate().await?;
    Ok((database, session))
}

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// From 0 to 1, another each time.
pub(crate) fn jitter() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness all attempts come at the same times, and nothing else changes.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// Checks a plan's runs once: posts notices, and delivers what is due.
pub(crate) async fn check_runs(
    plan: &Plan,
    target: &Database,
    control: &ControlDatabase,
    waiting: Option<&str>,
    within: Duration,
) -> Result<Delivered, StoreError> {
    let tick = Tick { plan, target, control, waiting, jitter: &jitter, within };
    reseal_notify::tick(&tick, now()).await
}

/// Posts the daemon's notices to the outbox; of a plan that tells nobody, to the log.
pub(crate) struct Posted {
    pub(crate) clock: Clock,
}

#[async_trait]
impl Notices for Posted {
    async fn post(
        &self,
        control: &mut ControlSession,
        plan: &Plan,
        notice: &Notice,
    ) -> Result<(), StoreError> {
        match plan.notify {
            Some(_) => reseal_notify::post(control, plan, notice, self.clock.now().as_millisecond()).await,
            None => LogNotices.post(control, plan, notice).await,
        }
    }
}

/// Checks the runs of the plan in a place and delivers what is due, again and again. A control database that is away is tried
/// again; a plan that was read again is heeded.
pub(crate) async fn keep_notifying(plans: Plans, place: usize, control: ControlDatabase, clock: Clock) {
    let mut watched: Option<Watched> = None;
    while let Some(served) = plans.at(place) {
        if watched.as_ref().is_none_or(|watched| !Arc::ptr_eq(&watched.served, &served)) {
            watched = Watched::new(served, &control, clock).await;
        }
        if let Some(watched) = &mut watched {
            watched.check(&control, clock).await;
        }
        tokio::time::sleep(clock.real(EVERY).max(SHORTEST)).await;
    }
}

/// A plan that notifies somebody, while it is served.
struct Watched {
    served: Arc<Served>,
    target: Database,
    health: HealthMonitor,
}

impl Watched {
    async fn new(served: Arc<Served>, control: &ControlDatabase, clock: Clock) -> Option<Watched> {
        served.plan.notify.as_ref()?;
        match open::database(&served.plan).await {
            Ok(target) => {
                let health = HealthMonitor::new(served.plan.clone(), control.clone(), clock);
                Some(Watched { served, target, health })
            }
            Err(failure) => {
                tracing::warn!(plan = served.plan.name, "notifications are delayed: {}", failure.message);
                None
            }
        }
    }

    async fn check(&mut self, control: &ControlDatabase, clock: Clock) {
        self.health.check().await;
        let tick = Tick {
            plan: &self.served.plan,
            target: &self.target,
            control,
            waiting: None,
            jitter: &jitter,
            within: EVERY,
        };
        warn(reseal_notify::tick(&tick, clock.now().as_millisecond()).await);
    }
}

/// Forgets old letters and slots, once a day.
pub(crate) async fn keep_pruning(control: ControlDatabase, clock: Clock) {
    loop {
        let pruned = async {
            let mut session = control.connect().await?;
            let now = clock.now().as_millisecond();
            let letters = reseal_notify::prune(&mut session, now).await?;
            Ok::<_, StoreError>((letters, reseal_serve::prune_slots(&mut session, now).await?))
        };
        match pruned.await {
            Ok((0, 0)) => {}
            Ok((letters, slots)) => {
                tracing::info!("deleted {letters} old notifications and {slots} old job records");
            }
            Err(error) => tracing::warn!("old notifications and job records could not be deleted: {error}"),
        }
        tokio::time::sleep(clock.real(DAY).max(SHORTEST)).await;
    }
}

/// Tells people of a run while it is under way, from a task of its own, and once more at its end.
pub(crate) struct Watch {
    task: JoinHandle<()>,
    plan: Arc<Plan>,
    target: Database,
    control: ControlDatabase,
}

impl Watch {
    /// Begins to watch; `None` where the plan tells nobody, or the control database cannot be had. A run goes on
    /// without it: what it gives to tell is in the ledger, and is found there later.
    pub(crate) async fn start(plan: &Plan, target: &Database, progress: &Arc<Progress>) -> Option<Watch> {
        plan.notify.as_ref()?;
        let control = match outbox().await {
            Ok((control, _)) => control,
            Err(failure) => {
                tracing::warn!("notifications are delayed: {}", failure.message);
                return None;
            }
        };
        let (plan, target, progress) = (Arc::new(plan.clone()), target.clone(), progress.clone());
        // What happens from here on is news.
        warn(check_runs(&plan, &target, &control, None, Duration::ZERO).await);
        let (watched, watched_target, watched_control) = (plan.clone(), target.clone(), control.clone());
        let task = tokio::spawn(async move {
            loop {
                tokio::time::sleep(EVERY).await;
                let waiting = progress.waiting();
                warn(
                    check_runs(&watched, &watched_target, &watched_control, waiting.as_deref(), EVERY).await,
                );
            }
        });
        Some(Watch { task, plan, target, control })
    }

    /// Tells what the run came to, and waits a short while for it to go out.
    pub(crate) async fn end(self) {
        self.task.abort();
        let check = check_runs(&self.plan, &self.target, &self.control, None, AT_THE_END);
        match tokio::time::timeout(AT_THE_END, check).await {
            Ok(checked) => warn(checked),
            Err(_) => tracing::warn!(
                "notifications are delayed; `reseal notify send` or `reseal serve` will send them"
            ),
        }
    }
}

/// Tells of an attempt that the policy refused, and waits a short while for it to go out; of one that may go on, that
/// what was told before is over.
pub(crate) async fn report_attempt(plan: &Plan, attempt: Attempt<'_>) {
    if plan.notify.is_none() {
        return;
    }
    let reported = async {
        let (control, mut session) = outbox().await.map_err(|failure| failure.message)?;
        let reported = reseal_notify::report_attempt(&mut session, plan, attempt, now()).await;
        reported.map_err(|error| error.to_string())?;
        // A rotation that may begin waits for no mail.
        if attempt.refusal.is_none() {
            return Ok(());
        }
        let outbox = Outbox { plan, control: &control, jitter: &jitter, early: false };
        let delivered = outbox.deliver(now(), AT_THE_END).await;
        delivered.map(drop).map_err(|error| error.to_string())
    };
    match tokio::time::timeout(AT_THE_END, reported).await {
        Ok(Ok(_)) => {}
        Ok(Err(why)) => tracing::warn!("notifications are delayed: {why}"),
        Err(_) => {
            tracing::warn!("notifications are delayed; `reseal notify send` or `reseal serve` will send them")
        }
    }
}

fn warn(checked: Result<Delivered, StoreError>) {
    if let Err(error) = checked {
        tracing::warn!("notifications are delayed: {error}");
    }
}

/// How many of a plan's letters stand where; `None` where the plan tells nobody, or the control database cannot be had.
pub(crate) async fn counts(plan: &Plan) -> Option<LetterCounts> {
    plan.notify.as_ref()?;
    let (_, mut session) = outbox().await.ok()?;
    session.letter_counts(Some(&plan.name)).await.ok()
}
