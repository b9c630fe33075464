//! `audit certificate`: what a rotation came to, signed, for people who have neither Reseal nor the database.
//!
//! The trail is what is certified: the ledger beside the data only has to agree with it. That a certificate was issued is an
//! event of the trail too, behind those that are certified.

mod error;
mod facts;
mod out_file;
mod statement;

use std::path::PathBuf;

use reseal_control::{ControlSession, host};
use reseal_core::RunState;
use reseal_core::audit::dsse::Envelope;
use reseal_core::audit::{Entry, Event, EventKind, TrailHead, Verdict};
use reseal_store::{RunRow, Session, Trouble};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use self::error::CertificateError;
use self::facts::Facts;
use self::out_file::OutFile;
use super::trail_reader::{Against, connect, entries, of_database};
use crate::caller::Caller;
use crate::open::{self, FoundRun};
use crate::{Failure, trail};

/// The run that is certified, and how.
#[derive(Clone, Debug)]
pub struct CertificateRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The run; none for the latest.
    pub run: Option<String>,
    /// The file with the key that signs, as `audit keygen` makes it.
    pub key: Option<PathBuf>,
    /// The file to write, where it goes into one.
    pub out: Option<PathBuf>,
}

/// A signed statement on a rotation.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// What is signed: an in-toto statement.
    pub statement: Value,
    /// The certificate: a DSSE envelope around the statement.
    pub envelope: Envelope,
    /// SHA-256 over the certificate as one line of JSON with its newline: over the file that it is written to.
    pub sha256: String,
    /// The event that records it.
    pub recorded: TrailHead,
}

/// Certifies a run that is complete, and records that in the trail before the certificate leaves.
///
/// # Errors
/// When no key is given, the run is not complete or was rolled back, the trail does not hold, does not know the run as the
/// ledger does or takes no event, or the file cannot be written.
pub async fn certificate(caller: &Caller, request: &CertificateRequest) -> Result<Certificate, Failure> {
    let key = request.key.as_ref().ok_or_else(|| refused(CertificateError::NoKey))?;
    let signer = trail::signer_in(key).map_err(|error| Failure::of(&error))?;
    let FoundRun { mut session, run, .. } = open::latest(&request.plan, request.run.as_deref()).await?;
    stands(&mut session, &run).await?;
    let mut control = connect().await?;
    let (entries, verdict) = proven(&mut control).await?;
    let facts = Facts::of(&entries, &run).map_err(refused)?;
    let statement = statement::statement(&facts, &verdict, trail::now_ms());
    let envelope = Envelope::sign(statement::PAYLOAD_TYPE, statement.to_string().into_bytes(), &signer);
    let text = format!("{}\n", envelope.json());
    let sha256 = hex::encode(Sha256::digest(&text));
    // A file that cannot be written is told before the trail says that there is a certificate.
    let out = request.out.as_deref().map(OutFile::open).transpose()?;
    let event = Event::new(EventKind::CertificateIssued, trail::now_ms(), &caller.operator, &host())
        .of_plan(&run.plan, &run.plan_digest)
        .of_run(&run.id)
        .with("sha256", sha256.as_str())
        .with("signed_by", envelope.key.to_string())
        .with("trail_sequence", i64::try_from(verdict.intact.sequence).unwrap_or(i64::MAX))
        .with("trail_head", verdict.intact.head.to_string());
    let event = match &request.out {
        Some(path) => event.with("file", path.display().to_string()),
        None => event,
    };
    let recorded = match record(&mut control, event).await {
        Ok(recorded) => recorded,
        Err(failure) => {
            out.into_iter().for_each(OutFile::give_up);
            return Err(failure);
        }
    };
    trail::sign().await;
    out.map(|out| out.write(&text)).transpose()?;
    Ok(Certificate { statement, envelope, sha256, recorded })
}

/// Appends the event of a certificate to the trail; one that stays out of it is not issued.
async fn record(control: &mut ControlSession, mut event: Event) -> Result<TrailHead, Failure> {
    let recorded = async {
        event.time_ms = control.now_ms().await?;
        control.record(&event).await
    };
    recorded.await.map_err(|error| {
        let is_busy = error.trouble == Trouble::Retry;
        refused(CertificateError::Unrecorded { message: error.message, is_busy })
    })
}

/// Refuses a run that is not complete by the ledger.
async fn stands(session: &mut Session, run: &RunRow) -> Result<(), Failure> {
    let id = || run.id.clone();
    if let Some(of) = session.rolls_back(&run.id).await? {
        return Err(refused(CertificateError::IsRollback { run: id(), of }));
    }
    match run.state {
        RunState::RollingBack | RunState::RolledBack => {
            Err(refused(CertificateError::RolledBack { run: id() }))
        }
        RunState::Complete | RunState::ScopeDone if session.rollback_of(&run.id).await?.is_some() => {
            Err(refused(CertificateError::RolledBack { run: id() }))
        }
        RunState::Complete | RunState::ScopeDone => Ok(()),
        state => Err(refused(CertificateError::NotComplete { run: id(), state })),
    }
}

/// The trail, of which each event follows from the one before.
async fn proven(control: &mut ControlSession) -> Result<(Vec<Entry>, Verdict), Failure> {
    let verdict = of_database(control, &Against::default()).await?;
    if let Some(fault) = verdict.fault {
        return Err(refused(CertificateError::BrokenTrail { message: fault.message }));
    }
    let mut entries = entries(control).await?;
    entries.retain(|entry| entry.sequence <= verdict.intact.sequence);
    Ok((entries, verdict))
}

fn refused(error: CertificateError) -> Failure {
    Failure::of(&error)
}
