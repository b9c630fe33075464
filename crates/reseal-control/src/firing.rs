//! Firings: who fires which slot.
//!
//! A slot is claimed by inserting its row, whose key is plan, job and slot: of several daemons one succeeds. The claim is
//! for ever; the work behind it has a holder with a lease and an epoch, and is taken up by another when the holder is gone.

use reseal_core::audit::{Event, EventKind};
use reseal_store::sql::{Taker, signed};
use reseal_store::{Holder, Kind, StoreError};
use sea_query::{Cond, Expr, ExprTrait, Order, Query, SelectStatement};

use crate::ControlSession;
use crate::who::host;

/// Where the work of a claimed slot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FiringState {
    /// Somebody is at it, or will be.
    Claimed,
    /// Done.
    Done,
    /// Given up.
    Failed,
}

impl FiringState {
    /// The state's name in the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            FiringState::Claimed => "claimed",
            FiringState::Done => "done",
            FiringState::Failed => "failed",
        }
    }

    pub(crate) fn parse(name: &str) -> FiringState {
        match name {
            "done" => FiringState::Done,
            "failed" => FiringState::Failed,
            _ => FiringState::Claimed,
        }
    }
}

/// Who claims a slot, or takes its work up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The daemon.
    pub holder: Holder,
    /// What tells the work from that of another version of the plan: letters and digits.
    pub work: String,
}

/// What parts the holder from the work in the column. A daemon that does not know it takes both for the name of a machine,
/// and waits for the lease to end.
const WORK: &str = " · work ";

impl Claimant {
    fn encode(&self) -> String {
        [self.holder.encode().as_str(), &self.work].join(WORK)
    }
}

/// A slot that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firing {
    /// The plan's name.
    pub plan: String,
    /// The job's name.
    pub job: String,
    /// The slot: milliseconds since 1970, UTC.
    pub slot: i64,
    /// Where its work stands.
    pub state: FiringState,
    /// Grows with every daemon that takes the work up; one that was superseded ends nothing.
    pub epoch: i64,
    /// The daemon that took it up last.
    pub holder: Holder,
    /// What tells its work from that of another version of the plan; `None` where an earlier version of Reseal claimed it.
    pub work: Option<String>,
    /// How long the holder's lease still lasts by the server's clock, in milliseconds.
    pub lease_left_ms: i64,
    /// Not to be taken up before this time by the daemons' clocks.
    pub retry_at: i64,
    /// How long ago it was claimed, by the server's clock, in milliseconds.
    pub claimed_for_ms: i64,
    /// How many older slots were left out with it.
    pub missed: u64,
    /// What came of it.
    pub outcome: Option<String>,
    /// When the work was over, by the server's clock.
    pub finished_at: Option<i64>,
}

const FIRING: [(&str, Kind); 10] = [
    ("plan", Kind::Text),
    ("job", Kind::Text),
    ("slot", Kind::Int),
    ("state", Kind::Text),
    ("epoch", Kind::Int),
    ("holder", Kind::Text),
    ("retry_at", Kind::Int),
    ("missed", Kind::Int),
    ("outcome", Kind::Text),
    ("finished_at", Kind::Int),
];

impl ControlSession {
    /// Claims a slot in the open transaction. Its work is free to be taken up, by `claimant` most likely.
    /// `Trouble::Constraint` says that it was claimed before: roll back.
    ///
    /// # Errors
    /// When the slot is taken, or the server refuses.
    pub async fn claim_slot(
        &mut self,
        plan: &str,
        job: &str,
        slot: i64,
        missed: u64,
        claimant: &Claimant,
    ) -> Result<(), StoreError> {
        let now = self.now();
        let insert = Query::insert()
            .into_table(self.table("firing"))
            .columns([
                "plan",
                "job",
                "slot",
                "state",
                "epoch",
                "holder",
                "lease_until",
                "retry_at",
                "missed",
                "claimed_at",
            ])
            .values_panic([
                plan.into(),
                job.into(),
                slot.into(),
                FiringState::Claimed.name().into(),
                1i64.into(),
                claimant.encode().into(),
                0i64.into(),
                0i64.into(),
                signed(missed).into(),
                now,
            ])
            .to_owned();
        self.run(&insert).await?;
        let event = Event::new(EventKind::ScheduleFired, self.now_ms().await?, "schedule", &host());
        let event = event.of_plan(plan, "").with("job", job).with("slot_ms", slot).with("missed", missed);
        self.record_inside(&event).await.map(drop)
    }

