//! Alerts: what is wrong now, each cause once, and what was last seen of things that should move.

use reseal_store::sql::Taker;
use reseal_store::{Kind, StoreError};
use sea_query::{Cond, Expr, ExprTrait, OnConflict, Order, Query};

use crate::ControlSession;

/// What identifies an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlertKey<'a> {
    /// The plan's name.
    pub plan: &'a str,
    /// The kind of notice.
    pub kind: &'a str,
    /// What is wrong: a run, a key, a disk.
    pub cause: &'a str,
}

impl AlertKey<'_> {
    fn is_meant(&self) -> Cond {
        Cond::all()
            .add(Expr::col("plan").eq(self.plan))
            .add(Expr::col("kind").eq(self.kind))
            .add(Expr::col("cause").eq(self.cause))
    }
}

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

impl ControlSession {
    /// Turns an alert on: gives how often it has been on now, and `None` where it is on already. In an open
    /// transaction, so that its notice is posted with it or not at all.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn raise_alert(&mut self, alert: &AlertKey<'_>, now: i64) -> Result<Option<i64>, StoreError> {
        let mut insert = Query::insert();
        insert
            .into_table(self.table("alert"))
            .columns(["plan", "kind", "cause", "active", "times", "since"])
            .values_panic([
                alert.plan.into(),
                alert.kind.into(),
                alert.cause.into(),
                0i64.into(),
                0i64.into(),
                0i64.into(),
            ])
            .on_conflict(
                OnConflict::columns(["plan", "kind", "cause"])
                    .do_nothing_on(["plan", "kind", "cause"])
                    .to_owned(),
            );
        self.run(&insert).await?;
        // Of several that raise it at once, the row's lock lets one through.
        let update = Query::update()
            .table(self.table("alert"))
            .value("active", 1i64)
            .value("times", Expr::col("times").add(1i64))
            .value("since", now)
            .cond_where(alert.is_meant())
            .and_where(Expr::col("active").eq(0i64))
            .to_owned();
        match self.run(&update).await? {
            0 => Ok(None),
            _ => self.times(alert).await.map(Some),
        }
    }

    /// Turns an alert off: gives how often it has been on, and `None` where it is off already. In an open transaction,
    /// like [`ControlSession::raise_alert`].
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn resolve_alert(&mut self, alert: &AlertKey<'_>, now: i64) -> Result<Option<i64>, StoreError> {
        let update = Query::update()
            .table(self.table("alert"))
            .value("active", 0i64)
            .value("since", now)
            .cond_where(alert.is_meant())
            .and_where(Expr::col("active").eq(1i64))
            .to_owned();
        match self.run(&update).await? {
            0 => Ok(None),
            _ => self.times(alert).await.map(Some),
        }
    }

    async fn times(&mut self, alert: &AlertKey<'_>) -> Result<i64, StoreError> {
        let select =
            Query::select().column("times").from(self.table("alert")).cond_where(alert.is_meant()).to_owned();
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
            .from(self.table("alert"))
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
            .from(self.table("notice_seen"))
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
            .into_table(self.table("notice_seen"))
            .columns(["name", "seen", "since"])
            .values_panic([name.into(), seen.into(), now.into()])
            .on_conflict(OnConflict::column("name").update_columns(["seen", "since"]).to_owned());
        self.run(&insert).await?;
        Ok(now)
    }
}
