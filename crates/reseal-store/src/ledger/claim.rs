//! Claims: a run is written together with the columns that it writes, and no other run may hold one of them.

use reseal_core::RunState;
use sea_query::{Expr, ExprTrait, Query};

use super::column_name::ColumnName;
use super::run::{FirstRow, NewRun};
use super::table::{Found, NotedTable};
use crate::taker::Taker;
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
                match (error.trouble, self.holder_of_any(&run.columns, &[&run.id]).await?) {
                    (Trouble::Constraint | Trouble::Retry, Some(held)) => Ok(held),
                    _ => Err(error),
                }
            }
        }
    }

    async fn create_run_inside(&mut self, run: &NewRun) -> Result<(), StoreError> {
        let insert = self.run_insert(&FirstRow {
            id: &run.id,
            plan: &run.plan,
            plan_digest: &run.plan_digest,
            scope: &run.scope,
            whole: run.whole,
            primaries: &run.primaries,
            operator: &run.operator,
            emergency: run.emergency,
            state: RunState::Prepared,
            holder: &run.holder,
            lease_ms: run.lease_ms,
        });
        self.run(&insert).await?;
        self.note_asked_pace(&run.id, run.pace).await?;
        for table in &run.tables {
            let noted = NotedTable { table: table.clone(), found: Found::Began };
            self.note_table(&run.id, &noted, &run.operator).await?;
        }
        self.drop_claims_that_are_over(&run.id).await?;
        self.claim(&run.id, &run.columns).await
    }

    /// Claims columns, in the open transaction.
    pub(super) async fn claim(&mut self, run_id: &str, columns: &[ColumnName]) -> Result<(), StoreError> {
        let mut claims = Query::insert();
        claims.into_table(self.ledger("claim")).columns(["table_name", "column_name", "run_id"]);
        let mut by_identity = Query::insert();
        by_identity.into_table(self.ledger("table_claim")).columns(["identity", "column_name", "table_name"]);
        for ColumnName { table, identity, column } in columns {
            claims.values_panic([table.as_str().into(), column.as_str().into(), run_id.into()]);
            by_identity.values_panic([
                identity.as_str().into(),
                column.as_str().into(),
                table.as_str().into(),
            ]);
        }
        self.run(&claims).await?;
        self.run(&by_identity).await.map(drop)
    }

    /// Drops claims of this run, and of runs that are over: an engine that ended in an unlucky moment may have left some.
    pub(super) async fn drop_claims_that_are_over(&mut self, run_id: &str) -> Result<(), StoreError> {
        let over = RunState::ALL.into_iter().filter(|state| state.is_over()).map(RunState::name);
        let runs = Query::select()
            .column("id")
            .from(self.ledger("run"))
            .and_where(Expr::col("state").is_in(over))
            .to_owned();
        let delete = Query::delete()
            .from_table(self.ledger("claim"))
            .and_where(Expr::col("run_id").eq(run_id).or(Expr::col("run_id").in_subquery(runs)))
            .to_owned();
        self.run(&delete).await.map(drop)
    }

    /// The first of these columns that another run holds than these.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn holder_of_any(
        &mut self,
        columns: &[ColumnName],
        run_ids: &[&str],
    ) -> Result<Option<Claimed>, StoreError> {
        let identities = self.identities_of_claims().await?;
        let select = Query::select()
            .columns(["table_name", "column_name", "run_id"])
            .from(self.ledger("claim"))
            .to_owned();
        let kinds = [Kind::Text, Kind::Text, Kind::Text];
        for row in self.query(&select, &kinds).await? {
            let mut take = Taker::new(row);
            let (table, column, holder) = (take.text(), take.text(), take.text());
            // By its name or, where it was renamed since, by what the database tells it by.
            let same = |asked: &ColumnName| {
                let known = |of: &ColumnName| {
                    (&of.table, &of.column, &of.identity) == (&table, &column, &asked.identity)
                };
                asked.column == column && (asked.table == table || identities.iter().any(known))
            };
            if !run_ids.contains(&holder.as_str()) && columns.iter().any(same) {
                return Ok(Some(Claimed::HeldBy { column: format!("{table}.{column}"), run_id: holder }));
            }
        }
        Ok(None)
    }

    /// What the database tells the tables of claims by.
    async fn identities_of_claims(&mut self) -> Result<Vec<ColumnName>, StoreError> {
        let select = Query::select()
            .columns(["table_name", "identity", "column_name"])
            .from(self.ledger("table_claim"))
            .to_owned();
        let rows = self.query(&select, &[Kind::Text; 3]).await?.into_iter().map(Taker::new);
        Ok(rows
            .map(|mut take| ColumnName { table: take.text(), identity: take.text(), column: take.text() })
            .collect())
    }
}
