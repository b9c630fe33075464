//! Work behind a claim: done under a lease, ended by the daemon that holds it last.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reseal_control::{ControlSession, Firing, FiringState};
use reseal_core::Notice;
use reseal_core::audit::EventKind;
use reseal_engine::Stopper;
use reseal_plan::{Action, RunWindow, Window};
use reseal_store::StoreError;

use crate::command::CommandResult;
use crate::job_command::{RETRY_AFTER, RETRY_AFTER_BUSY, Verdict};
use crate::tick::{LEASE_MS, Task};
use crate::{Served, State, ages, command, folders, job_command, ledger, slot_notices, trail};

/// How often the lease is renewed; it outlasts three failed attempts.
const RENEW: Duration = Duration::from_secs(5);
/// How long work may wait for its plan, a window or an approval, where the plan does not say.
const PATIENCE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How an attempt ended.
#[derive(Clone, Debug)]
enum JobOutcome {
    /// The work is done; the notices are for people.
    Done(String, Vec<Notice>),
    /// It is to be tried again.
    Retry(Timestamp, String),
    /// The same; but it waits for people, who must hear of it.
    Blocked(Timestamp, String),
    /// It is not tried again, and people must hear of it.
    Failed(String),
}

/// One piece of work under way.
pub(crate) struct Worker {
    state: Arc<State>,
    task: Task,
    stop: Stopper,
}

impl Worker {
    pub(crate) fn new(state: Arc<State>, task: Task, stop: Stopper) -> Worker {
        Worker { state, task, stop }
    }

    /// Does the work and ends it. Where another daemon has acquired it, it is dropped: that one ends it.
    pub(crate) async fn run(self) {
        let attempt = tokio::select! {
            attempt = self.attempt() => attempt,
            () = self.superseded() => {
                let Task { job, firing, .. } = &self.task;
                tracing::warn!("another process has taken over job {} of plan {}", job.name, firing.plan);
                return;
            }
        };
        // Until it is written, the work is not over: a database that is away is waited for, or the lease runs out.
        while let Err(error) = self.end(&attempt).await {
            tracing::warn!("cannot record the result of {}: {error}", self.task.job.name);
            if self.stop.asked().is_some() {
                return;
            }
            tokio::time::sleep(RENEW).await;
        }
    }

    fn served(&self) -> &Served {
        &self.task.served
    }

    fn slot(&self) -> Timestamp {
        Timestamp::from_millisecond(self.task.firing.slot).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    async fn attempt(&self) -> JobOutcome {
        let now = self.state.setup.clock.now();
        let slot = self.slot();
        // A slot that was caught up was late when it was claimed: what counts is how long it waits since.
        let claimed_for = SignedDuration::from_millis(self.task.firing.claimed_for_ms);
        let late = now.duration_since(slot).min(self.state.setup.clock.shown(claimed_for));
        let (patience, window) = match &self.task.job.action {
            Action::Run { window: Some(RunWindow::Within(wait)), .. } => {
                (SignedDuration::try_from(*wait).unwrap_or(PATIENCE), None)
            }
            Action::Run { window: Some(RunWindow::Hours(window)), .. } => (PATIENCE + PATIENCE, Some(window)),
            _ => (PATIENCE, None),
        };
        if late > patience {
            let said = self.task.firing.outcome.clone().unwrap_or_default();
            return JobOutcome::Failed(format!("the job did not finish in the time allowed: {said}"));
        }
        if let Some(window) = window
            && let Err(opens) = window_opens(window, now)
        {
            return JobOutcome::Retry(opens, "waiting for its window".to_owned());
        }
        if let Err(why) = folders::create(&self.task.job, slot) {
            return JobOutcome::Failed(why);
        }
        if let Some(said) = self.finished_without_us().await {
            return JobOutcome::Done(said, Vec::new());
        }
        let mut words = job_command::arguments(self.served(), &self.task.job, slot, now);
        words.extend_from_slice(&self.state.setup.arguments);
        let ended = command::run(&self.state.setup.program, &words, self.served(), &self.stop).await;
        let now = self.state.setup.clock.now();
        // The claim was the first epoch, the first attempt the second.
        let attempt = self.task.epoch - 1;
        match job_command::judge(&self.task.job.action, &ended, attempt, now) {
            Verdict::Done if self.task.job.action == Action::KeyAge => self.check_key_ages(&ended, now).await,
            Verdict::Done => JobOutcome::Done(ended.summary, Vec::new()),
            Verdict::Found(kind) => {
                let notice = slot_notices::finding(kind, self.served(), &self.task.job, slot, &ended.summary);
                JobOutcome::Done(ended.summary, vec![notice])
            }
            Verdict::Retry(when, why) => JobOutcome::Retry(when, why),
            Verdict::Blocked(when, why) => JobOutcome::Blocked(when, why),
            Verdict::Failed(why) => JobOutcome::Failed(why),
        }
    }

    /// What became of a run that an earlier attempt began, where its daemon died and the run finished on its own: another run
    /// would ask people again.
    async fn finished_without_us(&self) -> Option<String> {
        // The claim is the first epoch, the first attempt the second.
        let is_first = self.task.firing.epoch <= 1;
        if is_first || !matches!(self.task.job.action, Action::Run { .. }) {
            return None;
        }
        let run = ledger::finished_run(self.served(), &self.task.firing).await?;
        Some(format!("state {}, run id {}, started by a process that no longer exists", run.state, run.id))
    }

    /// Holds the keys that the catalogue has of the plan against its policy.
    async fn check_key_ages(&self, ended: &CommandResult, now: Timestamp) -> JobOutcome {
        let asked = async {
            let mut control = self.state.setup.control.connect().await?;
            let keys = control.catalogued(&self.served().plan.name).await?;
            Ok::<_, StoreError>((keys, control.key_sources().await?))
        };
        match asked.await {
            Ok((keys, sources)) => {
                let primaries = ended.primaries.as_deref();
                let catalogued = ages::Catalogued { keys: &keys, sources: &sources };
                let notices = ages::notices(&self.served().plan, catalogued, primaries, self.slot(), now);
                let said =
                    [format!("{} keys, {} notifications", keys.len(), notices.len()), ended.summary.clone()];
                let said = said.into_iter().filter(|said| !said.is_empty()).collect::<Vec<_>>().join(", ");
                JobOutcome::Done(said, notices)
            }
            Err(error) => JobOutcome::Retry(now.checked_add(RETRY_AFTER).unwrap_or(now), error.message),
        }
    }

    /// Ends once another daemon holds the work. Renews the lease until then.
    async fn superseded(&self) {
        let mut session = None;
        loop {
            tokio::time::sleep(RENEW).await;
            if session.is_none() {
                session = self.state.setup.control.connect().await.ok();
            }
            let Some(open) = session.as_mut() else { continue };
            match open.renew_firing(&self.task.firing, self.task.epoch, LEASE_MS).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(_) => session = None,
            }
        }
    }

