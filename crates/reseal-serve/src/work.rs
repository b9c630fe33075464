//! Work behind a claim: done under a lease, ended by whoever holds it last.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reseal_core::{Notice, NoticeKind};
use reseal_engine::Stopper;
use reseal_plan::{Action, RunWindow, Window};
use reseal_store::{Firing, FiringState, Session, StoreError};

use crate::command::{self, Ended};
use crate::tick::{LEASE_MS, Task};
use crate::{Served, State, ages};

/// How often the lease is renewed; it outlasts three failed attempts.
const RENEW: Duration = Duration::from_secs(5);
/// How soon work that found its plan busy is tried again.
const BUSY: SignedDuration = SignedDuration::from_mins(5);
/// How soon work that failed is tried again, and how often at the most.
const AGAIN: SignedDuration = SignedDuration::from_mins(1);
const ATTEMPTS: i64 = 5;
/// How long work may wait for its plan, a window or an approval, where the plan does not say.
const PATIENCE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How an attempt ended.
#[derive(Clone, Debug)]
enum Attempt {
    /// The work is done; the notices tell what people must hear of it.
    Done(String, Vec<Notice>),
    /// It is to be tried again.
    Again(Timestamp, String),
    /// It is given up, and people must hear of it.
    Failed(String),
}

/// One piece of work in hand.
pub(crate) struct Worker {
    state: Arc<State>,
    task: Task,
    stop: Stopper,
}

impl Worker {
    pub(crate) fn new(state: Arc<State>, task: Task, stop: Stopper) -> Worker {
        Worker { state, task, stop }
    }

    /// Does the work and ends it. Where another daemon has taken it up, it is dropped: that one ends it.
    pub(crate) async fn run(self) {
        let attempt = tokio::select! {
            attempt = self.attempt() => attempt,
            () = self.superseded() => {
                tracing::warn!("another daemon has taken up {} of {}", self.task.job.name, self.task.firing.plan);
                return;
            }
        };
        // Until it is written, the work is not over: a database that is away is waited for, or the lease runs out.
        while let Err(error) = self.end(&attempt).await {
            tracing::warn!("cannot note what came of {}: {error}", self.task.job.name);
            if self.stop.asked().is_some() {
                return;
            }
            tokio::time::sleep(RENEW).await;
        }
    }

    fn served(&self) -> &Served {
        &self.state.setup.plans[self.task.plan]
    }

    async fn attempt(&self) -> Attempt {
        let now = self.state.setup.clock.now();
        let slot = Timestamp::from_millisecond(self.task.firing.slot).unwrap_or(now);
        let late = now.duration_since(slot);
        let (patience, window) = match &self.task.job.action {
            Action::Run { window: Some(RunWindow::Within(wait)), .. } => {
                (SignedDuration::try_from(*wait).unwrap_or(PATIENCE), None)
            }
            Action::Run { window: Some(RunWindow::Hours(window)), .. } => (PATIENCE + PATIENCE, Some(window)),
            _ => (PATIENCE, None),
        };
        if late > patience {
            let said = self.task.firing.outcome.clone().unwrap_or_default();
            return Attempt::Failed(format!("it could not be done in the time that it had: {said}"));
        }
        if let Some(window) = window
            && let Err(opens) = opening(window, now)
        {
            return Attempt::Again(opens, "waiting for its window".to_owned());
        }
        let ended = command::run(&self.state.setup.program, &self.arguments(now), &self.stop).await;
        let now = self.state.setup.clock.now();
        match judge(&self.task.job.action, &ended, self.task.epoch, now) {
            Verdict::Done if self.task.job.action == Action::KeyAge => self.ages(now).await,
            Verdict::Done => Attempt::Done(ended.said, Vec::new()),
            Verdict::Found(kind) => {
                let notice = self.notice(kind, &ended.said);
                Attempt::Done(ended.said, vec![notice])
            }
            Verdict::Again(when, why) => Attempt::Again(when, why),
            Verdict::Failed(why) => Attempt::Failed(why),
        }
    }

    /// Holds the keys that the catalogue has of the plan against its policy.
    async fn ages(&self, now: Timestamp) -> Attempt {
        let asked = async {
            let mut control = self.state.setup.control.connect().await?;
            control.catalogued(&self.served().plan.name).await
        };
        match asked.await {
            Ok(keys) => {
                let slot = Timestamp::from_millisecond(self.task.firing.slot).unwrap_or(now);
                let notices = ages::notices(&self.served().plan, &keys, slot, now);
                Attempt::Done(format!("{} keys, {} notices", keys.len(), notices.len()), notices)
            }
            Err(error) => Attempt::Again(now.checked_add(AGAIN).unwrap_or(now), error.message),
        }
    }

