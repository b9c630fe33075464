//! Where the audit trail is cut, and cutting it.

use reseal_core::Value;
use reseal_core::audit::{Cut, CutPoint, Event, Head, PublicKey, TrailHead};
use reseal_store::sql::{Taker, signed};
use reseal_store::{Kind, StoreError, Trouble};
use sea_query::{Expr, ExprTrait, Query};

use crate::ControlSession;
use crate::strict::Strict;

/// The columns of a cut, in the order in which they are read.
const COLUMNS: [(&str, Kind); 8] = [
    ("sequence", Kind::Int),
    ("head", Kind::Text),
    ("before_ms", Kind::Int),
    ("time_ms", Kind::Int),
    ("kept", Kind::Int),
    ("kept_digest", Kind::Text),
    ("public_key", Kind::Text),
    ("signature", Kind::Text),
];

/// A cut that cannot be read as one: somebody wrote there what Reseal does not write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DamagedCut;

/// What is to be cut off a trail.
#[derive(Clone, Copy, Debug)]
pub struct NewCut<'a> {
    /// Where it is cut.
    pub cut: &'a Cut,
    /// Where it was cut before.
    pub before: Option<&'a Cut>,
    /// The events up to the cut that stay, by their numbers, in order.
    pub kept: &'a [u64],
    /// The event that says so.
    pub event: &'a Event,
}

impl ControlSession {
    /// Where the trail is cut; `None` where it is whole.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn cut(&mut self) -> Result<Option<Result<Cut, DamagedCut>>, StoreError> {
        let select =
            Query::select().columns(COLUMNS.map(|(name, _)| name)).from(self.table("audit_cut")).to_owned();
        match self.query(&select, &COLUMNS.map(|(_, kind)| kind)).await {
            Ok(mut rows) if rows.len() < 2 => Ok(rows.pop().map(|row| read(&row).ok_or(DamagedCut))),
            Ok(_) => Ok(Some(Err(DamagedCut))),
            Err(error) if error.trouble == Trouble::Missing => self.cut_before(error).await,
            Err(error) => Err(error),
        }
    }

    /// Whether the trail has an event with this number and head. An event that was archived and not kept is taken to be so.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn trail_has(&mut self, at: TrailHead) -> Result<bool, StoreError> {
        let select = Query::select()
            .column("head")
            .from(self.table("audit_event"))
            .and_where(Expr::col("sequence").eq(signed(at.sequence)))
            .to_owned();
        if let Some(row) = self.query(&select, &[Kind::Text]).await?.pop() {
            return Ok(Taker::new(row).text() == at.head.to_string());
        }
        let cut = self.cut().await?.and_then(Result::ok);
        Ok(cut.is_some_and(|cut| cut.point.at.sequence >= at.sequence))
    }

    /// A control database of an earlier version has no such table, and a cut that is there holds what it should not.
    async fn cut_before(&mut self, error: StoreError) -> Result<Option<Result<Cut, DamagedCut>>, StoreError> {
        const SINCE: i64 = 8;
        match self.version().await? {
            Some(version) if version < SINCE => Ok(None),
            Some(_) => Ok(Some(Err(DamagedCut))),
            None => Err(error),
        }
    }

    /// Takes the events up to a cut out of the trail, but those that are kept, and records that. False where the trail is no
    /// more what was archived; nothing was changed then.
    ///
    /// # Errors
    /// When the server refuses; after [`Trouble::ConnectionLost`] it may be done all the same.
    pub async fn cut_trail(&mut self, new: &NewCut<'_>) -> Result<bool, StoreError> {
        self.begin().await?;
        let done = self.cut_inside(new).await;
        self.end(done).await
    }

    async fn cut_inside(&mut self, new: &NewCut<'_>) -> Result<bool, StoreError> {
        // Whoever appends waits from here on, and nobody else cuts.
        self.lock_tail().await?;
        let last = new.cut.point.at.sequence;
        if !self.put_cut(new).await? {
            return Ok(false);
        }
        let mut from = 0;
        for number in new.kept.iter().copied().chain([last + 1]) {
            let delete = Query::delete()
                .from_table(self.table("audit_event"))
                .and_where(Expr::col("sequence").gt(signed(from)))
                .and_where(Expr::col("sequence").lt(signed(number)))
                .to_owned();
            self.run(&delete).await?;
            from = number;
        }
        let count = Query::select()
            .expr(Expr::col("sequence").count())
            .from(self.table("audit_event"))
            .and_where(Expr::col("sequence").lte(signed(last)))
            .to_owned();
        let rows = self.query(&count, &[Kind::Int]).await?;
        if rows.into_iter().map(|row| Taker::new(row).count()).sum::<u64>() != new.kept.len() as u64 {
            return Ok(false);
        }
        let delete = Query::delete()
            .from_table(self.table("audit_checkpoint"))
            .and_where(Expr::col("sequence").lte(signed(last)))
            .to_owned();
        self.run(&delete).await?;
        self.record_inside(new.event).await.map(|_| true)
    }

    /// Puts a cut in the place of the one before; false where that is another.
    async fn put_cut(&mut self, new: &NewCut<'_>) -> Result<bool, StoreError> {
        let found = self.cut().await?;
        if found != new.before.cloned().map(Ok) {
            return Ok(false);
        }
        self.run(&Query::delete().from_table(self.table("audit_cut")).to_owned()).await?;
        let Cut { point, key, signature } = new.cut;
        let insert = Query::insert()
            .into_table(self.table("audit_cut"))
            .columns(["id"].into_iter().chain(COLUMNS.map(|(name, _)| name)))
            .values_panic([
                1i64.into(),
                signed(point.at.sequence).into(),
                point.at.head.to_string().into(),
                point.before_ms.into(),
                point.time_ms.into(),
                signed(point.kept).into(),
                point.kept_digest.as_str().into(),
                key.to_string().into(),
                signature.as_str().into(),
            ])
            .to_owned();
        self.run(&insert).await.map(|inserted| inserted == 1)
    }
}

/// Reads a row strictly.
fn read(row: &[Value]) -> Option<Cut> {
    let row = Strict(row);
    let (text, int) = (|at| row.text(at), |at| row.int(at));
    let at = TrailHead { sequence: u64::try_from(int(0)?).ok()?, head: Head::parse(text(1)?)? };
    let (before_ms, time_ms, kept) = (int(2)?, int(3)?, u64::try_from(int(4)?).ok()?);
    let point = CutPoint { at, before_ms, time_ms, kept, kept_digest: text(5)?.to_owned() };
    Some(Cut { point, key: PublicKey::parse(text(6)?)?, signature: text(7)?.to_owned() })
}
