//! Why a run cannot be certified.

use reseal_core::RunState;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// Why a run cannot be certified.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum CertificateError {
    /// No signing key was passed.
    #[error("no key to sign the certificate")]
    NoKey,
    /// The run is not complete.
    #[error("run {run} is {state}; only a complete run can be certified")]
    NotComplete {
        /// The run.
        run: String,
        /// Its state.
        state: RunState,
    },
    /// The run was rolled back, or its rollback has started.
    #[error("run {run} was rolled back, so its cells are no longer under the new key")]
    RolledBack {
        /// The run.
        run: String,
    },
    /// The run is the rollback of another run.
    #[error("run {run} is the rollback of run {of}, not a rotation")]
    IsRollback {
        /// The run.
        run: String,
        /// The run that it rolls back.
        of: String,
    },
    /// The audit trail is broken.
    #[error("the audit trail is broken: {message}")]
    BrokenTrail {
        /// What is wrong with it.
        message: String,
    },
    /// The trail does not record the end of the run.
    #[error("the audit trail does not record that run {run} is complete")]
    NotInTrail {
        /// The run.
        run: String,
    },
    /// Trail and ledger differ.
    #[error("the ledger and the audit trail differ in {what} of run {run}")]
    Disagree {
        /// The run.
        run: String,
        /// What differs.
        what: &'static str,
    },
    /// The trail cannot record the certificate, and a certificate that it does not have is not issued.
    #[error("the certificate cannot be recorded in the audit trail: {message}")]
    Unrecorded {
        /// Why.
        message: String,
        /// Whether it may be recorded soon.
        is_busy: bool,
    },
    /// An earlier version carried out the run, or its end was recorded later.
    #[error("the audit trail does not record {what} of run {run}")]
    NotRecorded {
        /// The run.
        run: String,
        /// What is missing.
        what: &'static str,
    },
}

impl Advise for CertificateError {
    fn advice(&self) -> Advice {
        match self {
            CertificateError::NoKey => Advice::usage(
                "certificate-key",
                "pass `--key FILE`; create a key with `reseal audit keygen --file FILE`",
            ),
            CertificateError::NotComplete { .. } => Advice::refused(
                "run-not-complete",
                "finish it with `reseal resume PLAN`, or pass another `--run`",
            ),
            CertificateError::RolledBack { .. } => {
                Advice::refused("run-rolled-back", "pass `--run` with a run that was not rolled back")
            }
            CertificateError::IsRollback { .. } => Advice::refused(
                "run-is-rollback",
                "pass `--run` with a rotation; list them with `reseal runs PLAN`",
            ),
            CertificateError::BrokenTrail { .. } => {
                Advice::refused("trail-broken", "run `reseal audit verify` to find the first bad event")
            }
            CertificateError::NotInTrail { .. } => Advice::refused(
                "run-not-in-trail",
                "check RESEAL_DATABASE_URL; if the end of the run was not recorded, the plan's next run records it",
            ),
            CertificateError::Disagree { .. } => Advice::refused(
                "ledger-differs",
                "one of them was modified: compare `reseal runs PLAN` with `reseal audit export`",
            ),
            CertificateError::Unrecorded { is_busy: true, .. } => Advice::stopped(
                "audit-trail",
                "another process has locked the control database (RESEAL_DATABASE_URL): try again when it is done",
            ),
            CertificateError::Unrecorded { .. } => Advice::refused(
                "audit-trail",
                "see that the control database (RESEAL_DATABASE_URL) takes writes, then try again",
            ),
            CertificateError::NotRecorded { .. } => Advice::refused(
                "sweep-not-recorded",
                "run the plan again; a run with nothing to rotate also ends with a sweep and can be certified",
            ),
        }
    }
}
