//! `keys backup`, `archive` and `restore-test`: copies of keys, and the proof that one is of use.

use std::path::{Path, PathBuf};

use reseal_core::audit::{Event, EventKind};
use reseal_custody::{Copied, Named, Trial, Trials};
use reseal_plan::{Action, Plan, Recipients, SLOT};
use zeroize::Zeroizing;

use super::custodian;
use crate::caller::Caller;
use crate::open::{self, Opened};
use crate::{Failure, FailureClass, control, trail};

/// What is backed up, and for whom.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The ids of the keys; none for all.
    pub keys: Vec<String>,
    /// Who can read the file.
    pub to: BackupRecipients,
    /// The file to write; it must not exist.
    pub file: PathBuf,
}

/// Who can read a backup.
#[derive(Clone, Debug)]
pub enum BackupRecipients {
    /// Recipients of age.
    Listed(Vec<String>),
    /// Those whom a job of the plan's schedule names.
    OfJob(String),
}

/// Writes an age file with the plan's keys, or those that are named.
///
/// # Errors
/// When the plan or its keys cannot be read, there is no such job or key, or the file cannot be written.
pub async fn backup(caller: &Caller, request: &BackupRequest) -> Result<Copied, Failure> {
    let opened = open::job_to_look(&request.plan).await?;
    let control = control::database()?;
    let to = match &request.to {
        BackupRecipients::OfJob(job) => recipients(&opened.plan, job).await?,
        BackupRecipients::Listed(to) => to.clone(),
    };
    let copied = custodian(&opened, &control, caller).backup(&request.keys, &to, &request.file).await?;
    trail::sign().await;
    Ok(copied)
}

/// Which key is archived, and for whom.
#[derive(Clone, Debug)]
pub struct ArchiveRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The key.
    pub key: Named,
    /// Who can read the file: recipients of age.
    pub to: Vec<String>,
    /// The file to write; it must not exist.
    pub file: PathBuf,
}

/// Writes an age file with one retired key.
///
/// # Errors
/// When the plan or its keys cannot be read, the key is not retired, or the file cannot be written.
pub async fn archive(caller: &Caller, request: &ArchiveRequest) -> Result<Copied, Failure> {
    let opened = open::job_to_look(&request.plan).await?;
    let control = control::database()?;
    let copied =
        custodian(&opened, &control, caller).archive(&request.key, &request.to, &request.file).await?;
    trail::sign().await;
    Ok(copied)
}

/// Who can read the backups of a job of the schedule.
async fn recipients(plan: &Plan, name: &str) -> Result<Vec<String>, Failure> {
    let to = job_of(plan, name, |action| match action {
        Action::KeysBackup { to, .. } => Some(to),
        _ => None,
    })?;
    let source = match to {
        Recipients::Listed(to) => return Ok(to.clone()),
        Recipients::Source(source) => source,
    };
    let kept = reseal_registry::secret(source, &format!("the recipients of job {name}")).await?;
    let text = String::from_utf8_lossy(kept.expose()).into_owned();
    // As age's own files of recipients: empty lines and comments do not count.
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// What a job of the schedule does, if it is of the kind that `pick` knows.
fn job_of<'p, T>(plan: &'p Plan, name: &str, pick: impl Fn(&'p Action) -> Option<T>) -> Result<T, Failure> {
    let jobs = plan.schedule.iter().flat_map(|schedule| &schedule.jobs);
    let (names, mut found): (Vec<&str>, Vec<T>) =
        jobs.filter_map(|job| Some((job.name.as_str(), pick(&job.action)?))).unzip();
    match names.iter().position(|known| *known == name) {
        Some(at) => Ok(found.swap_remove(at)),
        None => {
            let message = format!("plan {} has no job {name} of this kind", plan.name);
            let help = match names.is_empty() {
                true => "add one under `schedule:` in the plan".to_owned(),
                false => format!("the plan has these jobs of this kind: {}", names.join(", ")),
            };
            Err(Failure::usage("no-job", message, help))
        }
    }
}

/// Which backup is tried, and how thoroughly.
#[derive(Clone, Debug)]
pub struct RestoreTestRequest {
    /// The plan.
    pub plan: PathBuf,
    /// The backup.
    pub backup: BackupSource,
    /// Rows of each table that are tried.
    pub rows: usize,
}

/// Where a backup lies, and what decrypts it.
#[derive(Clone, Debug)]
pub enum BackupSource {
    /// In a file.
    File {
        /// The backup.
        file: PathBuf,
        /// The file with the identity that decrypts it.
        identity: PathBuf,
    },
    /// Where a job of the plan's schedule says.
    OfJob(String),
}

/// How a backup did.
#[derive(Clone, Debug)]
pub struct RestoreTested {
    /// The backup.
    pub file: PathBuf,
    /// How its keys did.
    pub trials: Trials,
}

impl RestoreTested {
    /// Whether every key would be of use.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.trials.keys.iter().all(Trial::passed)
    }
}

