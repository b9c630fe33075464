//! The five documented systems: each one's whole runbook, carried out by Reseal with the plan that is shipped for it.
//!
//! Rows are made, and read back, the way the system makes and reads them (`tests/producers/SYSTEM.py`). The plan is never
//! edited, not even between two rotations. Programs that hooks and sources of the plans name stand in `tests/systems/`.

mod besahubs;
mod connections;
mod csuite_pivot;
mod intelliwiz;
mod mails;
mod pazpaz;
mod system;
