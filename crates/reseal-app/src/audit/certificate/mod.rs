//! `audit certificate`: what a rotation came to, signed, for people who have neither Reseal nor the database.
//!
//! The trail is what is certified: the ledger beside the data only has to agree with it.

mod error;
mod facts;
mod statement;

use std::path::PathBuf;

use reseal_core::RunState;
use reseal_core::audit::dsse::Envelope;
use reseal_core::audit::{Entry, Verdict};
use reseal_store::{RunRow, Session};
use serde_json::Value;

use self::error::CertificateError;
use self::facts::Facts;
use super::trail_reader::{Against, connect, entries, of_database};
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
}

/// Certifies a run that is complete.
///
/// # Errors
/// When no key is given, the run is not complete or was rolled back, the trail does not hold or does not know the run as the
/// ledger does, or the file cannot be written.
pub async fn certificate(request: &CertificateRequest) -> Result<Certificate, Failure> {
    let key = request.key.as_ref().ok_or_else(|| refused(CertificateError::NoKey))?;
    let signer = trail::signer_in(key).map_err(|error| Failure::of(&error))?;
    let FoundRun { mut session, run, .. } = open::latest(&request.plan, request.run.as_deref()).await?;
    stands(&mut session, &run).await?;
    let (entries, verdict) = proven().await?;
    let facts = Facts::of(&entries, &run).map_err(refused)?;
    let statement = statement::statement(&facts, &verdict, trail::now_ms());
    let envelope = Envelope::sign(statement::PAYLOAD_TYPE, statement.to_string().into_bytes(), &signer);
    if let Some(path) = &request.out {
        let failed =
            |error: std::io::Error| Failure::failed("file", format!("{}: {}", path.display(), error.kind()));
        std::fs::write(path, format!("{}\n", envelope.json())).map_err(failed)?;
    }
    Ok(Certificate { statement, envelope })
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
async fn proven() -> Result<(Vec<Entry>, Verdict), Failure> {
    let mut control = connect().await?;
    let verdict = of_database(&mut control, &Against::default()).await?;
    if let Some(fault) = verdict.fault {
        return Err(refused(CertificateError::BrokenTrail { message: fault.message }));
    }
    let mut entries = entries(&mut control).await?;
    entries.retain(|entry| entry.sequence <= verdict.intact.sequence);
    Ok((entries, verdict))
}

fn refused(error: CertificateError) -> Failure {
    Failure::of(&error)
}