    /// The command that does the work.
    fn arguments(&self, now: Timestamp) -> Vec<String> {
        let plan = self.served().path.display().to_string();
        let words: Vec<String> = match &self.task.job.action {
            Action::Census { open: false } => vec!["census".into(), plan],
            Action::Census { open: true } => vec!["census".into(), plan, "--open".into()],
            Action::Verify => vec!["verify".into(), plan],
            Action::Run { window, .. } => {
                let mut words = vec!["run".into(), plan];
                if let Some(RunWindow::Hours(window)) = window
                    && let Some(end) = window.closes(now)
                {
                    words.extend(["--until".into(), end.to_string()]);
                }
                words
            }
            Action::RestoreTest => vec!["keys".into(), "restore-test".into(), plan],
            Action::KeysBackup => vec!["keys".into(), "backup".into(), plan],
            // Enters the plan's keys into the catalogue.
            Action::KeyAge => vec!["keys".into(), "list".into(), plan],
            // A report covers the year before the slot.
            Action::Report(standard) => {
                vec!["audit".into(), "report".into(), "--standard".into(), standard.name().into()]
            }
            // Posted in the transaction of its claim.
            Action::Remind(_) => Vec::new(),
        };
        words
    }

    /// Ends once another daemon holds the work. The lease is renewed meanwhile.
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

    /// Writes what came of it, and posts what people must hear in the same transaction. This is what an auditor must see:
    /// plan, digest, job, slot and result are at hand.
    async fn end(&self, attempt: &Attempt) -> Result<(), StoreError> {
        let mut control = self.state.setup.control.connect().await?;
        let (firing, epoch) = (&self.task.firing, self.task.epoch);
        if let Attempt::Again(when, why) = attempt {
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

    async fn end_inside(&self, control: &mut Session, attempt: &Attempt) -> Result<bool, StoreError> {
        let (state, said, notices) = match attempt {
            Attempt::Done(said, notices) => (FiringState::Done, said, notices.clone()),
            Attempt::Failed(said) => {
                (FiringState::Failed, said, vec![self.notice(NoticeKind::DeadMan, said)])
            }
            Attempt::Again(..) => return Ok(false),
        };
        if !control.end_firing(&self.task.firing, self.task.epoch, state, said).await? {
            return Ok(false);
        }
        for notice in &notices {
            self.state.setup.notices.post(control, &self.served().plan, notice).await?;
        }
        Ok(true)
    }

    fn notice(&self, kind: NoticeKind, said: &str) -> Notice {
        let Firing { plan, job, slot, .. } = &self.task.firing;
        let slot = Timestamp::from_millisecond(*slot).unwrap_or(Timestamp::UNIX_EPOCH);
        Notice::new(kind, plan, job, &slot.to_string())
            .with("does", self.task.job.action.name())
            .with("message", said)
    }
}

/// Whether a window is open, or else when it opens, to the minute.
fn opening(window: &Window, now: Timestamp) -> Result<(), Timestamp> {
    if window.is_open(now) {
        return Ok(());
    }
    let minute = now.as_second().div_euclid(60) * 60;
    let minutes = (1..=8 * 24 * 60).filter_map(|n| Timestamp::from_second(minute + n * 60).ok());
    let opens = minutes.into_iter().find(|at| window.is_open(*at));
    Err(opens.or_else(|| now.checked_add(BUSY).ok()).unwrap_or(now))
}

/// What a command's end means for the work.
#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    /// Done, and found in order.
    Done,
    /// Done, and people must hear what it found.
    Found(NoticeKind),
    /// To be tried again, and why.
    Again(Timestamp, String),
    /// Given up.
    Failed(String),
}

/// What an exit code of the command means for the work (the codes are the command line's).
fn judge(action: &Action, ended: &Ended, attempt: i64, now: Timestamp) -> Verdict {
    let after = |wait| now.checked_add(wait).unwrap_or(now);
    let said = &ended.said;
    match ended.code {
        Some(0) => Verdict::Done,
        // A run tells by its own notices what it left.
        Some(1) if matches!(action, Action::Run { .. }) => Verdict::Done,
        Some(1 | 3) if *action == Action::RestoreTest => Verdict::Found(NoticeKind::RestoreTestFailed),
        Some(1) => Verdict::Found(NoticeKind::Quarantined),
        // Stopped, busy, or waiting for approval or its window.
        Some(4) => Verdict::Again(after(BUSY), said.clone()),
        Some(code @ (2 | 3)) => Verdict::Failed(format!("refused with exit code {code}: {said}")),
        code if attempt < ATTEMPTS => Verdict::Again(after(AGAIN), format!("failed ({code:?}): {said}")),
        code => Verdict::Failed(format!("failed {attempt} times, at last with {code:?}: {said}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_say_what_becomes_of_the_work() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let run = Action::Run { window: None, approvals: None };
        let of =
            |action: &Action, code, attempt| judge(action, &Ended { code, said: "x".into() }, attempt, now);
        assert_eq!(of(&run, Some(0), 1), Verdict::Done);
        assert_eq!(of(&run, Some(1), 1), Verdict::Done);
        assert_eq!(of(&Action::Verify, Some(1), 1), Verdict::Found(NoticeKind::Quarantined));
        assert!(matches!(of(&run, Some(3), 1), Verdict::Failed(_)));
        assert!(matches!(of(&run, Some(4), 99), Verdict::Again(..)));
        assert!(matches!(of(&run, None, 1), Verdict::Again(..)));
        assert!(matches!(of(&run, Some(5), 5), Verdict::Failed(_)));
    }
}
