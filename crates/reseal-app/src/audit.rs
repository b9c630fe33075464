//! `audit`: proving the trail, handing it on, reporting on it, and certifying what it says of a rotation.

mod archive;
mod certificate;
mod document;
mod export;
mod kept;
mod keygen;
mod report;
mod trail_reader;
mod verify;

pub use archive::{ArchiveRequest, Archived, archive};
pub use certificate::{Certificate, CertificateRequest, certificate};
pub use export::{Exported, export};
pub use keygen::{GeneratedAuditKey, keygen};
pub use report::{AuditReport, ReportRequest, report};
pub(crate) use trail_reader::trail_fault;
pub(crate) use verify::verdict_of_file;
pub use verify::{VerifyRequest, verify};
