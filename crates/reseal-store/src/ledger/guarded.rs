//! The one door through which a run's cells, kept cells, shards, steps and quarantine are written.

use sea_query::{Expr, ExprTrait, Query, QueryStatementWriter};

use super::run_lease::RunLease;
use crate::comparison::Comparison;
use crate::conditions::keys_at_once;
use crate::session::kinds;
use crate::taker::Taker;
use crate::{Dialect, Kind, Session, Shape, StoreError, Swap, Swapped, Trouble};

/// An open transaction that writes under a lease. Whatever it holds is committed only if the lease's epoch was still the
/// run's, or the shard's, inside this very transaction: an engine that was superseded commits nothing, whatever it
/// believes. Dropped without [`Guarded::commit`], nothing of it is written.
pub struct Guarded<'s> {
    pub(crate) session: &'s mut Session,
    pub(super) lease: &'s RunLease,
    /// Whether the epoch was found to be the lease's in this transaction.
    pub(super) checked: bool,
    /// Whether it holds swaps that are not what they were to be.
    spoiled: bool,
}

impl Session {
    /// Begins a transaction that writes under a lease; `None` where another engine holds the run by now. Until it ends
    /// nobody else can acquire the run: the check holds the run's row.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn guarded<'s>(&'s mut self, lease: &'s RunLease) -> Result<Option<Guarded<'s>>, StoreError> {
        self.begin().await?;
        if self.epoch_in_transaction(lease.run_id()).await? != Some(lease.epoch()) {
            self.rollback().await?;
            return Ok(None);
        }
        Ok(Some(Guarded { session: self, lease, checked: true, spoiled: false }))
    }

    /// Begins a transaction whose epoch is checked by [`Guarded::advance`]: it cannot be committed without. Swaps handed to
    /// the server before, as [`Session::stage`] does, need no lock during that time.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn guarded_by_shard<'s>(&'s mut self, lease: &'s RunLease) -> Result<Guarded<'s>, StoreError> {
        self.begin().await?;
        Ok(Guarded { session: self, lease, checked: false, spoiled: false })
    }

    /// The run's epoch, its row locked against a change until the transaction ends. SQLite's transaction locks it all.
    async fn epoch_in_transaction(&mut self, run_id: &str) -> Result<Option<i64>, StoreError> {
        let select = Query::select()
            .column("epoch")
            .from(self.ledger("run"))
            .and_where(Expr::col("id").eq(run_id))
            .to_owned();
        let mut statement = self.sql.build(&select);
        statement.sql.push_str(match self.dialect() {
            Dialect::Postgres => " FOR SHARE",
            // MariaDB knows no FOR SHARE.
            Dialect::Mysql => " LOCK IN SHARE MODE",
            Dialect::Sqlite => "",
        });
        let row = self.sql.driver.fetch(statement, &[Kind::Int]).await?.pop();
        Ok(row.map(|row| Taker::new(row).int()))
    }
}

impl Session {
    /// Writes swaps, if the table has no trigger.
    async fn swap_unwatched(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        by_version: bool,
    ) -> Result<Swapped, StoreError> {
        let standing = match self.compares_here(swaps) {
            true => Some(self.standing(shape, swaps).await?),
            false => None,
        };
        let comparison = Comparison::of(by_version, standing.as_deref());
        let written = self.sql.driver.swap(shape, swaps, comparison).await?;
        let triggers = self.sql.driver.update_triggers(&shape.table).await?;
        Ok(if triggers.is_empty() { Swapped::Written(written) } else { Swapped::Unwatched })
    }
}

impl Guarded<'_> {
    /// Writes new cells where the old ones still stand (compare-and-set). With `by_version`, rows are compared by version
    /// where the database has one: equal versions prove equal rows, and no old value travels to the server. Where one may be
    /// plaintext none does in any case.
    ///
    /// Where the shape asks for it, what is stored then is read back and compared. Else the table must have no trigger,
    /// which is looked at behind the write: by then nobody can create one before the transaction ends. Anything but
    /// [`Swapped::Written`] can only be rolled back.
    ///
    /// # Errors
    /// When the server refuses one of the rows, or a row key names two: nothing of the transaction must then be committed.
    pub async fn swap(
        &mut self,
        shape: &Shape,
        swaps: &[&Swap],
        by_version: bool,
    ) -> Result<Swapped, StoreError> {
        if swaps.is_empty() {
            return Ok(Swapped::Written(Vec::new()));
        }
        self.spoiled = true;
        let swapped = match shape.read_back {
            true => self.session.swap_and_read_back(shape, swaps, by_version).await?,
            false => self.session.swap_unwatched(shape, swaps, by_version).await?,
        };
        if let Swapped::Written(written) = &swapped {
            let mut seen = vec![false; swaps.len()];
            for at in written {
                match seen.get_mut(*at) {
                    Some(seen) if !*seen => *seen = true,
                    _ => return Err(several_rows(shape)),
                }
            }
            self.spoiled = false;
        }
        Ok(swapped)
    }

    /// Locks the rows of swaps until the transaction ends: what refuses them then is nobody else's lock.
    ///
    /// # Errors
    /// When somebody else has them locked.
    pub async fn hold(&mut self, shape: &Shape, swaps: &[&Swap]) -> Result<(), StoreError> {
        let session = &mut *self.session;
        for swaps in swaps.chunks(keys_at_once(&shape.key)) {
            let any = session.any_of(&shape.key, swaps.iter().map(|swap| &swap.key));
            let mut statement = session.build(session.select_columns(shape).cond_where(any));
            statement.sql.push_str(session.sql.driver.lock());
            session.sql.driver.fetch(statement, &kinds(shape)).await?;
        }
        Ok(())
    }

    /// Commits. After [`Trouble::ConnectionLost`] the outcome is unknown: read the ledger.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost; when the epoch was not checked, which is a fault of the caller.
    pub async fn commit(self) -> Result<(), StoreError> {
        let fault = match (self.checked, self.spoiled) {
            (true, false) => return self.session.commit().await,
            (false, _) => "cannot commit a transaction whose epoch was not checked",
            (true, true) => "cannot commit a transaction whose stored cells differ from what was sent",
        };
        self.session.rollback().await?;
        Err(StoreError::new(Trouble::Other, fault))
    }

    /// Rolls back.
    ///
    /// # Errors
    /// When the connection is lost: the server then rolls back by itself.
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.session.rollback().await
    }

    pub(super) async fn run(&mut self, query: &impl QueryStatementWriter) -> Result<u64, StoreError> {
        self.session.run(query).await
    }
}

/// The row key was unique when the run began.
fn several_rows(shape: &Shape) -> StoreError {
    let columns: Vec<&str> = shape.key.iter().map(|column| column.name.as_str()).collect();
    let message = format!(
        "{}: more rows were changed than expected; ({}) is no longer unique",
        shape.table,
        columns.join(", ")
    );
    StoreError::new(Trouble::Ambiguous, message)
}
