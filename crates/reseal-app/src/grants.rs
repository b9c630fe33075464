//! `grants`: the statements for a role that may do what a plan does, and no more.

use std::path::PathBuf;

use reseal_plan::{FieldSpec, Guard, Plan, TableSpec};
use reseal_store::{Database, Needs, TableName, TableNeeds};

use crate::{Failure, control, open};

/// Whose statements are asked for.
#[derive(Clone, Debug)]
pub struct GrantsRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The role; none for the user of each database's URL.
    pub role: Option<String>,
}

/// The statements, a line each, with comments where no statement can say it.
#[derive(Clone, Debug)]
pub struct Grants {
    /// For the database that is rotated, with its ledger.
    pub database: Vec<String>,
    /// For the control database.
    pub control: Vec<String>,
}

/// Makes the statements. No database is asked, and no key is read.
///
/// # Errors
/// When the plan, or a URL, cannot be read.
pub async fn grants(request: &GrantsRequest) -> Result<Grants, Failure> {
    let plan = open::plan(&request.plan)?;
    let url = reseal_registry::database(&plan).await?;
    let role = request.role.as_deref();
    let mut database = Database::parse(&url)?.ledger_grants(&needs(&plan), role)?;
    database.extend(
        of_own_sql(&plan)
            .map(|what| format!("-- {what} runs its own SQL: also grant the privileges that it needs.")),
    );
    Ok(Grants { database, control: control::database()?.grants(role)? })
}

fn needs(plan: &Plan) -> Needs {
    let replicas = plan.pace.throttle.max_lag.is_some();
    let guarded = plan.guard != Guard::None;
    let table = |table: &TableSpec| TableNeeds {
        table: TableName { schema: table.schema.clone(), name: table.name.clone() },
        written: written(table),
        guarded,
    };
    Needs { tables: plan.tables.iter().map(table).collect(), replicas, ..Needs::default() }
}

/// The columns that a run writes, each once, in the order of the plan.
fn written(table: &TableSpec) -> Vec<String> {
    let of_field = |field: &FieldSpec| {
        let places = field.columns.iter().chain(&field.mirrors).map(|(_, column)| column.clone());
        places.chain(field.last_error.clone()).collect::<Vec<_>>()
    };
    let mut columns: Vec<String> = Vec::new();
    for column in table.fields.iter().flat_map(of_field).chain(table.key_column.clone()) {
        if !columns.contains(&column) {
            columns.push(column);
        }
    }
    columns
}

/// What in a plan is SQL that nobody can foresee.
fn of_own_sql(plan: &Plan) -> impl Iterator<Item = &'static str> {
    let queries = plan.keysets.iter().any(|keyset| keyset.reads_the_database());
    let steps = plan.hooks.has_sql();
    [(queries, "A query under `keysets:`"), (steps, "A step under `hooks:`")]
        .into_iter()
        .filter_map(|(there, what)| there.then_some(what))
}
