//! Whether the daemon can do its work: its database and those of its plans answer, and there is room to write.

mod databases;
mod standing;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reseal_control::ControlSession;
use tokio::time::{sleep, timeout};

use crate::{State, folders};

/// How often it is checked, and how long a check may take: a fault is known after both at the latest.
const EVERY: Duration = Duration::from_secs(5);
const PATIENCE: Duration = Duration::from_secs(4);
/// The least room on a disk: less is gone before anybody comes.
const LEAST: u64 = 16 << 20;

/// Checks the control database and the disks from time to time, and probes the plans' databases.
pub(crate) async fn keep_checking(state: Arc<State>) {
    tokio::join!(keep_checking_own(state.clone()), databases::keep_probing(state));
}

async fn keep_checking_own(state: Arc<State>) {
    let mut session = None;
    loop {
        let found = match timeout(PATIENCE, database_fault(&state, &mut session)).await {
            Ok(found) => found,
            Err(_) => Some("the control database does not respond".to_owned()),
        };
        if found.is_some() {
            session = None;
        }
        state.record_check(found.or_else(|| disk_fault(&state)));
        sleep(EVERY).await;
    }
}

async fn database_fault(state: &State, session: &mut Option<ControlSession>) -> Option<String> {
    let control = &state.setup.control;
    if control.file().is_some_and(|file| !file.exists()) {
        return Some("the file of the control database is missing".to_owned());
    }
    let asked = async {
        let session = match session {
            Some(session) => session,
            None => session.insert(control.connect().await?),
        };
        session.version().await
    };
    match asked.await {
        Ok(Some(_)) => None,
        Ok(None) => Some("the tables of the control database are missing".to_owned()),
        Err(error) => Some(format!("cannot use the control database: {}", error.message)),
    }
}

/// The first disk without room of those that the daemon and its jobs write to.
fn disk_fault(state: &State) -> Option<String> {
    let control = state.setup.control.file();
    let plans = state.setup.plans.all();
    let jobs = plans.iter().filter(|served| served.on).flat_map(|served| folders::outputs(served));
    control.into_iter().chain(jobs).find_map(|file| {
        let folder = existing(&file)?;
        let disk = rustix::fs::statvfs(folder).ok()?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        (free < LEAST)
            .then(|| format!("only {} MiB are free on the disk of {}", free >> 20, folder.display()))
    })
}

/// The folder of a file, or the first above it that is there.
fn existing(file: &Path) -> Option<&Path> {
    file.ancestors().skip(1).find(|folder| folder.is_dir())
}
