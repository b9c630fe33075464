//! Reseal's tables beside the data.

mod claim;
mod hold;
mod pins;
mod quarantine;
mod run;
mod shard;
mod step;
mod undo;

use reseal_core::Value;
use sea_query::{Expr, TableRef};

pub use claim::Claimed;
pub use pins::Pin;
pub use quarantine::Quarantined;
pub use run::{Holder, NewRun, Request, RunRow};
pub use shard::{Counts, ShardAdvance, ShardRow};
pub use step::{SqlPart, StepDone, StepKey, StepRow};
pub use undo::UndoBatch;

use crate::session::table_ref;
use crate::{Dialect, Session, TableName};

impl Session {
    /// A table of the ledger: in the schema `reseal` on PostgreSQL, with the prefix `reseal_` elsewhere.
    pub(crate) fn ledger(&self, name: &str) -> TableRef {
        table_ref(&ledger_table(self.dialect, name))
    }

    pub(crate) fn now(&self) -> Expr {
        Expr::cust(self.driver.now_ms())
    }
}

pub(crate) fn ledger_table(dialect: Dialect, name: &str) -> TableName {
    match dialect {
        Dialect::Postgres => TableName { schema: Some("reseal".into()), name: name.into() },
        Dialect::Mysql | Dialect::Sqlite => TableName { schema: None, name: format!("reseal_{name}") },
    }
}

/// Takes the values of a ledger row one by one, in the order in which the query names them.
pub(crate) struct Taker(std::vec::IntoIter<Value>);

impl Taker {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Taker(values.into_iter())
    }

    pub(crate) fn text(&mut self) -> String {
        self.optional_text().unwrap_or_default()
    }

    pub(crate) fn optional_text(&mut self) -> Option<String> {
        match self.0.next() {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn int(&mut self) -> i64 {
        self.optional_int().unwrap_or_default()
    }

    pub(crate) fn optional_int(&mut self) -> Option<i64> {
        match self.0.next() {
            Some(Value::Int(n)) => Some(n),
            _ => None,
        }
    }

    pub(crate) fn count(&mut self) -> u64 {
        u64::try_from(self.int()).unwrap_or_default()
    }

    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => bytes,
            _ => Vec::new(),
        }
    }
}

/// A count as the ledger stores it.
pub(crate) fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
