//! What PostgreSQL can do.

use crate::Capabilities;

/// What the database can do.
pub(crate) const CAPABILITIES: Capabilities = Capabilities {
    concurrent_writers: true,
    sends_old_values: false,
    guards_by_constraint: true,
    alters_in_transactions: true,
    writes_beside_snapshots: true,
    types_by_value: false,
    seconds_per_row: 15e-6,
};
