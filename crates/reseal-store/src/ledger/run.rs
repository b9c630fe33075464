//! Runs: one row each, changed by compare-and-set on state and epoch alone.

use reseal_core::RunState;
use sea_query::{Expr, ExprTrait, InsertStatement, Order, Query, SelectStatement, UpdateStatement};

use super::asked::AskedPace;
use super::column_name::ColumnName;
use super::holder::Holder;
use super::run_lease::RunLease;
use super::shard::Counts;
use super::table::RunTable;
use crate::taker::{Taker, signed};
use crate::{Kind, Session, StoreError, Trouble};

/// What an operator asked of the engine that works on a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Stop after the current batch.
    Pause,
    /// Stop after the current batch, for good.
    Cancel,
}

impl Request {
    fn name(self) -> &'static str {
        match self {
            Request::Pause => "pause",
            Request::Cancel => "cancel",
        }
    }

    /// Reads back what [`Request::name`] gave; `None` for anything else.
    pub(super) fn parse(name: &str) -> Option<Request> {
        [Request::Pause, Request::Cancel].into_iter().find(|request| request.name() == name)
    }
}

/// A run to be written.
#[derive(Clone, Debug)]
pub struct NewRun {
    /// The run's id, unique for ever.
    pub id: String,
    /// The plan's name.
    pub plan: String,
    /// The plan's digest, without pace and schedule.
    pub plan_digest: String,
    /// What the run is narrowed to, as JSON.
    pub scope: String,
    /// Whether it covers the whole plan.
    pub whole: bool,
    /// Keyset to primary, as JSON.
    pub primaries: String,
    /// Who started it.
    pub operator: String,
    /// Whether it is an emergency run.
    pub emergency: bool,
    /// What the command line asked for in place of the plan's own pace.
    pub pace: AskedPace,
    /// The engine that writes it.
    pub holder: Holder,
    /// How long the holder's word is good without another, in milliseconds.
    pub lease_ms: i64,
    /// The columns that it holds.
    pub columns: Vec<ColumnName>,
    /// Its tables, as they were found.
    pub tables: Vec<RunTable>,
}

/// The epoch that a run is written with.
pub(super) const FIRST_EPOCH: i64 = 1;

/// A run, or a rollback, as its row is first written.
pub(super) struct FirstRow<'r> {
    pub(super) id: &'r str,
    pub(super) plan: &'r str,
    pub(super) plan_digest: &'r str,
    pub(super) scope: &'r str,
    pub(super) whole: bool,
    pub(super) primaries: &'r str,
    pub(super) operator: &'r str,
    pub(super) emergency: bool,
    pub(super) state: RunState,
    pub(super) holder: &'r Holder,
    pub(super) lease_ms: i64,
}

/// A run as the ledger has it.
#[derive(Clone, Debug)]
pub struct RunRow {
    /// The run's id.
    pub id: String,
    /// The plan's name.
    pub plan: String,
    /// The plan's digest when the run began.
    pub plan_digest: String,
    /// What the run is narrowed to, as JSON.
    pub scope: String,
    /// Whether it covers the whole plan.
    pub whole: bool,
    /// Keyset to primary, as JSON.
    pub primaries: String,
    /// Who started it.
    pub operator: String,
    /// Whether it is an emergency run.
    pub emergency: bool,
    /// Where it stands.
    pub state: RunState,
    /// Why it stands there.
    pub reason: Option<String>,
    /// Grows with every engine that takes the run up.
    pub epoch: i64,
    /// The engine that took it up last.
    pub holder: Holder,
    /// How long the holder's lease still lasts by the server's clock, in milliseconds; negative once it is over.
    pub lease_left_ms: i64,
    /// The round of page and sweep that it is in.
    pub round: i64,
    /// Cells that the last sweep found under another key than the primary.
    pub cells_old: u64,
    /// When it began, in milliseconds since 1970 by the server's clock.
    pub created_at: i64,
    /// When it was last written.
    pub updated_at: i64,
    /// When it was over.
    pub completed_at: Option<i64>,
    /// Sums over its shards.
    pub counts: Counts,
}