/// A backup as it was read.
struct Backup {
    file: PathBuf,
    identity: Zeroizing<Vec<u8>>,
}

impl BackupSource {
    async fn read(&self, plan: &Plan) -> Result<Backup, Failure> {
        let name = match self {
            BackupSource::File { file, identity } => {
                return Ok(Backup { file: file.clone(), identity: reseal_custody::identity(identity)? });
            }
            BackupSource::OfJob(name) => name,
        };
        let (file, source) = job_of(plan, name, |action| match action {
            Action::RestoreTest { file, identity } => Some((file, identity)),
            _ => None,
        })?;
        let identity = reseal_registry::secret(source, &format!("the identity of job {name}")).await;
        let identity = identity.map_err(|error| Failure::refused("identity", error.message, error.help))?;
        Ok(Backup { file: newest(file.as_str())?, identity: Zeroizing::new(identity.expose().to_vec()) })
    }
}

/// A file, or the newest of those that the schedule names by their slots.
fn newest(file: &str) -> Result<PathBuf, Failure> {
    let path = Path::new(file);
    let template = path.file_name().and_then(|name| name.to_str()).filter(|name| name.contains(SLOT));
    let Some(template) = template else { return Ok(path.to_owned()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let names = std::fs::read_dir(folder).map_err(|error| {
        Failure::refused(
            "file",
            format!("{}: {}", folder.display(), error.kind()),
            "make a backup with `reseal keys backup` first",
        )
    })?;
    let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    reseal_schedule::newest(template, names).map(|name| folder.join(name)).ok_or_else(|| {
        Failure::refused(
            "file",
            format!("no backup {file} exists yet"),
            "make a backup with `reseal keys backup` first",
        )
    })
}

/// Tries whether the keys of a backup open what they have to. A trial that came to nothing is in the trail too.
///
/// # Errors
/// When the plan or its keys cannot be read, or there is no backup that could be decrypted.
pub async fn restore_test(caller: &Caller, request: &RestoreTestRequest) -> Result<RestoreTested, Failure> {
    let opened = open::job_to_look(&request.plan).await?;
    let tested = test(caller, &opened, request).await;
    if let Err(failure) = &tested
        && matches!(failure.class, FailureClass::Usage | FailureClass::Refused)
    {
        let plan = &opened.plan;
        let result = format!("failed: {}: {}", failure.code, failure.message);
        let about = |event: Event| {
            event.of_plan(&plan.name, &plan.digest).with("copy", "restore-test").with("result", result)
        };
        trail::note(&caller.operator, EventKind::RestoreTested, about).await;
    }
    tested
}

async fn test(
    caller: &Caller,
    opened: &Opened,
    request: &RestoreTestRequest,
) -> Result<RestoreTested, Failure> {
    let control = control::database()?;
    let Backup { file, identity } = request.backup.read(&opened.plan).await?;
    let trials = custodian(opened, &control, caller).restore_test(&file, &identity, request.rows).await?;
    trail::sign().await;
    Ok(RestoreTested { file, trials })
}
