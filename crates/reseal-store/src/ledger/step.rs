//! Steps around a run, and the variables that fill them.

use std::collections::BTreeMap;
use std::time::Duration;

use reseal_core::Value;
use sea_query::{Expr, ExprTrait, InsertStatement, OnConflict, Order, Query, Values};

use super::guarded::Guarded;
use crate::driver::Statement;
use crate::taker::Taker;
use crate::{Dialect, Kind, Session, StoreError, Trouble};

/// Which step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepKey {
    /// When it is carried out: `before`, `canary`, `after`, `on_resume`, `on_stop`, `on_failure`.
    pub phase: String,
    /// Its place among the steps of its phase, from 1.
    pub number: i64,
    /// 0 for what is done once in a run; else the epoch of the engine that carried it out.
    pub turn: i64,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Owed, and not begun.
    Waiting,
    /// Begun.
    Running,
    /// It did what it was asked to.
    Done,
    /// It did not.
    Failed,
}

impl StepState {
    /// All states.
    pub const ALL: [StepState; 4] =
        [StepState::Waiting, StepState::Running, StepState::Done, StepState::Failed];

    /// The state's name in the ledger and in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StepState::Waiting => "waiting",
            StepState::Running => "running",
            StepState::Done => "done",
            StepState::Failed => "failed",
        }
    }

    /// The state of a name; `None` where there is none.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// A step as the ledger has it.
#[derive(Clone, Debug)]
pub struct StepRow {
    /// Which step.
    pub key: StepKey,
    /// What it is, for people.
    pub label: String,
    /// Digest of what the plan said of it.
    pub digest: String,
    /// How far it is.
    pub state: StepState,
    /// How it ended, in words.
    pub status: Option<String>,
    /// The end of what it printed, without secrets.
    pub output: Option<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug)]
pub struct StepDone<'a> {
    /// Whether it did what it was asked to.
    pub ok: bool,
    /// How it ended, in words.
    pub status: &'a str,
    /// The end of what it printed, without secrets.
    pub output: &'a str,
}

/// A part of a statement of the caller's own.
#[derive(Clone, Debug)]
pub enum SqlPart<'a> {
    /// SQL.
    Text(&'a str),
    /// A value, which becomes a bound parameter.
    Value(Value),
}

/// What is noted of a step that has not ended.
struct StepEntry<'s> {
    label: &'s str,
    digest: &'s str,
    state: StepState,
}

impl Session {
    /// Runs one statement of the caller's own outside of any transaction. Its message is shown where the statement
    /// itself raised it; no other message of the server that may hold a value is.
    ///
    /// # Errors
    /// When the server refuses, or the statement takes longer than `limit`, where the server measures that.
    pub async fn step(&mut self, parts: &[SqlPart<'_>], limit: Duration) -> Result<(), StoreError> {
        let (mut sql, mut args) = (String::new(), Vec::new());
        for part in parts {
            match part {
                SqlPart::Text(text) => sql.push_str(text),
                SqlPart::Value(value) => {
                    args.push(match value {
                        Value::Null => sea_query::Value::String(None),
                        Value::Int(n) => (*n).into(),
                        Value::Bytes(bytes) => bytes.clone().into(),
                        other => other.text().unwrap_or_default().into_owned().into(),
                    });
                    match self.dialect() {
                        Dialect::Postgres => sql.push_str(&format!("${}", args.len())),
                        Dialect::Mysql | Dialect::Sqlite => sql.push('?'),
                    }
                }
            }
        }
        self.sql.driver.step(Statement::own(sql, Values(args)), limit).await
    }

    /// The steps of a run that were begun or are owed, in the order of their phases' names; none in a ledger that is
    /// older than they are.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn steps(&mut self, run_id: &str) -> Result<Vec<StepRow>, StoreError> {
        let select = Query::select()
            .columns(["phase", "number", "turn", "label", "digest", "state", "status", "output"])
            .from(self.ledger("step"))
            .and_where(Expr::col("run_id").eq(run_id))
            .order_by("begun_at", Order::Asc)
            .order_by("number", Order::Asc)
            .to_owned();
        let kinds =
            [Kind::Text, Kind::Int, Kind::Int, Kind::Text, Kind::Text, Kind::Text, Kind::Text, Kind::Text];
        match self.query(&select, &kinds).await {
            Ok(rows) => rows.into_iter().map(read_step).collect(),
            Err(error) if error.trouble == Trouble::Missing => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn step_insert(&self, run_id: &str, key: &StepKey, entry: &StepEntry<'_>) -> InsertStatement {
        let none = || Expr::val(Option::<String>::None);
        Query::insert()
            .into_table(self.ledger("step"))
            .columns([
                "run_id", "phase", "number", "turn", "label", "digest", "state", "status", "output",
                "begun_at", "ended_at",
            ])
            .values_panic([
                run_id.into(),
                key.phase.as_str().into(),
                key.number.into(),
                key.turn.into(),
                entry.label.into(),
                entry.digest.into(),
                entry.state.name().into(),
                none(),
                none(),
                self.now(),
                Expr::val(Option::<i64>::None),
            ])
            .to_owned()
    }

    /// The variables of a run, as they were when it began.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn vars(&mut self, run_id: &str) -> Result<BTreeMap<String, String>, StoreError> {
        let select = Query::select()
            .columns(["name", "value"])
            .from(self.ledger("var"))
            .and_where(Expr::col("run_id").eq(run_id))
            .to_owned();
        match self.query(&select, &[Kind::Text, Kind::Text]).await {
            Ok(rows) => Ok(rows
                .into_iter()
                .map(|row| {
                    let mut take = Taker::new(row);
                    (take.text(), take.text())
                })
                .collect()),
            Err(error) if error.trouble == Trouble::Missing => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }
}

impl Guarded<'_> {
    /// Notes a step that is owed, unless it is noted already.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn owe_step(&mut self, key: &StepKey, label: &str, digest: &str) -> Result<(), StoreError> {
        if self.session.steps(self.lease.run_id()).await?.iter().any(|row| row.key == *key) {
            return Ok(());
        }
        let insert = self.session.step_insert(
            self.lease.run_id(),
            key,
            &StepEntry { label, digest, state: StepState::Waiting },
        );
        self.run(&insert).await.map(drop)
    }

