//! Shards: the ranges of a run, each with its checkpoint.

use sea_query::{Expr, ExprTrait, InsertStatement, Order, Query, UpdateStatement};

use super::guarded::Guarded;
use super::run_lease::RunLease;
use crate::taker::{Taker, signed};
use crate::{Kind, RowKey, Session, Shape, StoodBatch, StoreError, SwapColumns, UndoBatch};

/// What a run, a shard or a batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows to go through, counted when the run began.
    pub rows_total: u64,
    /// Rows that were read in row-key order.
    pub rows_scanned: u64,
    /// Cells that were swapped.
    pub cells_rotated: u64,
    /// Cells that were under the primary already.
    pub cells_current: u64,
    /// Cells that were NULL.
    pub cells_null: u64,
    /// Cells that could not be opened.
    pub cells_quarantined: u64,
    /// Swaps that lost against another writer and were tried again.
    pub cells_raced: u64,
}

impl Counts {
    /// Adds another count to this one.
    pub fn add(&mut self, other: &Counts) {
        self.rows_total += other.rows_total;
        self.rows_scanned += other.rows_scanned;
        self.cells_rotated += other.cells_rotated;
        self.cells_current += other.cells_current;
        self.cells_null += other.cells_null;
        self.cells_quarantined += other.cells_quarantined;
        self.cells_raced += other.cells_raced;
    }
}

/// A shard as the ledger has it.
#[derive(Clone, Debug)]
pub struct ShardRow {
    /// Its number in the run.
    pub number: i64,
    /// The round that it belongs to.
    pub round: i64,
    /// The table, as the plan names it.
    pub table: String,
    /// The row key before the range; `None`: from the beginning.
    pub after: Option<RowKey>,
    /// The last row key of the range; `None`: to the end.
    pub upto: Option<RowKey>,
    /// The committed cursor; `None`: nothing yet.
    pub checkpoint: Option<RowKey>,
    /// Whether the range is done.
    pub done: bool,
    /// The epoch under which work on it may be committed.
    pub epoch: i64,
    /// Batches committed so far.
    pub batches: i64,
    /// What it came to so far.
    pub counts: Counts,
}

/// What is kept of a batch for a rollback.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The old cells.
    pub undo: Option<UndoBatch>,
    /// What was under the new key already.
    pub stood: Option<StoodBatch>,
}

/// What one transaction moves a shard by.
#[derive(Clone, Debug)]
pub struct ShardAdvance<'a> {
    /// The shard.
    pub number: i64,
    /// The new checkpoint; `None` leaves it.
    pub checkpoint: Option<&'a RowKey>,
    /// Whether the range is done.
    pub done: bool,
    /// What the batch came to.
    pub add: Counts,
}

const COUNTS: [&str; 7] = [
    "rows_total",
    "rows_scanned",
    "cells_rotated",
    "cells_current",
    "cells_null",
    "cells_quarantined",
    "cells_raced",
];

fn values(counts: &Counts) -> [u64; 7] {
    [
        counts.rows_total,
        counts.rows_scanned,
        counts.cells_rotated,
        counts.cells_current,
        counts.cells_null,
        counts.cells_quarantined,
        counts.cells_raced,
    ]
}

fn read_counts(take: &mut Taker) -> Counts {
    Counts {
        rows_total: take.count(),
        rows_scanned: take.count(),
        cells_rotated: take.count(),
        cells_current: take.count(),
        cells_null: take.count(),
        cells_quarantined: take.count(),
        cells_raced: take.count(),
    }
}

impl Guarded<'_> {
    /// Writes the shards of a round: all of them, or none.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn add_shards(&mut self, shards: &[ShardRow]) -> Result<(), StoreError> {
        for shard in shards {
            let insert = self.session.shard_insert(self.lease, shard);
            self.run(&insert).await?;
        }
        Ok(())
    }

    /// Moves a shard on, if it still carries the lease's epoch. False: another engine owns it now, and nothing of the
    /// transaction can be committed.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn advance(&mut self, advance: &ShardAdvance<'_>) -> Result<bool, StoreError> {
        let update = self.session.shard_update(self.lease, advance);
        let ours = self.run(&update).await? == 1;
        self.checked |= ours;
        Ok(ours)
    }

    /// Puts the run's shards back to their beginnings and drops its kept cells, which have been put back.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn restart_shards(&mut self) -> Result<(), StoreError> {
        let mut update = Query::update();
        update.table(self.session.ledger("shard"));
        update.value("checkpoint", Option::<String>::None).value("done", 0i64);
        for name in COUNTS.into_iter().skip(1) {
            update.value(name, 0i64);
        }
        update.and_where(Expr::col("run_id").eq(self.lease.run_id()));
        self.run(&update).await?;
        self.drop_undo().await
    }
}

