//! The audit trail, as commands write it beside what the engine records of runs; and the key that signs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reseal_control::{ControlDatabase, ControlSession, host};
use reseal_core::SecretBytes;
use reseal_core::audit::{Event, EventKind, KeyError, Signer};
use reseal_custody::PlanVersion;
use reseal_engine::{Advice, Advise};
use reseal_files::{FileError, FileFault, Owner, Readers, Rule};
use reseal_plan::Plan;
use reseal_serve::Clock;
use thiserror::Error;

use crate::{Failure, FailureClass, control};

/// The variable that names the file with the key that signs checkpoints.
const VARIABLE: &str = "RESEAL_AUDIT_KEY";
/// What the file of that key has to be.
const KEY_RULE: Rule = Rule { most: 64 * 1024, readers: Readers::Anyone, owner: Owner::Own };

/// Records what is done already, and signs the trail: a failure is a warning. `about` says what there is to say.
pub(crate) async fn note(operator: &str, kind: EventKind, about: impl FnOnce(Event) -> Event) {
    let recorded = async {
        let mut control = control::session().await?;
        let event = Event::new(kind, control.now_ms().await?, operator, &host());
        control.record(&about(event)).await?;
        Ok::<_, Failure>(control)
    };
    match recorded.await {
        Ok(mut control) => warn_unsigned(sign_in(&mut control).await),
        Err(failure) => {
            let help = failure.help.as_deref().unwrap_or_default();
            tracing::warn!(help, "cannot record {kind} in the audit trail: {}", failure.message);
        }
    }
}

/// Warns if the trail could not be signed. What was recorded is in it nevertheless.
fn warn_unsigned(signed: Result<Option<u64>, Failure>) {
    if let Err(failure) = signed {
        let help = failure.help.as_deref().unwrap_or_default();
        tracing::warn!(help, "cannot sign the audit trail: {}", failure.message);
    }
}

/// Records that a plan has changed, where the trail knew it otherwise; a failure is a warning.
pub(crate) async fn plan_seen(operator: &str, plan: &Plan) {
    let recorded = async {
        let mut control = control::database()?.connect().await?;
        let said = PlanVersion { name: &plan.name, digest: &plan.digest, full_digest: &plan.full_digest };
        if let Some(event) = reseal_custody::plan_changed(&mut control, said, operator).await? {
            control.record(&event).await?;
        }
        Ok::<(), Failure>(())
    };
    if let Err(failure) = recorded.await {
        tracing::warn!(
            "cannot record in the audit trail whether plan {} has changed: {}",
            plan.name,
            failure.message
        );
    }
}

/// What an event says under `scheduled` where nobody in person was refused.
pub(crate) const SCHEDULED: &str = "yes";

/// Records that a command was refused, and hands the refusal on. Mistakes of the command line are nobody's business.
pub(crate) async fn refused(operator: &str, command: &str, plan: &Plan, failure: Failure) -> Failure {
    note_refusal(operator, command, false, plan, failure).await
}

/// Records that a run was refused which a schedule began.
pub(crate) async fn refused_unattended(operator: &str, plan: &Plan, failure: Failure) -> Failure {
    note_refusal(operator, "run", true, plan, failure).await
}

async fn note_refusal(
    operator: &str,
    command: &str,
    scheduled: bool,
    plan: &Plan,
    failure: Failure,
) -> Failure {
    let kind = match failure.class {
        _ if failure.approval => EventKind::ApprovalRefused,
        FailureClass::Refused => EventKind::Refused,
        _ => return failure,
    };
    note(operator, kind, |event| {
        let event = event.of_plan(&plan.name, &plan.digest).with("command", command);
        let event = if scheduled { event.with("scheduled", SCHEDULED) } else { event };
        event.with("code", failure.code.as_str()).with("message", failure.message.as_str())
    })
    .await;
    failure
}

/// Whether the last that the trail knows of a plan's runs is this very refusal.
pub(crate) async fn has_refused(plan: &Plan, code: &str, message: &str) -> bool {
    let kinds = [
        EventKind::ApprovalRefused,
        EventKind::Refused,
        EventKind::RunStarted,
        EventKind::RunResumed,
        EventKind::RollbackStarted,
    ];
    let asked = async {
        let mut control = control::database()?.connect().await?;
        Ok::<_, Failure>(control.latest_event(&plan.name, &kinds).await?)
    };
    let last = asked.await.ok().flatten().map(|entry| entry.event);
    last.is_some_and(|last| {
        last.text("command") == Some("run")
            && last.text("code") == Some(code)
            // How full a disk is changes from minute to minute.
            && (last.text("message") == Some(message) || code == "disk-full")
    })
}

