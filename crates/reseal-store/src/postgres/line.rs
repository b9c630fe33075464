//! A connection, and where it looks for names.
//!
//! Whoever may create things in a schema of the search path can put a function or an operator there that fits better than
//! the database's own, and is called with the privileges of whoever names it. So the path is pinned before anything else
//! is asked, and only what is not Reseal's own looks where the connection looked when it began: what a plan says, and the
//! triggers and constraints of a table that is written.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Executor, Row as _};

use super::pooler;
use super::trouble::{failed, unreachable};
use super::url::place;
use crate::driver::Names;
use crate::reach::{Reach, in_time};
use crate::{StoreError, Trouble, nodelay};

/// Where Reseal's own statements look for names.
const OWN: &str = "pg_catalog, pg_temp";

/// What a statement holds that sets where to look.
pub(super) const SETTING: &str = "set_config(";

/// What the connection began with. The last is which schemas that means, those that are not named among them.
const BEFORE: &str = "SELECT pg_catalog.current_setting('search_path'), \
    pg_catalog.current_setting('default_transaction_read_only'), \
    pg_catalog.array_to_string(pg_catalog.current_schemas(true), ',')";

/// Who owns the schema of Reseal's tables, or something in it, that is neither a superuser, nor the connection's user, nor
/// a role that he is a member of: what is called a table there may be a view that calls whatever its owner likes.
const LEDGER: &str = "WITH RECURSIVE mine AS (SELECT oid FROM pg_roles WHERE rolname = current_user \
        UNION SELECT m.roleid FROM pg_auth_members m JOIN mine ON mine.oid = m.member), \
    owners AS (SELECT nspowner AS oid FROM pg_namespace WHERE nspname = 'reseal' \
        UNION SELECT c.relowner FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
            WHERE n.nspname = 'reseal') \
    SELECT o.rolname::text FROM owners JOIN pg_roles o USING (oid) \
    WHERE NOT o.rolsuper AND o.oid NOT IN (SELECT oid FROM mine) ORDER BY 1 LIMIT 1";

/// What every connection is set to. `row_security = off` makes the server err where a policy would hide rows; the
/// timeouts are the server's, since a statement in flight is never cancelled from here; generic plans keep the swap
/// from being planned again, or wrongly, for every batch.
const SETTINGS: &str = "SET search_path = pg_catalog, pg_temp; \
    SET application_name = 'reseal'; SET row_security = off; \
    SET default_transaction_isolation = 'read committed'; SET lock_timeout = '5s'; \
    SET statement_timeout = '120s'; SET idle_in_transaction_session_timeout = '120s'; \
    SET plan_cache_mode = force_generic_plan; SET jit = off; SET client_min_messages = warning";

/// How a connection is made.
#[derive(Clone)]
pub(super) struct Options {
    pub(super) to: PgConnectOptions,
    pub(super) reach: Reach,
}

pub(super) struct Line {
    connection: PgConnection,
    /// The search path that the connection began with.
    began: String,
    /// The same with `pg_catalog` before all others, unless it is there already.
    catalogue_first: String,
    /// Whether transactions were not to write before anybody said so.
    pub(super) began_read_only: bool,
    /// Where it looks now; `None` where that is not known.
    looks: Option<Names>,
}

impl Line {
    pub(super) async fn connect(options: &Options) -> Result<Line, StoreError> {
        let connected = in_time(PgConnection::connect_with(&options.to)).await;
        let mut connection = connected.map_err(|error| unreachable(&error, &place(&options.to)))?;
        nodelay::set();
        options.reach.is_fit.get_or_try_init(|| pooler::refuse(&mut connection, &options.to)).await?;
        let read_only = if options.reach.read_only { "; SET default_transaction_read_only = on" } else { "" };
        let begin = AssertSqlSafe(format!("{BEFORE}; {SETTINGS}{read_only}; {LEDGER}"));
        let begun = in_time(connection.fetch_all(sqlx::raw_sql(begin))).await;
        let rows = begun.map_err(|error| failed(&error))?;
        let read = |row: usize, at: usize| rows[row].try_get::<String, _>(at).map_err(|error| failed(&error));
        let (began, schemas) = (read(0, 0)?, read(0, 2)?);
        if rows.len() > 1 {
            return Err(foreign_ledger(&read(1, 0)?));
        }
        let first = schemas.split(',').find(|schema| !schema.starts_with("pg_temp"));
        let catalogue_first = match first {
            Some("pg_catalog") => began.clone(),
            _ => format!("pg_catalog, {began}"),
        };
        let began_read_only = read(0, 1)? == "on";
        Ok(Line { connection, began, catalogue_first, began_read_only, looks: Some(Names::Own) })
    }

    /// The connection, wherever it looks: for statements that name nothing.
    pub(super) fn anyhow(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Where it looks now, for statements that mean the same anywhere.
    pub(super) fn now(&self) -> Names {
        self.looks.unwrap_or(Names::Own)
    }

    /// The connection, set to look for names where these belong.
    pub(super) async fn looking(&mut self, names: Names) -> Result<&mut PgConnection, StoreError> {
        if self.looks.is_none_or(|now| self.path(now) != self.path(names)) {
            let set = self.set(names);
            self.run_and_look(&set, names).await?;
        }
        self.looks = Some(names);
        Ok(&mut self.connection)
    }

    /// Runs statements, the last of which sets where to look.
    pub(super) async fn run_and_look(&mut self, statements: &str, names: Names) -> Result<(), StoreError> {
        // Where one of them is refused, or a transaction rolled back, nobody knows which path is left.
        self.looks = None;
        let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
        self.connection.execute(statements).await.map_err(|error| failed(&error))?;
        self.looks = Some(names);
        Ok(())
    }

    /// Notes that a statement which was not Reseal's own may have set the path.
    pub(super) fn lose_sight(&mut self) {
        self.looks = None;
    }

    /// The statement that has the connection look where these names belong.
    pub(super) fn set(&self, names: Names) -> String {
        // No function of another schema can be called like this, wherever the connection looks.
        format!("SELECT pg_catalog.set_config('search_path', {}, false)", literal(self.path(names)))
    }

    fn path(&self, names: Names) -> &str {
        match names {
            Names::Own => OWN,
            Names::Plan => &self.catalogue_first,
            Names::Table => &self.began,
        }
    }
}

fn foreign_ledger(owner: &str) -> StoreError {
    let message = format!("schema `reseal` or an object in it belongs to role `{owner}`");
    StoreError::new(Trouble::ForeignLedger, message)
}

/// A text as an SQL literal, whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