impl Session {
    /// The shards of a run, in order.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn shards(&mut self, run_id: &str) -> Result<Vec<ShardRow>, StoreError> {
        let names =
            ["number", "round", "table_name", "after", "upto", "checkpoint", "done", "epoch", "batches"];
        let mut select = Query::select();
        select.columns(names).columns(COUNTS).from(self.ledger("shard"));
        select.and_where(Expr::col("run_id").eq(run_id)).order_by("number", Order::Asc);
        let mut kinds = vec![Kind::Int, Kind::Int, Kind::Text, Kind::Text, Kind::Text, Kind::Text];
        kinds.extend([Kind::Int; 10]);
        let rows = self.query(&select, &kinds).await?;
        Ok(rows.into_iter().map(read_shard).collect())
    }

    /// Whether [`Session::swap_whole`] can be asked.
    #[must_use]
    pub fn swaps_whole(&self) -> bool {
        self.sql.driver.swaps_whole()
    }

    /// A whole batch in one round trip: swaps by version, keeps the old cells and moves the shard on. All or nothing:
    /// false, and nothing was written, where a row was changed or another engine owns the shard.
    ///
    /// # Errors
    /// When the server refuses. After [`Trouble::ConnectionLost`](crate::Trouble::ConnectionLost) the outcome is
    /// unknown: read the ledger.
    pub async fn swap_whole(
        &mut self,
        shape: &Shape,
        swaps: &[&SwapColumns],
        kept: Kept,
        lease: &RunLease,
        advance: &ShardAdvance<'_>,
    ) -> Result<bool, StoreError> {
        let mut riders = vec![self.build(&self.shard_update(lease, advance))];
        if let Some(batch) = kept.undo {
            riders.push(self.build(&self.undo_insert(lease.run_id(), batch)));
        }
        if let Some(batch) = kept.stood {
            riders.push(self.build(&self.stood_insert(lease.run_id(), batch)));
        }
        self.sql.driver.swap_whole(shape, swaps, riders).await
    }

    fn shard_insert(&self, lease: &RunLease, shard: &ShardRow) -> InsertStatement {
        let encoded = |key: &Option<RowKey>| key.as_ref().map(RowKey::encode);
        let mut names = vec![
            "run_id",
            "number",
            "round",
            "table_name",
            "after",
            "upto",
            "checkpoint",
            "done",
            "epoch",
            "batches",
        ];
        let mut row: Vec<Expr> = vec![
            lease.run_id().into(),
            shard.number.into(),
            shard.round.into(),
            shard.table.as_str().into(),
            encoded(&shard.after).into(),
            encoded(&shard.upto).into(),
            encoded(&shard.checkpoint).into(),
            i64::from(shard.done).into(),
            lease.epoch().into(),
            shard.batches.into(),
        ];
        names.extend(COUNTS);
        row.extend(values(&shard.counts).map(|n| Expr::val(signed(n))));
        Query::insert().into_table(self.ledger("shard")).columns(names).values_panic(row).to_owned()
    }

    fn shard_update(&self, lease: &RunLease, advance: &ShardAdvance<'_>) -> UpdateStatement {
        let mut update = Query::update();
        update.table(self.ledger("shard"));
        update.value("batches", Expr::col("batches").add(1i64));
        if let Some(key) = advance.checkpoint {
            update.value("checkpoint", key.encode());
        }
        if advance.done {
            update.value("done", 1i64);
        }
        for (name, n) in COUNTS.into_iter().zip(values(&advance.add)).skip(1) {
            update.value(name, Expr::col(name).add(signed(n)));
        }
        update
            .and_where(Expr::col("run_id").eq(lease.run_id()))
            .and_where(Expr::col("number").eq(advance.number))
            .and_where(Expr::col("epoch").eq(lease.epoch()));
        update
    }

    /// Sums over a run's shards: rows of the first round, cells of all.
    pub(crate) async fn counts(&mut self, run_id: &str) -> Result<Counts, StoreError> {
        let mut total = Counts::default();
        for shard in self.shards(run_id).await? {
            let mut counts = shard.counts;
            if shard.round > 1 {
                // Later rounds read the same rows again; what they rotate and race comes on top.
                counts = Counts {
                    cells_rotated: counts.cells_rotated,
                    cells_raced: counts.cells_raced,
                    ..Counts::default()
                };
            }
            total.add(&counts);
        }
        Ok(total)
    }
}

fn read_shard(row: Vec<reseal_core::Value>) -> ShardRow {
    let mut take = Taker::new(row);
    let (number, round, table) = (take.int(), take.int(), take.text());
    let key = |take: &mut Taker| take.optional_text().and_then(|text| RowKey::decode(&text));
    let (after, upto, checkpoint) = (key(&mut take), key(&mut take), key(&mut take));
    let (done, epoch, batches) = (take.int() == 1, take.int(), take.int());
    let counts = read_counts(&mut take);
    ShardRow { number, round, table, after, upto, checkpoint, done, epoch, batches, counts }
}
