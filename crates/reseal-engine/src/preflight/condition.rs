//! Why the rows of a table cannot be read at all: a privilege, or the plan's own condition.

use reseal_store::{Session, StoreError, Trouble};

use super::Finding;
use crate::error::EngineError;
use crate::target::Target;

/// Columns that the user may not read.
pub(super) async fn privileges(
    session: &mut Session,
    target: &Target,
) -> Result<Option<Finding>, StoreError> {
    let columns = session.unreadable(&target.shape).await?.join(", ");
    let label = target.label();
    Ok((!columns.is_empty()).then(|| {
        Finding::refusal(
            "privilege-missing",
            format!("{label}: the user of the database URL may not read {columns}"),
            format!("GRANT SELECT ({columns}) ON {label}, or SELECT on all of it"),
        )
    }))
}

/// An error of a statement that the plan's `where:` is part of. Columns and types were looked at before, so what is wrong
/// with such a statement is the condition.
pub(crate) fn of_condition(target: &Target, error: StoreError) -> EngineError {
    let by_condition = matches!(error.trouble, Trouble::Other | Trouble::Missing | Trouble::Constraint);
    if target.shape.filter.is_none() || !by_condition {
        return error.into();
    }
    let label = target.label();
    // A server may go on with the text of the statement.
    let why = error.message.split("; check the manual").next().unwrap_or_default();
    EngineError::refused(
        "where",
        format!("{label}: the database refuses the plan's `where:`: {why}"),
        format!("try it in SELECT count(*) FROM {label} WHERE …; it must hold for every row of the table"),
    )
}