const RUN_COLUMNS: [(&str, Kind); 17] = [
    ("id", Kind::Text),
    ("plan", Kind::Text),
    ("plan_digest", Kind::Text),
    ("scope", Kind::Text),
    ("whole", Kind::Int),
    ("primaries", Kind::Text),
    ("operator", Kind::Text),
    ("emergency", Kind::Int),
    ("state", Kind::Text),
    ("reason", Kind::Text),
    ("epoch", Kind::Int),
    ("holder", Kind::Text),
    ("round", Kind::Int),
    ("cells_old", Kind::Int),
    ("created_at", Kind::Int),
    ("updated_at", Kind::Int),
    ("completed_at", Kind::Int),
];

impl Session {
    pub(super) fn run_insert(&self, row: &FirstRow<'_>) -> InsertStatement {
        let now = self.now();
        let row: [(&'static str, Expr); 16] = [
            ("id", row.id.into()),
            ("plan", row.plan.into()),
            ("plan_digest", row.plan_digest.into()),
            ("scope", row.scope.into()),
            ("whole", i64::from(row.whole).into()),
            ("primaries", row.primaries.into()),
            ("operator", row.operator.into()),
            ("emergency", i64::from(row.emergency).into()),
            ("state", row.state.name().into()),
            ("epoch", FIRST_EPOCH.into()),
            ("holder", row.holder.encode().into()),
            ("lease_until", now.clone().add(row.lease_ms)),
            ("round", 1i64.into()),
            ("cells_old", 0i64.into()),
            ("created_at", now.clone()),
            ("updated_at", now),
        ];
        let (names, values): (Vec<_>, Vec<_>) = row.into_iter().unzip();
        Query::insert().into_table(self.ledger("run")).columns(names).values_panic(values).to_owned()
    }

    /// The run with this id.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn run_by_id(&mut self, id: &str) -> Result<Option<RunRow>, StoreError> {
        let mut select = self.select_run();
        select.and_where(Expr::col("id").eq(id));
        Ok(self.fetch_runs(&select).await?.pop())
    }

    /// Runs, newest first: of one plan, or of all. Those that roll another one back are not among them: see
    /// [`Session::rollback_of`].
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn runs(&mut self, plan: Option<&str>, limit: u64) -> Result<Vec<RunRow>, StoreError> {
        let mut select = self.select_run();
        if self.knows_rollbacks().await? {
            let rollbacks = Query::select().column("run_id").from(self.ledger("rollback")).to_owned();
            select.and_where(Expr::col("id").not_in_subquery(rollbacks));
        }
        if let Some(plan) = plan {
            select.and_where(Expr::col("plan").eq(plan));
        }
        select.order_by("created_at", Order::Desc).order_by("id", Order::Desc).limit(limit);
        self.fetch_runs(&select).await
    }

    fn select_run(&self) -> SelectStatement {
        let mut select = Query::select();
        select.columns(RUN_COLUMNS.map(|(name, _)| name));
        select.expr(Expr::col("lease_until").sub(self.now()));
        select.from(self.ledger("run"));
        select
    }

    async fn fetch_runs(&mut self, select: &SelectStatement) -> Result<Vec<RunRow>, StoreError> {
        let mut kinds = RUN_COLUMNS.map(|(_, kind)| kind).to_vec();
        kinds.push(Kind::Int);
        let mut runs = Vec::new();
        for row in self.query(select, &kinds).await? {
            let mut run = read_run(row)?;
            run.counts = self.counts(&run.id).await?;
            // Batches count what they meet; once a run rests, the list tells what is left.
            if run.state != RunState::Running {
                let lists = self.lister(&run).await?;
                run.counts.cells_quarantined = self.count_quarantined(&lists).await?;
            }
            runs.push(run);
        }
        Ok(runs)
    }