    /// Notes that a step begins.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn begin_step(&mut self, key: &StepKey, label: &str, digest: &str) -> Result<(), StoreError> {
        let mut insert = self.session.step_insert(
            self.lease.run_id(),
            key,
            &StepEntry { label, digest, state: StepState::Running },
        );
        insert.on_conflict(
            OnConflict::columns(["run_id", "phase", "number", "turn"])
                .update_columns(["label", "digest", "state", "status", "output", "begun_at", "ended_at"])
                .to_owned(),
        );
        self.run(&insert).await.map(drop)
    }

    /// Notes how a step ended.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn end_step(&mut self, key: &StepKey, done: &StepDone<'_>) -> Result<(), StoreError> {
        let update = Query::update()
            .table(self.session.ledger("step"))
            .value("state", if done.ok { StepState::Done } else { StepState::Failed }.name())
            .value("status", done.status)
            .value("output", done.output)
            .value("ended_at", self.session.now())
            .and_where(Expr::col("run_id").eq(self.lease.run_id()))
            .and_where(Expr::col("phase").eq(key.phase.as_str()))
            .and_where(Expr::col("number").eq(key.number))
            .and_where(Expr::col("turn").eq(key.turn))
            .to_owned();
        self.run(&update).await.map(drop)
    }

    /// Notes the variables of a run, all at once.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn note_vars(&mut self, vars: &BTreeMap<String, String>) -> Result<(), StoreError> {
        if vars.is_empty() {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert.into_table(self.session.ledger("var")).columns(["run_id", "name", "value"]);
        for (name, value) in vars {
            insert.values_panic([self.lease.run_id().into(), name.as_str().into(), value.as_str().into()]);
        }
        self.run(&insert).await.map(drop)
    }

    /// Forgets the variables of a run.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn drop_vars(&mut self) -> Result<(), StoreError> {
        let delete = Query::delete()
            .from_table(self.session.ledger("var"))
            .and_where(Expr::col("run_id").eq(self.lease.run_id()))
            .to_owned();
        self.run(&delete).await.map(drop)
    }
}

fn read_step(row: Vec<Value>) -> Result<StepRow, StoreError> {
    let mut take = Taker::new(row);
    let key = StepKey { phase: take.text(), number: take.int(), turn: take.int() };
    let (label, digest, state) = (take.text(), take.text(), take.text());
    let Some(state) = StepState::parse(&state) else {
        let message = format!("step {} of `{}` has the unknown state `{state}`", key.number, key.phase);
        return Err(StoreError::new(Trouble::Other, message));
    };
    Ok(StepRow { key, label, digest, state, status: take.optional_text(), output: take.optional_text() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_one_name() {
        for state in StepState::ALL {
            assert_eq!(StepState::parse(state.name()), Some(state));
        }
        assert_eq!(StepState::parse("over"), None);
    }
}
