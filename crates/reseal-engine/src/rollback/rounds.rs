//! The rounds of a rollback: kept cells go back, a sweep looks at what is left, and what was written since is sealed again.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use reseal_store::{Counts, RollbackLease, RowKey, RunRow, Session, ShardRow};
use tracing::info;

use super::kept::{Action, KeptWork, marker, read_marker};
use super::proof::{Proof, Prover};
use super::table::Table;
use crate::cell::spared::Spared;
use crate::commit::Commit;
use crate::commit::planner::Anew;
use crate::environment::Environment;
use crate::error::{LedgerFault, RunError};
use crate::progress::Phase;
use crate::rotate::pace::Pacer;
use crate::rotate::pump::{RangeWork, ShardWork};
use crate::rotate::shards::cut;
use crate::rotate::shared::Shared;
use crate::rotate::workers::{Planned, work_off};
use crate::stop::Stop;
use crate::sweep::listing::Refused;

/// How often what the application writes under the new key is sealed again before it is listed.
const PASSES: i64 = 3;

/// A rollback at work.
pub(super) struct Rounds<'r> {
    pub(super) environment: &'r Environment,
    /// The run that is rolled back.
    pub(super) run: &'r RunRow,
    pub(super) lease: &'r RollbackLease,
    pub(super) pacer: Arc<Pacer>,
}

/// How the rounds ended.
pub(super) enum Through {
    /// A sweep has looked at every cell, and nothing more is to be done.
    Proven(Proof),
    /// It was stopped before.
    Stopped(Stop),
}

