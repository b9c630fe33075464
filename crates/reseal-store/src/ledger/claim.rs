//! Claims: a run is written together with the columns that it writes, and no other run may hold one of them.

use reseal_core::RunState;
use sea_query::{Expr, ExprTrait, Query};

use super::NewRun;
use crate::names::iden;
use crate::sql::Taker;
use crate::{Kind, Session, StoreError, Trouble};

/// How an attempt to hold a run's columns ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The run is written and its columns are held.
    Yes,
    /// Another run holds one of the columns.
    HeldBy {
        /// The column, as `table.column`.
        column: String,
        /// The run that holds it.
        run_id: String,
    },
}

impl Session {
    /// Writes a run and holds its columns, in one transaction: after a crash both are there or neither is.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn create_run(&mut self, run: &NewRun) -> Result<Claimed, StoreError> {
        self.begin().await?;
        match self.create_run_inside(run).await {
            Ok(()) => self.commit().await.map(|()| Claimed::Yes),
            Err(error) => {
                self.rollback().await?;
                match (error.trouble, self.held(run).await?) {
                    (Trouble::Constraint | Trouble::Retry, Some(held)) => Ok(held),
                    _ => Err(error),
                }
            }
        }
    }

    async fn create_run_inside(&mut self, run: &NewRun) -> Result<(), StoreError> {
        let now = self.now();
        let insert = Query::insert()
            .into_table(self.ledger("run"))
            .columns([
                "id",
                "plan",
                "plan_digest",
                "scope",
                "whole",
                "primaries",
                "operator",
                "emergency",
                "state",
                "epoch",
                "holder",
                "lease_until",
                "round",
                "cells_old",
                "created_at",
                "updated_at",
            ])
            .values_panic([
                run.id.as_str().into(),
                run.plan.as_str().into(),
                run.plan_digest.as_str().into(),
                run.scope.as_str().into(),
                i64::from(run.whole).into(),
                run.primaries.as_str().into(),
                run.operator.as_str().into(),
                i64::from(run.emergency).into(),
                RunState::Prepared.name().into(),
                1i64.into(),
                run.holder.0.as_str().into(),
                now.clone().add(run.lease_ms),
                1i64.into(),
                0i64.into(),
                now.clone(),
                now,
            ])
            .to_owned();
        self.run(&insert).await?;
        let mut claims = Query::insert();
        claims.into_table(self.ledger("claim")).columns(["table_name", "column_name", "run_id"]);
        for (table, column) in &run.columns {
            claims.values_panic([table.as_str().into(), column.as_str().into(), run.id.as_str().into()]);
        }
        self.run(&claims).await.map(drop)
    }

    async fn held(&mut self, run: &NewRun) -> Result<Option<Claimed>, StoreError> {
        let select = Query::select()
            .columns(["table_name", "column_name", "run_id"])
            .from(self.ledger("claim"))
            .to_owned();
        let kinds = [Kind::Text, Kind::Text, Kind::Text];
        for row in self.query(&select, &kinds).await? {
            let mut take = Taker::new(row);
            let column = (take.text(), take.text());
            if run.columns.contains(&column) {
                let column = format!("{}.{}", column.0, column.1);
                return Ok(Some(Claimed::HeldBy { column, run_id: take.text() }));
            }
        }
        Ok(None)
    }

    /// Holds columns again for a run that is being rolled back; gives the first column that another run holds.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn claim_again(&mut self, run: &NewRun) -> Result<Claimed, StoreError> {
        let mut claims = Query::insert();
        claims.into_table(self.ledger("claim")).columns(["table_name", "column_name", "run_id"]);
        for (table, column) in &run.columns {
            claims.values_panic([table.as_str().into(), column.as_str().into(), run.id.as_str().into()]);
        }
        let mine = Query::delete()
            .from_table(self.ledger("claim"))
            .and_where(Expr::col(iden("run_id")).eq(run.id.as_str()))
            .to_owned();
        self.begin().await?;
        let outcome = match self.run(&mine).await {
            Ok(_) => self.run(&claims).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(_) => self.commit().await.map(|()| Claimed::Yes),
            Err(error) => {
                self.rollback().await?;
                self.held(run).await?.ok_or(error)
            }
        }
    }
}
