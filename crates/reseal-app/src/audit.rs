//! `audit`: proving the trail, handing it on, and reporting on it.

mod document;
mod export;
mod keygen;
mod report;
mod trail_reader;
mod verify;

pub use export::{Exported, export};
pub use keygen::{GeneratedAuditKey, keygen};
pub use report::{AuditReport, ReportRequest, report};
pub(crate) use trail_reader::trail_fault;
pub use verify::{VerifyRequest, verify};
