//! Databases: pages, swaps, snapshots and the ledger.
