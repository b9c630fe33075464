//! Why the rows of a table cannot be read at all.

use reseal_store::{Session, StoreError};

use crate::cell::target::Target;
use crate::finding::Finding;

/// Columns that the user may not read.
pub(super) async fn check(session: &mut Session, target: &Target) -> Result<Option<Finding>, StoreError> {
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
