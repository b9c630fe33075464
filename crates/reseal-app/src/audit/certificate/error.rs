//! Why a run is not certified.

use reseal_core::RunState;
use reseal_engine::{Advice, Advise};
use thiserror::Error;

/// Why a run is not certified.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum CertificateError {
    /// Nobody said which key signs.
    #[error("no key to sign the certificate with")]
    NoKey,
    /// The run did not end, or not with every cell under the new key.
    #[error("run {run} is {state}, not complete: there is nothing to certify")]
    NotComplete {
        /// The run.
        run: String,
        /// Where it stands.
        state: RunState,
    },
    /// Its cells went back to the old key, or are about to.
    #[error("run {run} was rolled back: its cells are not under the new key any more")]
    RolledBack {
        /// The run.
        run: String,
    },
    /// It is the way back of another run.
    #[error("run {run} is the rollback of run {of}, not a rotation")]
    IsRollback {
        /// The run.
        run: String,
        /// The run that it rolls back.
        of: String,
    },
    /// An event is not as it was recorded.
    #[error("the audit trail does not hold: {message}")]
    BrokenTrail {
        /// What is wrong with it.
        message: String,
    },
    /// The trail has no end of the run.
    #[error("the audit trail does not know that run {run} is complete")]
    NotInTrail {
        /// The run.
        run: String,
    },
    /// Trail and ledger tell different stories.
    #[error("the ledger and the audit trail disagree on {what} of run {run}")]
    Disagree {
        /// The run.
        run: String,
        /// On what.
        what: &'static str,
    },
    /// The trail takes no event now, and no certificate leaves that it does not have.
    #[error("the certificate cannot be recorded in the audit trail: {message}")]
    Unrecorded {
        /// Why.
        message: String,
        /// Whether it may well be recorded in a moment.
        is_busy: bool,
    },
    /// An earlier version ran it, or its end could not be recorded when it came.
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
                "pass `--key FILE`; `reseal audit keygen --file FILE` makes a key",
            ),
            CertificateError::NotComplete { .. } => Advice::refused(
                "run-not-complete",
                "finish it with `reseal resume PLAN`, or pass another `--run`",
            ),
            CertificateError::RolledBack { .. } => {
                Advice::refused("run-rolled-back", "pass the `--run` of one that still stands")
            }
            CertificateError::IsRollback { .. } => Advice::refused(
                "run-is-rollback",
                "pass the `--run` of a rotation; `reseal runs PLAN` lists them",
            ),
            CertificateError::BrokenTrail { .. } => {
                Advice::refused("trail-broken", "`reseal audit verify` names the first event that is bad")
            }
            CertificateError::NotInTrail { .. } => Advice::refused(
                "run-not-in-trail",
                "check RESEAL_DATABASE_URL; an end that was missed is recorded by the plan's next run",
            ),
            CertificateError::Disagree { .. } => Advice::refused(
                "ledger-differs",
                "one of the two was changed: compare `reseal runs PLAN` with `reseal audit export`",
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
                "run the plan again: a run that finds nothing to move ends with a sweep too, and can be certified",
            ),
        }
    }
}
