//! The main flow over core and store: rotate, census, preflight, sweep, rollback.