    /// Takes up work that nobody is at: gives the new epoch, unless another was faster.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn take_firing(
        &mut self,
        firing: &Firing,
        claimant: &Claimant,
        lease_ms: i64,
    ) -> Result<Option<i64>, StoreError> {
        let lease = self.now().add(lease_ms);
        let update = Query::update()
            .table(self.table("firing"))
            .value("epoch", firing.epoch + 1)
            .value("holder", claimant.encode())
            .value("lease_until", lease)
            .cond_where(self.still(firing, firing.epoch))
            .to_owned();
        Ok((self.run(&update).await? == 1).then_some(firing.epoch + 1))
    }

    /// Renews the lease of work in hand; false where another has taken it up.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn renew_firing(
        &mut self,
        firing: &Firing,
        epoch: i64,
        lease_ms: i64,
    ) -> Result<bool, StoreError> {
        let lease = self.now().add(lease_ms);
        let update = Query::update()
            .table(self.table("firing"))
            .value("lease_until", lease)
            .cond_where(self.still(firing, epoch))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }

    /// Puts work back: it is taken up again at `retry_at`. False where another has taken it up.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn put_back(
        &mut self,
        firing: &Firing,
        epoch: i64,
        retry_at: i64,
        why: &str,
    ) -> Result<bool, StoreError> {
        let update = Query::update()
            .table(self.table("firing"))
            .value("lease_until", 0)
            .value("retry_at", retry_at)
            .value("outcome", why)
            .cond_where(self.still(firing, epoch))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }

    /// Ends work, inside or outside a transaction; false where another has taken it up, or ended it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn end_firing(
        &mut self,
        firing: &Firing,
        epoch: i64,
        state: FiringState,
        outcome: &str,
    ) -> Result<bool, StoreError> {
        let now = self.now();
        let update = Query::update()
            .table(self.table("firing"))
            .value("state", state.name())
            .value("outcome", outcome)
            .value("finished_at", now)
            .cond_where(self.still(firing, epoch))
            .to_owned();
        Ok(self.run(&update).await? == 1)
    }

    /// The condition that a firing is claimed under this epoch.
    fn still(&self, firing: &Firing, epoch: i64) -> Cond {
        Cond::all()
            .add(Expr::col("plan").eq(firing.plan.as_str()))
            .add(Expr::col("job").eq(firing.job.as_str()))
            .add(Expr::col("slot").eq(firing.slot))
            .add(Expr::col("state").eq(FiringState::Claimed.name()))
            .add(Expr::col("epoch").eq(epoch))
    }

    /// The firings of a plan whose work is not over, oldest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn open_firings(&mut self, plan: &str) -> Result<Vec<Firing>, StoreError> {
        let mut select = self.select_firing(plan);
        select.and_where(Expr::col("state").eq(FiringState::Claimed.name())).order_by("slot", Order::Asc);
        self.fetch_firings(&select).await
    }

    /// The newest firings of a plan.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn firings(&mut self, plan: &str, most: u64) -> Result<Vec<Firing>, StoreError> {
        let mut select = self.select_firing(plan);
        select.order_by("slot", Order::Desc).limit(most);
        self.fetch_firings(&select).await
    }

    /// How many firings of a plan's jobs are in which state, those that were forgotten among them, and the newest slot of each, as (job, state, count, slot).
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn firing_counts(
        &mut self,
        plan: &str,
    ) -> Result<Vec<(String, FiringState, u64, i64)>, StoreError> {
        let select = Query::select()
            .columns(["job", "state"])
            .expr(Expr::col("slot").count())
            .expr(Expr::col("slot").max())
            .from(self.table("firing"))
            .and_where(Expr::col("plan").eq(plan))
            .group_by_columns(["job", "state"])
            .to_owned();
        let rows = self.query(&select, &[Kind::Text, Kind::Text, Kind::Int, Kind::Int]).await?;
        let pruned = self.pruned_firings(plan).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                let (job, state) = (take.text(), FiringState::parse(&take.text()));
                let forgotten = pruned.iter().find(|of| of.job == job && of.state == state);
                let forgotten = forgotten.map_or(0, |of| of.firings);
                (job, state, take.count() + forgotten, take.int())
            })
            .collect())
    }

    fn select_firing(&self, plan: &str) -> SelectStatement {
        let mut select = Query::select();
        select.columns(FIRING.map(|(name, _)| name));
        select.expr(Expr::col("lease_until").sub(self.now()));
        select.expr(self.now().sub(Expr::col("claimed_at")));
        select.from(self.table("firing")).and_where(Expr::col("plan").eq(plan));
        select
    }

    async fn fetch_firings(&mut self, select: &SelectStatement) -> Result<Vec<Firing>, StoreError> {
        let kinds: Vec<Kind> = FIRING.iter().map(|(_, kind)| *kind).chain([Kind::Int, Kind::Int]).collect();
        let rows = self.query(select, &kinds).await?;
        Ok(rows.into_iter().map(|row| read(Taker::new(row))).collect())
    }
}

fn read(mut take: Taker) -> Firing {
    let (plan, job, slot) = (take.text(), take.text(), take.int());
    let (state, epoch) = (FiringState::parse(&take.text()), take.int());
    let claimant = take.text();
    let (holder, work) = match claimant.rsplit_once(WORK) {
        Some((holder, work)) => (Holder::decode(holder), Some(work.to_owned())),
        None => (Holder::decode(&claimant), None),
    };
    Firing {
        plan,
        job,
        slot,
        state,
        epoch,
        holder,
        work,
        retry_at: take.int(),
        missed: take.count(),
        outcome: take.optional_text(),
        finished_at: take.optional_int(),
        lease_left_ms: take.int(),
        claimed_for_ms: take.int(),
    }
}
