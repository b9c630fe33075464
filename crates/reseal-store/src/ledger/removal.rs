//! Dropping the ledger, where nothing is left that only it can undo.

use reseal_core::RunState;
use sea_query::{Order, Query};

use super::migrations::LEDGER;
use crate::sql::Removing;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError, TableName, Trouble};

/// What keeps a ledger from being dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeftBehind {
    /// A run that is not over.
    Run {
        /// Its plan.
        plan: String,
        /// Its id.
        run: String,
        /// Where it stands.
        state: RunState,
        /// The run that it rolls back, where it is a rollback.
        of_run: Option<String>,
    },
    /// Old cells that a run keeps.
    Undo {
        /// Its plan.
        plan: String,
        /// Its id.
        run: String,
        /// How many there are.
        cells: u64,
    },
    /// A guard that stands on a table.
    Guard {
        /// The table.
        table: TableName,
    },
}

/// What came of dropping a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removal {
    /// There is none.
    Absent,
    /// It is dropped.
    Dropped,
    /// It is still needed, and nothing was dropped.
    Kept(Vec<LeftBehind>),
}

impl Session {
    /// What keeps the ledger from being dropped; nothing where there is none, or where somebody began to drop it.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn left_behind(&mut self) -> Result<Vec<LeftBehind>, StoreError> {
        match self.sql.removing(&LEDGER).await? {
            Removing::Absent | Removing::Begun => Ok(Vec::new()),
            Removing::Whole => {
                // What an earlier version wrote has not all the tables that are looked into.
                self.migrate().await?;
                let guards = self.standing_guards().await?;
                Ok([self.unfinished().await?, guards].concat())
            }
        }
    }

    /// Drops the ledger, where nothing of it is needed any more. One that somebody began to drop is dropped to its end.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn remove_ledger(&mut self) -> Result<Removal, StoreError> {
        let guards = match self.sql.removing(&LEDGER).await? {
            Removing::Whole => self.standing_guards().await?,
            Removing::Absent | Removing::Begun => Vec::new(),
        };
        let left = match self.sql.begin_removal(&LEDGER).await? {
            Removing::Absent => return self.sql.keep_tables().await.map(|()| Removal::Absent),
            Removing::Begun => Ok(Vec::new()),
            Removing::Whole => self.unfinished().await.map(|left| [left, guards].concat()),
        };
        match left {
            Ok(left) if left.is_empty() => self.sql.drop_tables(&LEDGER).await.map(|()| Removal::Dropped),
            Ok(left) => self.sql.keep_tables().await.map(|()| Removal::Kept(left)),
            Err(error) => {
                let _ = self.sql.keep_tables().await;
                Err(error)
            }
        }
    }

    /// The plans that the ledger knows.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn known_plans(&mut self) -> Result<Vec<String>, StoreError> {
        if self.sql.removing(&LEDGER).await? != Removing::Whole {
            return Ok(Vec::new());
        }
        let select = Query::select().distinct().column("plan").from(self.ledger("run")).to_owned();
        let rows = self.query(&select, &[Kind::Text]).await?;
        Ok(rows.into_iter().map(|row| Taker::new(row).text()).collect())
    }

    /// What the database is called: its name on its server, or the name of its file.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn database_name(&mut self) -> Result<String, StoreError> {
        self.sql.database_name().await
    }

    async fn standing_guards(&mut self) -> Result<Vec<LeftBehind>, StoreError> {
        let tables = self.sql.driver.guarded_tables().await?;
        Ok(tables.into_iter().map(|table| LeftBehind::Guard { table }).collect())
    }

    /// Runs that are not over, and those that keep old cells.
    async fn unfinished(&mut self) -> Result<Vec<LeftBehind>, StoreError> {
        let select = Query::select()
            .columns(["id", "plan", "state"])
            .from(self.ledger("run"))
            .order_by("created_at", Order::Asc)
            .order_by("id", Order::Asc)
            .to_owned();
        let mut left = Vec::new();
        for row in self.query(&select, &[Kind::Text; 3]).await? {
            let mut take = Taker::new(row);
            let (run, plan, state) = (take.text(), take.text(), take.text());
            let cells = self.undo_cells(&run).await?;
            let Some(state) = RunState::parse(&state) else {
                return Err(StoreError::new(
                    Trouble::Other,
                    format!("run {run} has the unknown state `{state}`"),
                ));
            };
            if !state.is_over() {
                let (plan, run, of_run) = (plan.clone(), run.clone(), self.rolls_back(&run).await?);
                left.push(LeftBehind::Run { plan, run, state, of_run });
            }
            if cells > 0 {
                left.push(LeftBehind::Undo { plan, run, cells });
            }
        }
        Ok(left)
    }
}