/// Signs where the trail stands, where there is a key; a failure is a warning.
pub(crate) async fn sign() {
    let signed = async {
        let mut control = control::database()?.connect().await?;
        sign_in(&mut control).await
    };
    warn_unsigned(signed.await);
}

/// Signs where the trail stands, and gives through which event; none without a key.
async fn sign_in(control: &mut ControlSession) -> Result<Option<u64>, Failure> {
    let Some(signer) = signer()? else { return Ok(None) };
    let (head, now) = (control.trail_head().await?, control.now_ms().await?);
    let sequence = head.sequence;
    control.add_checkpoint(&signer.sign(head, now)).await?;
    Ok(Some(sequence))
}

/// How often a daemon asks whether the trail is to be signed.
const LOOK: Duration = Duration::from_secs(60);
/// The least time between two such questions, however fast a clock of tests runs.
const SHORTEST: Duration = Duration::from_millis(200);
/// How long events of a daemon stay without a signature at the most, and how many.
const UNSIGNED_FOR: SignedDuration = SignedDuration::from_hours(1);
const UNSIGNED: u64 = 100;

/// Signs what a daemon writes, from time to time: it ends too seldom to sign then alone. A failure is a warning.
pub(crate) async fn keep_signing(control: ControlDatabase, clock: Clock) {
    let mut signed = Signed { through: 0, at: Timestamp::MIN };
    loop {
        if let Err(failure) = sign_if_due(&control, clock.now(), &mut signed).await {
            tracing::warn!("cannot sign the audit trail: {}", failure.message);
        }
        tokio::time::sleep(clock.real(LOOK).max(SHORTEST)).await;
    }
}

/// Through which event a daemon has signed, and when.
struct Signed {
    through: u64,
    at: Timestamp,
}

async fn sign_if_due(control: &ControlDatabase, now: Timestamp, signed: &mut Signed) -> Result<(), Failure> {
    let mut control = control.connect().await?;
    let behind = control.trail_head().await?.sequence.saturating_sub(signed.through);
    let waited = signed.at.checked_add(UNSIGNED_FOR).is_ok_and(|at| at <= now);
    if behind == 0 || (behind < UNSIGNED && !waited) {
        return Ok(());
    }
    if let Some(sequence) = sign_in(&mut control).await? {
        *signed = Signed { through: sequence, at: now };
    }
    Ok(())
}

/// The time of this host, in milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// The file of the signing key: the one that `RESEAL_AUDIT_KEY` names, else one beside the default control database.
pub(crate) fn key_file() -> Result<PathBuf, Failure> {
    match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => Ok(path.into()),
        None => Ok(control::state_folder()?.join("audit.key")),
    }
}

/// The key that signs checkpoints; without its file the trail is a chain and no more, and `audit verify` says so.
pub(crate) fn signer() -> Result<Option<Signer>, Failure> {
    let named = std::env::var_os(VARIABLE).is_some_and(|path| !path.is_empty());
    let Ok(path) = key_file() else { return Ok(None) };
    match signer_in(&path) {
        Ok(signer) => Ok(Some(signer)),
        Err(AuditKeyError::File(error)) if error.fault == FileFault::Missing && !named => Ok(None),
        Err(error) => Err(Failure::of(&error)),
    }
}

/// The key in a file that `reseal audit keygen` made.
pub(crate) fn signer_in(path: &Path) -> Result<Signer, AuditKeyError> {
    let content = reseal_files::read(path, &KEY_RULE).map_err(AuditKeyError::File)?;
    if content.is_readable_by_others() {
        tracing::warn!("the audit key {} is readable by other users: run `chmod 600` on it", path.display());
    }
    Signer::parse(&SecretBytes::from(content.bytes))
        .map_err(|source| AuditKeyError::NoKey { path: path.to_owned(), source })
}

/// Why there is no key to sign with.
#[derive(Debug, Error)]
pub(crate) enum AuditKeyError {
    /// Its file cannot be trusted, or not be read.
    #[error("cannot use the audit key: {0}")]
    File(FileError),
    /// The file holds something else.
    #[error("{}: {source}", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
}

impl Advise for AuditKeyError {
    fn advice(&self) -> Advice {
        match self {
            AuditKeyError::File(error) if error.fault == FileFault::Missing => {
                Advice::refused("audit-key", "create one with `reseal audit keygen`")
            }
            AuditKeyError::File(error) => Advice::refused("audit-key", error.help()),
            AuditKeyError::NoKey { .. } => Advice::refused("audit-key", "pass another key file"),
        }
    }
}
