//! The tables of a scope, met with their schema.

use std::sync::Arc;

use reseal_store::Session;

use super::condition::try_condition;
use super::target::Target;
use crate::error::{RunError, ScopeError};
use crate::job::Job;
use crate::job::scope::Scope;

/// Lays out the tables in scope, without judging them.
pub(crate) async fn layout(
    session: &mut Session,
    job: &Arc<Job>,
    scope: &Scope,
) -> Result<Vec<Arc<Target>>, RunError> {
    let mut targets = Vec::new();
    for at in in_scope(job, scope)? {
        let facts = session.describe(&job.tables[at].name).await?;
        let target = Target::new(job, at, &facts, scope)?;
        try_condition(session, &target).await?;
        targets.push(Arc::new(target));
    }
    Ok(targets)
}

/// The positions of the tables that a scope names.
pub(crate) fn in_scope(job: &Job, scope: &Scope) -> Result<Vec<usize>, RunError> {
    let labels = || job.tables.iter().map(|table| table.name.to_string()).collect::<Vec<_>>().join(", ");
    for name in &scope.tables {
        if !job.tables.iter().any(|table| table.name.to_string() == *name) {
            return Err(ScopeError::NoSuchTable { name: name.clone(), tables: labels() }.into());
        }
    }
    let chosen: Vec<usize> = (0..job.tables.len())
        .filter(|at| {
            let table = &job.tables[*at];
            let by_table = scope.tables.is_empty() || scope.tables.contains(&table.name.to_string());
            let by_domain = scope.domain.is_none() || scope.domain == table.domain;
            let by_tenant = scope.tenant.is_none() || table.tenant.is_some();
            by_table && by_domain && by_tenant
        })
        .collect();
    if chosen.is_empty() {
        return Err(ScopeError::Empty.into());
    }
    Ok(chosen)
}
