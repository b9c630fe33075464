//! Which plan a command works on: the one that is passed, or the only one in this directory.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use reseal_app::Failure;

use crate::output;

/// How much of a file is searched for the line that makes it a plan.
const SEARCHED: u64 = 64 << 10;

/// A plan, or the only one in the current directory.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlanArg {
    /// Plan file (default: the only plan in the current directory)
    plan: Option<PathBuf>,
}

/// Several plans, or the only one in the current directory.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PlansArg {
    /// Plan files (default: the only plan in the current directory)
    plans: Vec<PathBuf>,
}

impl PlanArg {
    /// The plan's path. `usage` where none is passed and the current directory does not hold exactly one.
    pub(crate) fn path(&self) -> Result<PathBuf, Failure> {
        match &self.plan {
            Some(plan) => Ok(plan.clone()),
            None => only_plan(Path::new(".")),
        }
    }
}

impl PlansArg {
    /// The paths of the plans, at least one. `usage` as for one plan.
    pub(crate) fn paths(&self) -> Result<Vec<PathBuf>, Failure> {
        match self.plans.is_empty() {
            true => Ok(vec![only_plan(Path::new("."))?]),
            false => Ok(self.plans.clone()),
        }
    }
}

/// The only plan in a directory. Which one it is goes to stderr: nobody shall rotate another plan than he thinks.
fn only_plan(directory: &Path) -> Result<PathBuf, Failure> {
    let found = plans_in(directory);
    match found.as_slice() {
        [plan] => {
            output::note(&format!("using the plan {}", plan.display()));
            Ok(plan.clone())
        }
        [] => Err(Failure::usage(
            "usage",
            "no plan was passed, and the current directory has none",
            "pass the path of a plan file, for example `reseal check plan.yaml`",
        )),
        several => {
            let names: Vec<String> = several.iter().map(|plan| plan.display().to_string()).collect();
            Err(Failure::usage(
                "usage",
                format!("no plan was passed, and the current directory has several: {}", names.join(", ")),
                "pass the path of one of them",
            ))
        }
    }
}

/// The plans in a directory, by name.
fn plans_in(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let names = entries.map(|entry| PathBuf::from(entry.file_name()));
    let mut plans: Vec<PathBuf> = names.filter(|name| is_plan(&directory.join(name))).collect();
    plans.sort();
    plans
}

/// Whether a file is a plan by its name and its first key: a directory holds other YAML files too.
fn is_plan(path: &Path) -> bool {
    let is_yaml = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml");
    is_yaml && path.is_file() && begins_as_plan(path).unwrap_or(false)
}

fn begins_as_plan(path: &Path) -> std::io::Result<bool> {
    let mut beginning = Vec::new();
    std::fs::File::open(path)?.take(SEARCHED).read_to_end(&mut beginning)?;
    Ok(String::from_utf8_lossy(&beginning).lines().any(|line| line.starts_with("reseal:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plan_of_a_directory_is_taken_and_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        assert!(only_plan(folder.path()).unwrap_err().message.ends_with("has none"));
        write("compose.yaml", "services: {}\n");
        write("notes.txt", "reseal: 1\n");
        write("crm.yml", "# the plan\nreseal: 1\nname: crm\n");
        assert_eq!(only_plan(folder.path()).unwrap(), Path::new("crm.yml"));
        write("billing.yaml", "reseal: 1\n");
        let several = only_plan(folder.path()).unwrap_err();
        assert!(several.message.ends_with("several: billing.yaml, crm.yml"), "{}", several.message);
    }
}