    /// Asks the engine that works on a run for something; it answers at its next renewal. Who asks for a pause does not
    /// undo the cancellation of a run.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn ask(&mut self, id: &str, request: Request) -> Result<(), StoreError> {
        let mut update = Query::update();
        update.table(self.ledger("run")).value("request", request.name()).and_where(Expr::col("id").eq(id));
        if request == Request::Pause {
            let given_up = Expr::col("request").eq(Request::Cancel.name());
            update.and_where(Expr::col("request").is_null().or(given_up.not()));
        }
        self.run(&update).await.map(drop)
    }

    /// Moves a run from one state to another, if the lease still holds and the state still is this. A state that is over
    /// gives the columns back, in the same transaction. The lease stays until it is released: steps may follow.
    ///
    /// # Errors
    /// When the transition is not in the table, or the server refuses.
    pub async fn move_run(
        &mut self,
        lease: &RunLease,
        from: RunState,
        to: RunState,
        reason: Option<&str>,
    ) -> Result<bool, StoreError> {
        let update = self.state_update(lease.into(), from, to, reason)?;
        self.move_state(&update, lease.run_id(), to).await
    }

    /// Cancels a run that no engine holds, if it still stands as `run` says.
    ///
    /// # Errors
    /// When the transition is not in the table, or the server refuses.
    pub async fn cancel_run(&mut self, run: &RunRow, reason: &str) -> Result<bool, StoreError> {
        let stands = At { run_id: &run.id, epoch: run.epoch };
        let mut update = self.state_update(stands, run.state, RunState::Cancelled, Some(reason))?;
        update.value("lease_until", 0i64);
        self.move_state(&update, &run.id, RunState::Cancelled).await
    }

    pub(super) fn state_update(
        &self,
        at: At<'_>,
        from: RunState,
        to: RunState,
        reason: Option<&str>,
    ) -> Result<UpdateStatement, StoreError> {
        if !from.may_become(to) {
            return Err(StoreError::new(Trouble::Other, format!("a run that is {from} cannot become {to}")));
        }
        let mut update = Query::update();
        update
            .table(self.ledger("run"))
            .value("state", to.name())
            .value("reason", reason.map(str::to_owned))
            .value("updated_at", self.now())
            .and_where(Expr::col("id").eq(at.run_id))
            .and_where(Expr::col("epoch").eq(at.epoch))
            .and_where(Expr::col("state").eq(from.name()));
        if to.is_over() {
            update.value("completed_at", self.now());
        }
        Ok(update)
    }

    async fn move_state(
        &mut self,
        update: &UpdateStatement,
        run_id: &str,
        to: RunState,
    ) -> Result<bool, StoreError> {
        self.begin().await?;
        if self.run(update).await? == 0 {
            self.rollback().await?;
            return Ok(false);
        }
        if to.is_over() {
            self.delete_of_run("claim", run_id).await?;
        }
        self.commit().await?;
        Ok(true)
    }

    /// Deletes what a table of the ledger has of a run, in the open transaction.
    pub(super) async fn delete_of_run(&mut self, table: &str, run_id: &str) -> Result<(), StoreError> {
        let delete = Query::delete()
            .from_table(self.ledger(table))
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        self.run(&delete).await.map(drop)
    }

    /// Notes what the last sweep found, and the round that follows.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_sweep(
        &mut self,
        lease: &RunLease,
        round: i64,
        cells_old: u64,
    ) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.ledger("run"))
            .value("round", round)
            .value("cells_old", signed(cells_old))
            .value("updated_at", self.now())
            .and_where(Expr::col("id").eq(lease.run_id()))
            .and_where(Expr::col("epoch").eq(lease.epoch()))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }
}

/// A run under an epoch.
pub(super) struct At<'a> {
    pub(super) run_id: &'a str,
    pub(super) epoch: i64,
}

impl<'a> From<&'a RunLease> for At<'a> {
    fn from(lease: &'a RunLease) -> Self {
        At { run_id: lease.run_id(), epoch: lease.epoch() }
    }
}

fn read_run(row: Vec<reseal_core::Value>) -> Result<RunRow, StoreError> {
    let mut take = Taker::new(row);
    let (id, plan, plan_digest, scope) = (take.text(), take.text(), take.text(), take.text());
    let (whole, primaries, operator, emergency) =
        (take.int() == 1, take.text(), take.text(), take.int() == 1);
    let state = take.text();
    let Some(state) = RunState::parse(&state) else {
        return Err(StoreError::new(Trouble::Other, format!("run {id} has the unknown state `{state}`")));
    };
    let reason = take.optional_text();
    let (epoch, holder, round, cells_old) =
        (take.int(), Holder::decode(&take.text()), take.int(), take.count());
    let (created_at, updated_at, completed_at) = (take.int(), take.int(), take.optional_int());
    let lease_left_ms = take.int();
    Ok(RunRow {
        id,
        plan,
        plan_digest,
        scope,
        whole,
        primaries,
        operator,
        emergency,
        state,
        reason,
        epoch,
        holder,
        lease_left_ms,
        round,
        cells_old,
        created_at,
        updated_at,
        completed_at,
        counts: Counts::default(),
    })
}
