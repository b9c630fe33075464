//! Guards: the database itself refuses cells under keys that are out of use.

use sha2::{Digest, Sha256};

use crate::{Column, Session, Shape, StoreError, TableName};

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

impl Session {
    /// Makes the database refuse rows with forbidden values from now on, in place of what it refused before. True where
    /// it has also checked all rows that are there; else the caller must look once more.
    ///
    /// # Errors
    /// [`Trouble::Constraint`](crate::Trouble::Constraint) where a row holds a forbidden value; when the server refuses.
    pub async fn guard(
        &mut self,
        shape: &Shape,
        forbidden: &[Forbidden],
        kind: GuardKind,
    ) -> Result<bool, StoreError> {
        self.unguard(&shape.table).await?;
        let statements = self.sql.driver.guard(&shape.table, shape.filter.as_deref(), forbidden, kind);
        self.sql.driver.script(&statements).await?;
        Ok(kind == GuardKind::Constraint && !self.sql.driver.prove_guard(&shape.table).is_empty())
    }

    /// Has a constraint that stands checked against all rows that are there.
    ///
    /// # Errors
    /// [`Trouble::Constraint`](crate::Trouble::Constraint) where a row holds a forbidden value; when the server refuses.
    pub async fn prove_guard(&mut self, table: &TableName) -> Result<(), StoreError> {
        let statements = self.sql.driver.prove_guard(table);
        self.sql.driver.script(&statements).await
    }

    /// Whether a table is guarded.
    ///
    /// # Errors
    /// When the connection is lost.
    pub async fn is_guarded(&mut self, table: &TableName) -> Result<bool, StoreError> {
        let facts = self.sql.driver.describe(table).await?;
        Ok(facts.is_some_and(|facts| facts.guarded))
    }

    /// Takes a guard away, where there is one.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn unguard(&mut self, table: &TableName) -> Result<(), StoreError> {
        if self.is_guarded(table).await? {
            let statements = self.sql.driver.unguard(table);
            self.sql.driver.script(&statements).await?;
        }
        Ok(())
    }
}

/// Names that are unique in a schema, for the guards of a table: its own name may be too long to be part of one.
pub(crate) fn name(table: &TableName) -> String {
    let mut hash = Sha256::new();
    for part in [table.schema.as_deref().unwrap_or_default(), &table.name] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    format!("{PREFIX}_{}", hex::encode(&hash.finalize()[..6]))
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
