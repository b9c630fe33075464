//! After the rounds: what was kept is dropped where it was proven to be restored, and the ledger says how the rollback ended.

use std::time::Instant;

use reseal_core::RunState;
use reseal_store::{Counts, RollbackEnds, RollbackLease, RunRow, Session, ShardRow};
use tracing::warn;

use super::Jobs;
use super::give_up::GivingUp;
use super::kept::{Action, read_marker};
use super::proof::Proof;
use super::rounds::Through;
use crate::environment::Environment;
use crate::error::{Advise, Busy, Class, RunError};
use crate::job::hooks::{Phase, When};
use crate::job::options::RollbackOptions;
use crate::job::scope::Scope;
use crate::observer::RollbackEnd;
use crate::report::Report;
use crate::run::steps::Steps;
use crate::run::undo_key;
use crate::stop::Stop;

/// A rollback whose rounds are done.
#[derive(Clone, Copy)]
pub(super) struct Rolled<'r> {
    pub(super) environment: &'r Environment,
    pub(super) jobs: Jobs<'r>,
    /// The run that is rolled back, as it was found.
    pub(super) run: &'r RunRow,
    pub(super) lease: &'r RollbackLease,
    pub(super) options: &'r RollbackOptions,
    pub(super) begun: Instant,
}

/// Writes how the rollback ended, and reports it.
pub(super) async fn conclude(
    session: &mut Session,
    rolled: Rolled<'_>,
    through: Result<Through, RunError>,
) -> Result<Report, RunError> {
    let error = match through {
        Ok(Through::Proven(proof)) => match rolled.end(session, &proof).await {
            Ok(report) => return Ok(report),
            Err(error) => error,
        },
        Ok(Through::Stopped(Stop::Superseded)) => RunError::Superseded,
        Ok(Through::Stopped(stop)) => Busy::RollbackStopped(stop).into(),
        Err(error) => error,
    };
    rolled.rest(session, &error).await;
    rolled.let_go_on(session, &error).await;
    Err(error)
}

impl Rolled<'_> {
    /// Notes why the rollback rests. Where that cannot be noted, its lease ends by itself.
    async fn rest(&self, session: &mut Session, error: &RunError) {
        if matches!(error, RunError::Superseded) {
            return;
        }
        let state = match error.advice().class {
            Class::Failed => RunState::Failed,
            _ => RunState::Paused,
        };
        let reason = error.to_string();
        let noted = session.move_run(&self.lease.own, RunState::Running, state, Some(&reason)).await;
        if let Err(unnoted) = noted {
            warn!("cannot record in the ledger why the rollback stopped: {unnoted}");
        }
    }

    /// What `on_resume` has paused may go on while the rollback rests.
    async fn let_go_on(&self, session: &mut Session, error: &RunError) {
        let Jobs { of_run: job, .. } = self.jobs;
        if job.hooks.on_resume.is_empty() || matches!(error, RunError::Superseded) {
            return;
        }
        let (of, operator) = (&self.lease.of, &self.options.operator);
        match Steps::of(session, self.environment, job, self.run, of, operator).await {
            Ok(steps) => steps.play_all(session, Phase::OnStop, None).await,
            Err(error) => warn!("steps of `on_stop` are skipped: {error}"),
        }
    }

    async fn end(&self, session: &mut Session, proof: &Proof) -> Result<Report, RunError> {
        let Jobs { of_run: job, back } = self.jobs;
        let of = &self.lease.of;
        let counts = Counts { cells_current: proof.before, ..self.counts(session).await? };
        let is_left = !proof.kept.is_empty() || counts.cells_quarantined > 0;
        if is_left {
            let giving_up = GivingUp {
                of_run: self.run,
                lease: &self.lease.own,
                undo_key: undo_key(job, self.run.emergency).await?,
            };
            giving_up.all_but(session, proof).await?;
        }
        // Before the state says so: a crash among them repeats them, and loses none.
        if self.run.state != RunState::RolledBack {
            let operator = &self.options.operator;
            let mut steps = Steps::of(session, self.environment, job, self.run, of, operator).await?;
            steps.stands(RunState::RolledBack, self.run.counts.cells_rotated);
            steps.play_all(session, Phase::OnFailure, Some(When::RolledBack)).await;
        }
        let reason = proof.reason(counts.cells_quarantined);
        let ends = match (&reason, is_left) {
            (Some(reason), true) => RollbackEnds::Left { reason },
            (reason, _) => RollbackEnds::Clean { reason: reason.as_deref() },
        };
        if !session.end_rollback(self.lease, ends).await? {
            return Err(RunError::Superseded);
        }
        let runs = session.runs(Some(&job.plan), 1000).await?;
        let end = RollbackEnd { job, reversed: back, run: self.run, runs: &runs, counts: &counts };
        self.environment.observer.rolled_back(end).await;
        Ok(Report {
            run_id: self.run.id.clone(),
            rollback_id: Some(self.lease.own.run_id().to_owned()),
            state: RunState::RolledBack,
            reason,
            plan: job.plan.clone(),
            plan_digest: job.digest.clone(),
            scope: Scope::from_json(&self.run.scope).json(),
            dry_run: false,
            stopped: false,
            steps_failed: false,
            steps: session.steps(&self.run.id).await?,
            counts,
            shared_nonces: job.shared_nonces(),
            cells_old: proof.others,
            seconds: self.begun.elapsed().as_secs_f64(),
            estimate_seconds: None,
        })
    }

    /// What the whole rollback came to, no matter who started it: cells that are back count as rotated, those that were sealed again
    /// as raced, and those that were under the new key before the run as current.
    async fn counts(&self, session: &mut Session) -> Result<Counts, RunError> {
        let id = self.lease.own.run_id();
        let shards = session.shards(id).await?;
        let (back, anew): (Vec<ShardRow>, Vec<ShardRow>) = shards
            .into_iter()
            .partition(|shard| read_marker(shard).is_some_and(|marked| marked.action == Action::Restore));
        Ok(Counts {
            rows_scanned: back.iter().map(|shard| shard.counts.rows_scanned).sum(),
            cells_rotated: back.iter().map(|shard| shard.counts.cells_rotated).sum(),
            cells_raced: anew.iter().map(|shard| shard.counts.cells_rotated).sum(),
            cells_quarantined: session.quarantined(id).await?.len() as u64,
            ..Counts::default()
        })
    }
}
