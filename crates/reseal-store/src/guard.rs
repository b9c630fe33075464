//! Guards: the database itself refuses cells under keys that are out of use.

use reseal_core::digest::Parts;

use crate::{Column, RunLease, Session, Shape, StoreError, TableName};

/// How a database is to refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardKind {
    /// By a CHECK constraint where it can be added without reading the table under a lock (PostgreSQL), else by triggers.
    Constraint,
    /// By triggers.
    Trigger,
}

/// What a column must not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The column.
    pub column: Column,
    /// What its values must not begin with, or must not be.
    pub text: Vec<u8>,
    /// Whether the whole value is meant, not its beginning.
    pub whole: bool,
    /// Where the value names the key of a cell in another column: that column. Without a cell, what is named is of no
    /// concern.
    pub of: Option<Column>,
}

/// What the server says when it refuses.
pub(crate) const REFUSAL: &str = "reseal: this names a key that is out of use";

/// A guard of one table, as a dialect writes it.
pub(crate) struct Guard<'g> {
    pub(crate) table: &'g TableName,
    /// The plan's condition.
    pub(crate) filter: Option<&'g str>,
    pub(crate) forbidden: &'g [Forbidden],
    pub(crate) kind: GuardKind,
    /// Tells it from a guard of another engine, where names must.
    pub(crate) tag: String,
}

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
        self.script(&prove).await?;
        Ok(Guarding::Checked)
    }

    /// Has a constraint that stands checked against all rows that are there.
    ///
    /// # Errors
    /// [`Trouble::Constraint`](crate::Trouble::Constraint) where a row holds a forbidden value; when the server refuses.
    pub async fn prove_guard(&mut self, table: &TableName) -> Result<(), StoreError> {
        let statements = self.sql.driver.prove_guard(table);
        self.script(&statements).await
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
    /// with the lease checked before and after. What an engine has put up that was superseded meanwhile, it takes down.
    async fn change_guard(
        &mut self,
        lease: &RunLease,
        table: &TableName,
        statements: &[String],
    ) -> Result<bool, StoreError> {
        if self.sql.driver.alters_in_transactions() {
            let Some(guarded) = self.guarded(lease).await? else { return Ok(false) };
            return match guarded.session.script(statements).await {
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
        let changed = self.script(statements).await;
        let ours = self.holds(lease).await?;
        if changed.is_err() || !ours {
            let mine: Vec<String> = self.guards(table).await?;
            let mine: Vec<String> = mine.into_iter().filter(|name| name.contains(&tag(lease))).collect();
            let down = self.sql.driver.unguard(table, &mine);
            self.script(&down).await?;
        }
        changed.map(|()| ours)
    }

    /// Whether the lease holds at this moment.
    async fn holds(&mut self, lease: &RunLease) -> Result<bool, StoreError> {
        let epoch = self.run_by_id(lease.run_id()).await?.map(|run| run.epoch);
        Ok(epoch == Some(lease.epoch()))
    }
}

/// Tells the guards of one lease from those of another.
fn tag(lease: &RunLease) -> String {
    let digest = Parts::of([lease.run_id(), &lease.epoch().to_string()]);
    hex::encode(&digest[..4])
}

/// Names that are unique in a schema, for the guards of a table: its own name may be too long to be part of one.
pub(crate) fn name(table: &TableName) -> String {
    let digest = Parts::of([table.schema.as_deref().unwrap_or_default(), &table.name]);
    format!("{PREFIX}_{}", hex::encode(&digest[..6]))
}

/// What the names of all guards begin with.
pub(crate) const PREFIX: &str = "reseal_guard";

/// Joins what is forbidden into one condition. `name` names a column of the row that is looked at.
pub(crate) fn any(
    filter: Option<&str>,
    forbidden: &[Forbidden],
    name: impl Fn(&Column) -> String,
    condition: impl Fn(&Forbidden) -> String,
) -> String {
    let one = |forbidden| {
        let condition = condition(forbidden);
        match &forbidden.of {
            Some(cell) => format!("({condition} AND {} IS NOT NULL)", name(cell)),
            None => condition,
        }
    };
    let any = forbidden.iter().map(one).collect::<Vec<_>>().join(" OR ");
    filter.map_or_else(|| format!("({any})"), |filter| format!("(({filter}) AND ({any}))"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Guards that are up bear such names, and are found and taken down by them.
    #[test]
    fn names_of_guards_are_what_they_always_were() {
        let check = |schema: Option<&str>, expect: &str| {
            let table = TableName { schema: schema.map(str::to_owned), name: "patients".into() };
            assert_eq!(name(&table), expect);
        };
        check(Some("clinic"), "reseal_guard_0458a194150e");
        check(None, "reseal_guard_6b868c2f9183");
    }
}
