//! Errors of statements that the plan's `where:` is part of.

use reseal_store::{StoreError, Trouble};

use super::target::Target;
use crate::error::{RunError, TableError};

/// An error of a statement that the plan's `where:` is part of. Columns and types were looked at before, so what is wrong
/// with such a statement is the condition.
pub(crate) fn of_condition(target: &Target, error: StoreError) -> RunError {
    let by_condition = matches!(error.trouble, Trouble::Other | Trouble::Missing | Trouble::Constraint);
    if target.shape.filter.is_none() || !by_condition {
        return error.into();
    }
    let table = target.label().to_owned();
    // A server may go on with the text of the statement.
    let why = error.message.split("; check the manual").next().unwrap_or_default();
    TableError::Condition { table, why: why.to_owned() }.into()
}