    /// Writes what came of it, and posts what people must hear in the same transaction, with the event that an
    /// auditor must see.
    async fn end(&self, attempt: &JobOutcome) -> Result<(), StoreError> {
        let mut control = self.state.setup.control.connect().await?;
        let (firing, epoch) = (&self.task.firing, self.task.epoch);
        if let JobOutcome::Blocked(_, why) = attempt
            && self.is_new_reason(why)
        {
            let notice = slot_notices::blocked_job(self.served(), &self.task.job, self.slot(), why);
            self.state.setup.notices.post(&mut control, &self.served().plan, &notice).await?;
        }
        if let JobOutcome::Retry(when, why) | JobOutcome::Blocked(when, why) = attempt {
            control.put_back(firing, epoch, when.as_millisecond(), why).await?;
            return Ok(());
        }
        control.begin().await?;
        match self.end_inside(&mut control, attempt).await {
            Ok(true) => control.commit().await?,
            Ok(false) => control.rollback().await?,
            Err(error) => {
                let _ = control.rollback().await;
                return Err(error);
            }
        }
        let Firing { plan, job, slot, .. } = firing;
        tracing::info!(%plan, digest = %self.served().plan.digest, %job, slot, result = ?attempt, "ended");
        Ok(())
    }

    /// Whether the attempt before this one was held back by something else.
    fn is_new_reason(&self, why: &str) -> bool {
        let code = |why: &str| why.split(':').next().unwrap_or_default().to_owned();
        self.task.firing.outcome.as_deref().map(code) != Some(code(why))
    }

    async fn end_inside(
        &self,
        control: &mut ControlSession,
        attempt: &JobOutcome,
    ) -> Result<bool, StoreError> {
        let (state, said, notices) = match attempt {
            JobOutcome::Done(said, notices) => (FiringState::Done, said, notices.clone()),
            JobOutcome::Failed(said) => {
                let notice = slot_notices::failed_job(self.served(), &self.task.job, self.slot(), said);
                (FiringState::Failed, said, vec![notice])
            }
            JobOutcome::Retry(..) | JobOutcome::Blocked(..) => return Ok(false),
        };
        if !control.end_firing(&self.task.firing, self.task.epoch, state, said).await? {
            return Ok(false);
        }
        let plan = &self.served().plan;
        for notice in &notices {
            self.state.setup.notices.post(control, plan, notice).await?;
        }
        let event = trail::event(control, EventKind::ScheduleEnded, plan, &self.task.job.name, self.slot());
        let event = event.await?.with("does", self.task.job.action.name());
        let event = event.with("state", state.name()).with("result", said.as_str());
        control.record_inside(&event).await?;
        Ok(true)
    }
}

/// Whether a window is open, or else when it opens, to the minute.
fn window_opens(window: &Window, now: Timestamp) -> Result<(), Timestamp> {
    if window.is_open(now) {
        return Ok(());
    }
    let minute = now.as_second().div_euclid(60) * 60;
    let minutes = (1..=8 * 24 * 60).filter_map(|n| Timestamp::from_second(minute + n * 60).ok());
    let opens = minutes.into_iter().find(|at| window.is_open(*at));
    Err(opens.or_else(|| now.checked_add(RETRY_AFTER_BUSY).ok()).unwrap_or(now))
}
