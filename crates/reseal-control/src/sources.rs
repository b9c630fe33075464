//! What the sources of keys say of them: the state that the application keeps in a table of its own, and when it made them.

use reseal_store::sql::Taker;
use reseal_store::{Kind, StoreError, Trouble};
use sea_query::{Expr, ExprTrait, Query};

use crate::ControlSession;

/// What the source of a key says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    /// The catalogue's entry of the key.
    pub entry: String,
    /// The state that the application keeps for it, in its own words.
    pub state: Option<String>,
    /// When it was made, in milliseconds since 1970.
    pub created_at: Option<i64>,
}

impl ControlSession {
    /// Notes what the source of a key says of it now.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_source(&mut self, source: &KeySource) -> Result<(), StoreError> {
        let update = Query::update()
            .table(self.table("catalogue_source"))
            .value("state", source.state.clone())
            .value("created_at", source.created_at)
            .value("noted_at", self.now())
            .and_where(Expr::col("entry").eq(source.entry.as_str()))
            .to_owned();
        if self.run(&update).await? > 0 {
            return Ok(());
        }
        let insert = Query::insert()
            .into_table(self.table("catalogue_source"))
            .columns(["entry", "state", "created_at", "noted_at"])
            .values_panic([
                source.entry.as_str().into(),
                source.state.clone().into(),
                source.created_at.into(),
                self.now(),
            ])
            .to_owned();
        unless_there(self.run(&insert).await)
    }

    /// What sources said of keys when they were read last.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn key_sources(&mut self) -> Result<Vec<KeySource>, StoreError> {
        let select = Query::select()
            .columns(["entry", "state", "created_at"])
            .from(self.table("catalogue_source"))
            .to_owned();
        let rows =
            self.query(&select, &[Kind::Text, Kind::Text, Kind::Int]).await?.into_iter().map(Taker::new);
        Ok(rows
            .map(|mut take| KeySource {
                entry: take.text(),
                state: take.optional_text(),
                created_at: take.optional_int(),
            })
            .collect())
    }

    /// Notes the state that a key had by its source when a run began. What is noted already stays.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_state_of_run(
        &mut self,
        run_id: &str,
        entry: &str,
        state: &str,
    ) -> Result<(), StoreError> {
        let insert = Query::insert()
            .into_table(self.table("catalogue_run_state"))
            .columns(["run_id", "entry", "state", "at"])
            .values_panic([run_id.into(), entry.into(), state.into(), self.now()])
            .to_owned();
        if self.state_of_run(run_id, entry).await?.is_some() {
            return Ok(());
        }
        unless_there(self.run(&insert).await)
    }

    /// The state that a key had by its source when a run began.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn state_of_run(&mut self, run_id: &str, entry: &str) -> Result<Option<String>, StoreError> {
        let select = Query::select()
            .column("state")
            .from(self.table("catalogue_run_state"))
            .and_where(Expr::col("run_id").eq(run_id))
            .and_where(Expr::col("entry").eq(entry))
            .to_owned();
        let row = self.query(&select, &[Kind::Text]).await?.pop();
        Ok(row.map(|row| Taker::new(row).text()))
    }
}

/// Another process may note the same at this moment.
fn unless_there(outcome: Result<u64, StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(error) if error.trouble != Trouble::Constraint => Err(error),
        _ => Ok(()),
    }
}
