//! Why the rows of a table cannot be read at all.

use std::sync::Arc;

use reseal_store::{Session, StoreError, TableFacts, TableName};

use crate::cell::target::Target;
use crate::finding::Finding;
use crate::job::TableJob;

/// Columns that the user may not read.
pub(super) async fn check(session: &mut Session, target: &Target) -> Result<Option<Finding>, StoreError> {
    let columns = session.unreadable(&target.shape).await?.join(", ");
    let label = target.label();
    Ok((!columns.is_empty()).then(|| {
        Finding::refusal(
            "privilege-missing",
            format!("{label}: the user of the database URL is not allowed to read {columns}"),
            format!("GRANT SELECT ({columns}) ON {label}, or SELECT on the whole table"),
        )
    }))
}

/// Columns that a run writes and the user may not.
pub(super) fn of_columns(table: &TableJob, facts: &TableFacts) -> Vec<Finding> {
    let of_fields = table.fields.iter().flat_map(|field| {
        let places = field.columns.iter().chain(&field.mirrors).map(|(_, name)| name);
        places.chain(&field.last_error)
    });
    let mut columns: Vec<&String> = of_fields.chain(&table.key_column).collect();
    columns.sort();
    columns.dedup();
    let known = columns.into_iter().filter_map(|name| facts.column(name).map(|column| (name, column)));
    let unwritable = known.filter(|(_, column)| !column.writable);
    let finding = |(name, _): (&String, _)| {
        let message =
            format!("the user of the database URL is not allowed to read and write `{}.{name}`", table.name);
        Finding::refusal("privilege-missing", message, "GRANT SELECT, UPDATE on it; see `reseal grants PLAN`")
    };
    unwritable.map(finding).collect()
}

/// What the user may not do that a run does, beside reading and writing the columns of the plan.
pub(super) async fn of_runs(
    session: &mut Session,
    targets: &[Arc<Target>],
) -> Result<Option<Finding>, StoreError> {
    let tables: Vec<TableName> = targets.iter().map(|target| target.shape.table.clone()).collect();
    let lacking = session.lacking(&tables).await?;
    Ok((!lacking.is_empty()).then(|| {
        Finding::refusal(
            "privilege-missing",
            format!("the user of the database URL lacks {}", lacking.join(", ")),
            "see `reseal grants PLAN`",
        )
    }))
}
