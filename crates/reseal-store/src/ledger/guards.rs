//! Guards of a run's tables, changed under its lease.

use reseal_core::digest::Parts;

use super::guarded::Guarded;
use super::run_lease::RunLease;
use crate::guard::{Forbidden, Guard, GuardKind};
use crate::{Session, Shape, StoreError, TableName};

/// How an attempt to guard a table ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarding {
    /// The guard stands, and all rows that are there were checked against it.
    Checked,
    /// The guard stands for what is written from now on.
    Unchecked,
    /// Another engine holds the run: nothing was changed.
    Superseded,
}

impl Session {
    /// Makes the database refuse rows with forbidden values from now on, in place of what it refused before. Where it has
    /// not also checked all rows that are there, the caller must look once more.
    ///
    /// # Errors
    /// [`Trouble::Constraint`](crate::Trouble::Constraint) where a row holds a forbidden value; when the server refuses.
    pub async fn guard(
        &mut self,
        lease: &RunLease,
        shape: &Shape,
        forbidden: &[Forbidden],
        kind: GuardKind,
    ) -> Result<Guarding, StoreError> {
        let (table, filter) = (&shape.table, shape.filter.as_deref());
        let guard = Guard { table, filter, forbidden, kind, tag: tag(lease) };
        let before = self.guards(table).await?;
        let mut statements = match before.is_empty() {
            true => Vec::new(),
            false => self.sql.driver.unguard(table, &before),
        };
        statements.extend(self.sql.driver.guard(&guard));
        if !self.change_guard(lease, table, &statements).await? {
            return Ok(Guarding::Superseded);
        }
        let prove = self.sql.driver.prove_guard(table);
        if kind != GuardKind::Constraint || prove.is_empty() {
            return Ok(Guarding::Unchecked);
        }
        // It reads the whole table, and needs no lease: it changes nothing but what is known of a constraint that stands.
        self.sql.script(&prove).await?;
        Ok(Guarding::Checked)
    }

    /// Has a constraint that stands checked against all rows that are there.
    ///
    /// # Errors
    /// [`Trouble::Constraint`](crate::Trouble::Constraint) where a row holds a forbidden value; when the server refuses.
    pub async fn prove_guard(&mut self, table: &TableName) -> Result<(), StoreError> {
        let statements = self.sql.driver.prove_guard(table);
        self.sql.script(&statements).await
    }

    /// Whether a table is guarded.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn is_guarded(&mut self, table: &TableName) -> Result<bool, StoreError> {
        Ok(!self.guards(table).await?.is_empty())
    }

    async fn guards(&mut self, table: &TableName) -> Result<Vec<String>, StoreError> {
        let facts = self.sql.driver.describe(table).await?;
        Ok(facts.map(|facts| facts.guards).unwrap_or_default())
    }

    /// Takes a guard away, where there is one. False: another engine holds the run, and nothing was changed.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn unguard(&mut self, lease: &RunLease, table: &TableName) -> Result<bool, StoreError> {
        let guards = self.guards(table).await?;
        if guards.is_empty() {
            return Ok(true);
        }
        let statements = self.sql.driver.unguard(table, &guards);
        self.change_guard(lease, table, &statements).await
    }

    /// Changes guards under the lease: in one transaction, or where statements that change a table commit by themselves
    /// with the lease checked before and after. What an engine has put up that was superseded, it takes down.
    async fn change_guard(
        &mut self,
        lease: &RunLease,
        table: &TableName,
        statements: &[String],
    ) -> Result<bool, StoreError> {
        if self.capabilities().alters_in_transactions {
            let Some(mut guarded) = self.guarded(lease).await? else { return Ok(false) };
            return match guarded.change_definition(table, statements).await {
                Ok(()) => guarded.commit().await.map(|()| true),
                Err(error) => {
                    guarded.rollback().await?;
                    Err(error)
                }
            };
        }
        if !self.holds(lease).await? {
            return Ok(false);
        }
        let before = self.known(table).await?;
        let changed = self.sql.script(statements).await;
        let ours = self.holds(lease).await?;
        if changed.is_err() || !ours {
            let mine: Vec<String> = self.guards(table).await?;
            let mine: Vec<String> = mine.into_iter().filter(|name| name.contains(&tag(lease))).collect();
            let down = self.sql.driver.unguard(table, &mine);
            self.sql.script(&down).await?;
        }
        self.follow(before).await?;
        changed.map(|()| ours)
    }

    /// Whether the lease holds at this moment.
    async fn holds(&mut self, lease: &RunLease) -> Result<bool, StoreError> {
        let epoch = self.run_by_id(lease.run_id()).await?.map(|run| run.epoch);
        Ok(epoch == Some(lease.epoch()))
    }
}

impl Guarded<'_> {
    /// Changes the definition of a table.
    async fn change_definition(
        &mut self,
        table: &TableName,
        statements: &[String],
    ) -> Result<(), StoreError> {
        let before = self.session.known(table).await?;
        self.session.sql.script(statements).await?;
        self.session.follow(before).await
    }
}

/// Tells the guards of one lease from those of another.
fn tag(lease: &RunLease) -> String {
    let digest = Parts::of([lease.run_id(), &lease.epoch().to_string()]);
    hex::encode(&digest[..4])
}
