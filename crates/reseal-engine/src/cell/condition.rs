//! Errors of statements that the plan's `where:` is part of.

use reseal_store::{Session, StoreError, Trouble};

use super::target::Target;
use crate::error::{RunError, TableError};

/// Has the server look at the plan's `where:` before any statement holds it.
pub(crate) async fn try_condition(session: &mut Session, target: &Target) -> Result<(), RunError> {
    let Some(condition) = &target.shape.filter else { return Ok(()) };
    let tried = session.try_condition(&target.shape.table, condition).await;
    tried.map_err(|error| of_condition(target, error))
}

/// An error of a statement that the plan's `where:` is part of. Columns and types were looked at before, so what is wrong
/// with such a statement is the condition.
pub(crate) fn of_condition(target: &Target, error: StoreError) -> RunError {
    let by_condition = matches!(error.trouble, Trouble::Other | Trouble::Missing | Trouble::Constraint);
    if target.shape.filter.is_none() || !by_condition {
        return error.into();
    }
    TableError::Condition { table: target.label().to_owned(), why: error.message }.into()
}
