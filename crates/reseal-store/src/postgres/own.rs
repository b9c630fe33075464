//! Statements of the caller's own.

use std::time::Duration;

use sea_query_sqlx::SqlxValues;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Column as _, Executor, Row as _, SqlSafeStr};

use super::decode::as_written;
use super::line::Line;
use super::trouble::{failed, sort};
use crate::driver::{Names, Statement};
use crate::{LookedUp, StoreError};

pub(super) async fn step(line: &mut Line, statement: Statement, limit: Duration) -> Result<(), StoreError> {
    let looking = line.set(Names::Table);
    let bounded = format!("SET statement_timeout = {}; {looking}", limit.as_millis().max(1));
    line.run_and_look(&bounded, Names::Table).await?;
    line.lose_sight();
    let connection = line.anyhow();
    let sql = AssertSqlSafe(statement.sql.clone());
    // Without arguments in the protocol that takes every statement there is.
    let outcome = match statement.args.0.is_empty() {
        true => connection.execute(sqlx::raw_sql(sql)).await,
        false => sqlx::query_with(sql, SqlxValues(statement.args)).execute(connection).await,
    };
    outcome.map(drop).map_err(|error| StoreError::from_step(&error, sort, &statement.sql))
}

pub(super) async fn look_up(line: &mut Line, sql: &str) -> Result<LookedUp, StoreError> {
    line.looking(Names::Table).await?;
    line.lose_sight();
    let connection = line.anyhow();
    // Prepared first, which refuses a second statement behind the first; then asked in the protocol in which the server
    // writes every type as text.
    let once = AssertSqlSafe(sql.to_owned()).into_sql_str();
    (&mut *connection).prepare(once).await.map_err(|error| failed(&error))?;
    let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
    let rows = query.fetch_all(connection).await.map_err(|error| failed(&error))?;
    let columns = rows.first().map(|row| row.columns().iter().map(|c| c.name().to_owned()).collect());
    let read =
        |row: &PgRow| (0..row.len()).map(|at| as_written(row, at).map_err(|error| failed(&error))).collect();
    Ok(LookedUp {
        columns: columns.unwrap_or_default(),
        rows: rows.iter().map(read).collect::<Result<_, _>>()?,
    })
}
