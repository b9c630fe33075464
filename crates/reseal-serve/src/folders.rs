//! The folders of the files that jobs write: made when they are missing, for their owner alone.

use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use reseal_plan::{Action, JobSpec, SLOT};

use crate::Served;

/// Makes the folder that a job writes to in a slot.
///
/// # Errors
/// What is in its way, and what to do about it.
pub(crate) fn create(job: &JobSpec, slot: Timestamp) -> Result<(), String> {
    match output_file(&job.action) {
        Some(file) => create_parent(Path::new(&reseal_schedule::file_at(file, slot, 0))),
        None => Ok(()),
    }
}

/// Says at the start what would keep jobs from writing when they are due.
pub(crate) fn warn_unusable(served: &Served) {
    for job in &served.schedule.jobs {
        // A folder that is named after a slot is made when the slot comes.
        let Some(file) = output_file(&job.action) else { continue };
        let file = Path::new(file);
        if file.parent().is_some_and(|folder| folder.to_string_lossy().contains(SLOT)) {
            continue;
        }
        if let Err(why) = create_parent(file) {
            tracing::warn!("job {} of plan {}: {why}", job.name, served.plan.name);
        }
    }
}

/// The files that the jobs of a plan write, as the plan names them.
pub(crate) fn outputs(served: &Served) -> Vec<PathBuf> {
    served.schedule.jobs.iter().filter_map(|job| output_file(&job.action)).map(PathBuf::from).collect()
}

/// The file that a job writes, as the plan names it.
fn output_file(action: &Action) -> Option<&str> {
    match action {
        Action::KeysBackup { file, .. } => Some(file.as_str()),
        Action::Report { out, .. } => Some(out.as_str()),
        _ => None,
    }
}

fn create_parent(file: &Path) -> Result<(), String> {
    let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    let failed = |why: &str| {
        let shown = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let shown = shown.display();
        Err(format!(
            "the output directory {shown} {why}: create it, or allow the user that runs `reseal serve` to create it"
        ))
    };
    match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
        Ok(()) => Ok(()),
        Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotADirectory) => {
            failed("is not a directory")
        }
        Err(error) => failed(&format!("cannot be created ({})", error.kind())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_is_made_for_its_owner_alone_and_what_is_in_its_way_is_named() {
        let here = tempfile::tempdir().unwrap();
        let file = here.path().join("a/b/keys.age");
        assert_eq!(create_parent(&file), Ok(()));
        assert_eq!(create_parent(&file), Ok(()), "one that is there stays");
        let mode = std::fs::metadata(here.path().join("a/b")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert_eq!(create_parent(Path::new("keys.age")), Ok(()));
        std::fs::write(&file, "x").unwrap();
        let why = create_parent(&file.join("keys.age")).unwrap_err();
        assert!(why.starts_with("the output directory "), "{why}");
        assert!(why.contains("a/b/keys.age is not a directory: "), "{why}");
    }
}
