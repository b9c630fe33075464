//! What a database can do, and what that costs: the engine asks for this, never for a database's name.

/// What a database can do. It has no default: a new database must answer each question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capabilities {
    /// Whether several connections can write at the same time. Where they cannot, a second worker would only wait.
    pub concurrent_writers: bool,
    /// Whether a swap sends old values to a server that may log them, since rows have no versions. Where an old value may be
    /// plaintext, rows are locked and compared by us instead.
    pub sends_old_values: bool,
    /// Whether a guard can be a constraint, added without reading the table under a lock; else it is a trigger.
    pub guards_by_constraint: bool,
    /// Whether statements that change a table take part in a transaction.
    pub alters_in_transactions: bool,
    /// Whether the ledger can be written while another connection reads a snapshot.
    pub writes_beside_snapshots: bool,
    /// Whether a column may hold text or bytes whatever its declared type.
    pub types_by_value: bool,
    /// Seconds that writing a row takes beside reading and crypto, by rule of thumb: measured with two small cells a row,
    /// one worker, data in memory. Disks, indexes and other writers make it more.
    pub seconds_per_row: f64,
}
