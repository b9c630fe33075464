//! Alerts: what is wrong now, each cause once, and what was last seen of things that should move.

use sea_query::{Expr, ExprTrait, OnConflict, Order, Query};

use crate::ledger::Taker;
use crate::{Kind, Session, StoreError};

/// An alert that is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertRow {
    /// The kind of notice.
    pub kind: String,
    /// What is wrong: a run, a key, a disk.
    pub cause: String,
    /// How often it has been on, this time included.
    pub times: i64,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
}

impl Session {
    /// Turns an alert on: gives how often it has been on now, and `None` where it is on already. In an open
    /// transaction, so that its notice is posted with it or not at all.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn raise_alert(
        &mut self,
        plan: &str,
        (kind, cause): (&str, &str),
        now: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut insert = Query::insert();
        insert
            .into_table(self.ledger("alert"))
            .columns(["plan", "kind", "cause", "active", "times", "since"])
            .values_panic([plan.into(), kind.into(), cause.into(), 0i64.into(), 0i64.into(), 0i64.into()])
            .on_conflict(
                OnConflict::columns(["plan", "kind", "cause"])
                    .do_nothing_on(["plan", "kind", "cause"])
                    .to_owned(),
            );
        self.run(&insert).await?;
        // Of several that raise it at once, the row's lock lets one through.
        let update = Query::update()
            .table(self.ledger("alert"))
            .value("active", 1i64)
            .value("times", Expr::col("times").add(1i64))
            .value("since", now)
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("kind").eq(kind))
            .and_where(Expr::col("cause").eq(cause))
            .and_where(Expr::col("active").eq(0i64))
            .to_owned();
        match self.run(&update).await? {
            0 => Ok(None),
            _ => self.times(plan, (kind, cause)).await.map(Some),
        }
    }

    /// Turns an alert off: gives how often it has been on, and `None` where it is off already. In an open transaction,
    /// like [`Session::raise_alert`].
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn resolve_alert(
        &mut self,
        plan: &str,
        (kind, cause): (&str, &str),
        now: i64,
    ) -> Result<Option<i64>, StoreError> {
        let update = Query::update()
            .table(self.ledger("alert"))
            .value("active", 0i64)
            .value("since", now)
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("kind").eq(kind))
            .and_where(Expr::col("cause").eq(cause))
            .and_where(Expr::col("active").eq(1i64))
            .to_owned();
        match self.run(&update).await? {
            0 => Ok(None),
            _ => self.times(plan, (kind, cause)).await.map(Some),
        }
    }

    async fn times(&mut self, plan: &str, (kind, cause): (&str, &str)) -> Result<i64, StoreError> {
        let select = Query::select()
            .column("times")
            .from(self.ledger("alert"))
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("kind").eq(kind))
            .and_where(Expr::col("cause").eq(cause))
            .to_owned();
        let row = self.query(&select, &[Kind::Int]).await?.pop();
        Ok(row.map_or(0, |row| Taker::new(row).int()))
    }

    /// A plan's alerts that are on, the oldest first.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn alerts(&mut self, plan: &str) -> Result<Vec<AlertRow>, StoreError> {
        let select = Query::select()
            .columns(["kind", "cause", "times", "since"])
            .from(self.ledger("alert"))
            .and_where(Expr::col("plan").eq(plan))
            .and_where(Expr::col("active").eq(1i64))
            .order_by("since", Order::Asc)
            .order_by("kind", Order::Asc)
            .order_by("cause", Order::Asc)
            .to_owned();
        let rows = self.query(&select, &[Kind::Text, Kind::Text, Kind::Int, Kind::Int]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                AlertRow { kind: take.text(), cause: take.text(), times: take.int(), since: take.int() }
            })
            .collect())
    }

    /// What was last seen under a name, and since when; noted now where it is another.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn seen_since(&mut self, name: &str, seen: &str, now: i64) -> Result<i64, StoreError> {
        let select = Query::select()
            .columns(["seen", "since"])
            .from(self.ledger("notice_seen"))
            .and_where(Expr::col("name").eq(name))
            .to_owned();
        if let Some(row) = self.query(&select, &[Kind::Text, Kind::Int]).await?.pop() {
            let mut take = Taker::new(row);
            if take.text() == seen {
                return Ok(take.int());
            }
        }
        let mut insert = Query::insert();
        insert
            .into_table(self.ledger("notice_seen"))
            .columns(["name", "seen", "since"])
            .values_panic([name.into(), seen.into(), now.into()])
            .on_conflict(OnConflict::column("name").update_columns(["seen", "since"]).to_owned());
        self.run(&insert).await?;
        Ok(now)
    }
}
