//! Cells that were never sealed.