impl Rounds<'_> {
    /// Goes on with the round that the ledger has.
    pub(super) async fn go_through(
        &self,
        session: &mut Session,
        tables: &[Table],
    ) -> Result<Through, RunError> {
        let known = session.rollback_of(&self.run.id).await?.ok_or(LedgerFault::RunMissing)?;
        let (mut round, restores) = (known.run.round, known.restores);
        let shared = Arc::new(self.shared());
        let mut found = None;
        loop {
            let shards = self.shards(session, tables, round, restores, found.as_ref()).await?;
            let spared = self.spared(session, tables).await?;
            let planned = shards.into_iter().map(|shard| self.planned(shard, tables, &spared));
            let planned = planned.collect::<Result<Vec<_>, _>>()?;
            if let Some(stop) = self.newest_first(session, &shared, workers(tables), planned).await? {
                return Ok(Through::Stopped(stop));
            }
            let is_last = round >= restores + PASSES;
            let proof = self.prove(session, tables, &shared, is_last).await?;
            if let Some(stop) = shared.stop.asked() {
                return Ok(Through::Stopped(stop));
            }
            if proof.strays == 0 || is_last {
                return Ok(Through::Proven(proof));
            }
            info!(
                round,
                strays = proof.strays,
                "the sweep found cells under the new key; sealing them under the old key again"
            );
            round += 1;
            if !session.note_sweep(&self.lease.own, round, proof.strays).await? {
                return Err(RunError::Superseded);
            }
            found = Some(proof);
        }
    }

    /// Works shards off. What the run kept in a later round is done before an earlier round begins: a row that was swapped in
    /// both has its first bytes again. Gives the reason, if it was stopped.
    async fn newest_first(
        &self,
        session: &mut Session,
        shared: &Arc<Shared>,
        workers: usize,
        shards: Vec<Planned>,
    ) -> Result<Option<Stop>, RunError> {
        let of_run = session.shards(&self.run.id).await?;
        let rounds: HashMap<i64, i64> = of_run.iter().map(|shard| (shard.number, shard.round)).collect();
        let mut by_round: BTreeMap<Reverse<i64>, Vec<Planned>> = BTreeMap::new();
        for planned in shards {
            let kept = read_marker(&planned.shard).and_then(|marked| rounds.get(&marked.number));
            by_round.entry(Reverse(kept.copied().unwrap_or_default())).or_default().push(planned);
        }
        for shards in by_round.into_values() {
            if let Some(stop) = work_off(shared, workers, shards).await? {
                return Ok(Some(stop));
            }
        }
        Ok(shared.stop.asked())
    }

    fn shared(&self) -> Shared {
        let Environment { database, progress, stop, .. } = self.environment;
        Shared {
            database: database.clone(),
            lease: self.lease.own.clone(),
            undo: false,
            undo_key: None,
            pins: Arc::default(),
            pacer: self.pacer.clone(),
            progress: progress.clone(),
            stop: stop.clone(),
            idle: std::sync::Mutex::default(),
        }
    }

    /// What stays as it is where others are sealed again.
    async fn spared(&self, session: &mut Session, tables: &[Table]) -> Result<Spared, RunError> {
        let refused = Refused::by(session, self.lease.own.run_id()).await?.cells();
        let written = tables.first().map(|table| table.held.all()).unwrap_or_default();
        Ok(Spared { written, refused: Arc::new(refused), only: None })
    }

    /// The shards of a round that are not through; written first where there are none yet.
    async fn shards(
        &self,
        session: &mut Session,
        tables: &[Table],
        round: i64,
        restores: i64,
        found: Option<&Proof>,
    ) -> Result<Vec<ShardRow>, RunError> {
        let known = session.shards(self.lease.own.run_id()).await?;
        let of_round: Vec<&ShardRow> = known.iter().filter(|shard| shard.round == round).collect();
        let progress = &self.environment.progress;
        if !of_round.is_empty() {
            let total = of_round.iter().map(|shard| shard.counts.rows_total).sum();
            let done = of_round.iter().map(|shard| shard.counts.rows_scanned).sum();
            progress.begin(Phase::Rollback, done, total);
            return Ok(of_round.into_iter().filter(|shard| !shard.done).cloned().collect());
        }
        let first = known.iter().map(|shard| shard.number + 1).max().unwrap_or(0);
        let new = match found {
            None if round == restores => {
                // What was refused before is tried again.
                Commit::new(session, &self.lease.own).clear_quarantine().await?;
                self.kept(session, first, round, Action::Restore).await?
            }
            None => Vec::new(),
            Some(found) => {
                let mut new = match found.kept_strays {
                    0 => Vec::new(),
                    _ => self.kept(session, first, round, Action::SealAnew).await?,
                };
                let strays: Vec<_> = found.tables.iter().map(|at| &tables[*at].back).collect();
                new.extend(cut(session, &strays, workers(tables), first + new.len() as i64, round).await?);
                new
            }
        };
        Commit::new(session, &self.lease.own).shards(&new).await?;
        progress.begin(Phase::Rollback, 0, new.iter().map(|shard| shard.counts.rows_total).sum());
        Ok(new)
    }

    /// One shard for each that keeps old cells, the newest first.
    async fn kept(
        &self,
        session: &mut Session,
        first: i64,
        round: i64,
        action: Action,
    ) -> Result<Vec<ShardRow>, RunError> {
        let kept = session.undo_shards(&self.run.id).await?;
        let shard = |(number, kept): (i64, reseal_store::UndoShard)| ShardRow {
            number,
            round,
            table: kept.table,
            after: Some(marker(action, kept.number)),
            upto: None,
            checkpoint: None::<RowKey>,
            done: false,
            epoch: 0,
            batches: 0,
            counts: Counts { rows_total: kept.cells, ..Counts::default() },
        };
        Ok((first..).zip(kept).map(shard).collect())
    }

    /// How a shard is worked on.
    fn planned(&self, shard: ShardRow, tables: &[Table], spared: &Spared) -> Result<Planned, RunError> {
        let Some(table) = tables.iter().find(|table| table.target.label() == shard.table) else {
            return Err(LedgerFault::UnknownTable { table: shard.table }.into());
        };
        let work: Arc<dyn ShardWork> = match KeptWork::of(&shard, &self.run.id, table, spared) {
            Some(kept) => Arc::new(kept),
            None => Arc::new(RangeWork {
                target: table.back.clone(),
                planner: Arc::new(Anew { back: table.back.clone(), spared: spared.clone() }),
                spared: Some(spared.clone()),
                fails: None,
            }),
        };
        Ok(Planned { shard, work })
    }

    /// The sweep. It writes nothing but the quarantine.
    async fn prove(
        &self,
        session: &mut Session,
        tables: &[Table],
        shared: &Shared,
        lists_strays: bool,
    ) -> Result<Proof, RunError> {
        let refused = Refused::by(session, self.lease.own.run_id()).await?;
        let prover = Prover {
            database: &shared.database,
            progress: &shared.progress,
            of_run: &self.run.id,
            tables,
            workers: workers(tables),
            refused: &refused,
            lists_strays,
        };
        prover.prove(session, &self.lease.own, shared.take_idle()).await
    }
}

fn workers(tables: &[Table]) -> usize {
    tables.first().map_or(1, |table| table.target.job.pace.workers)
}
