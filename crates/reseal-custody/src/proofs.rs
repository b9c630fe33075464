//! What a policy wants proved before a run's first write: that a backup is fresh, and that the disk has room.

use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use reseal_plan::{BackupProof, DiskProof, Policy, Proof};

use crate::error::{CustodyError, ProofError};

/// A clock may be this far ahead of the one that a backup's time comes from.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_mins(5);

/// Asks for the proofs that a policy wants.
///
/// # Errors
/// When a proof cannot be had, or proves the opposite.
pub async fn proofs(policy: &Policy, now: Timestamp) -> Result<(), CustodyError> {
    if let Some(backup) = &policy.backup {
        backup_is_fresh(backup, &policy.folder, now).await?;
    }
    disk(policy).await
}

/// Asks for the proof that the disk has room, where a policy wants it.
///
/// # Errors
/// When it cannot be had, or proves the opposite.
pub async fn disk(policy: &Policy) -> Result<(), CustodyError> {
    match &policy.disk {
        Some(disk) => disk_has_room(disk, &policy.folder).await,
        None => Ok(()),
    }
}

async fn backup_is_fresh(backup: &BackupProof, folder: &str, now: Timestamp) -> Result<(), CustodyError> {
    let (made, witness) = match &backup.proof {
        Proof::File(path) => (written(path.as_str())?, format!("file {path}")),
        Proof::Command(words) => (printed_time(words, folder).await?, format!("command `{}`", words[0])),
    };
    let age = now.duration_since(made);
    let most = SignedDuration::try_from(backup.max_age).unwrap_or(SignedDuration::MAX);
    if age < -CLOCKS_DIFFER {
        return Err(ProofError::BackupInTheFuture { made, witness }.into());
    }
    if age > most {
        return Err(ProofError::BackupOld { made, witness }.into());
    }
    Ok(())
}

fn written(path: &str) -> Result<Timestamp, CustodyError> {
    let unknown = |why: String| CustodyError::from(ProofError::BackupMissing { path: path.to_owned(), why });
    let metadata = std::fs::metadata(path).map_err(|error| unknown(error.kind().to_string()))?;
    if !metadata.is_file() {
        return Err(unknown("it is not a regular file".into()));
    }
    // An empty file is what a backup that failed leaves behind.
    if metadata.len() == 0 {
        return Err(unknown("it is empty".into()));
    }
    let modified: SystemTime = metadata.modified().map_err(|error| unknown(error.kind().to_string()))?;
    Timestamp::try_from(modified).map_err(|_| unknown("its time is out of range".into()))
}

async fn printed_time(words: &[String], folder: &str) -> Result<Timestamp, CustodyError> {
    let text = printed(words, folder, "policy.backup.command").await?;
    text.trim().parse().map_err(|_| ProofError::BackupUnknown { command: words[0].clone() }.into())
}

async fn disk_has_room(disk: &DiskProof, folder: &str) -> Result<(), CustodyError> {
    let text = printed(&disk.command, folder, "policy.disk.command").await?;
    let free = text.trim().trim_end_matches('%').trim_end().parse::<f64>().ok();
    let Some(free) = free.filter(|free| (0.0..=100.0).contains(free)) else {
        return Err(ProofError::DiskUnknown { command: disk.command[0].clone() }.into());
    };
    if free < f64::from(disk.min_free) {
        return Err(ProofError::DiskFull { free, least: f64::from(disk.min_free) }.into());
    }
    Ok(())
}

/// What a program of the plan prints: run as a source of keys would run it.
async fn printed(words: &[String], folder: &str, place: &'static str) -> Result<String, CustodyError> {
    let printed = reseal_registry::printed(words, folder).await;
    printed.map_err(|message| ProofError::Program { place, message }.into())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reseal_engine::Advise;

    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T12:00:00Z".parse().unwrap_or_default()
    }

    async fn check(policy: &Policy, expect: &str) {
        let found = proofs(policy, now()).await.map_or_else(|error| error.advice().code, |()| "proved");
        assert_eq!(found, expect, "{policy:?}");
    }

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    /// Watches the age, the clock's side and what a program may print.
    #[tokio::test]
    async fn a_backup_is_proved_by_the_time_that_a_program_prints() {
        for (words, expect) in [
            (command(&["echo", "2026-06-01T11:30:00Z"]), "proved"),
            (command(&["echo", "2026-06-01T13:31:00+02:00"]), "proved"),
            (command(&["echo", "2026-06-01T10:59:00Z"]), "backup-old"),
            (command(&["echo", "2026-06-01T12:04:00Z"]), "proved"),
            (command(&["echo", "2026-06-01T12:06:00Z"]), "backup-in-the-future"),
            (command(&["echo", "yesterday"]), "backup-unknown"),
            (command(&["true"]), "proof"),
            (command(&["false"]), "proof"),
            (command(&["no-such-program"]), "proof"),
        ] {
            let max_age = Duration::from_secs(3600);
            let backup = Some(BackupProof { proof: Proof::Command(words), max_age, identity: None });
            check(&Policy { backup, ..Policy::default() }, expect).await;
        }
    }

    /// Watches that an empty file, a folder and a missing file prove nothing.
    #[tokio::test]
    async fn a_backup_is_proved_by_a_file() -> std::io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = |name: &str| folder.path().join(name).display().to_string();
        let write = |name: &str, content: &str, seconds_old: u64| -> std::io::Result<()> {
            let at = SystemTime::from(now()) - Duration::from_secs(seconds_old);
            std::fs::write(file(name), content)?;
            std::fs::File::options().write(true).open(file(name))?.set_modified(at)
        };
        write("fresh", "dump", 3000)?;
        write("old", "dump", 3700)?;
        write("empty", "", 0)?;
        let folder_itself = folder.path().display().to_string();
        for (path, expect) in [
            (file("fresh"), "proved"),
            (file("old"), "backup-old"),
            (file("empty"), "backup-missing"),
            (file("none"), "backup-missing"),
            (folder_itself, "backup-missing"),
        ] {
            let max_age = Duration::from_secs(3600);
            let backup = Some(BackupProof {
                proof: Proof::File(reseal_plan::PlanPath::new("", &path)),
                max_age,
                identity: None,
            });
            check(&Policy { backup, ..Policy::default() }, expect).await;
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_disk_is_proved_by_the_share_that_a_program_prints() {
        for (printed, expect) in [
            ("20", "proved"),
            ("42.5 %", "proved"),
            ("19.9", "disk-full"),
            ("120", "disk-unknown"),
            ("NaN", "disk-unknown"),
            ("much", "disk-unknown"),
        ] {
            let disk = Some(DiskProof { command: command(&["echo", printed]), min_free: 20 });
            check(&Policy { disk, ..Policy::default() }, expect).await;
        }
    }
}
