//! `cargo xtask mutate`: takes a guard away, and sees that what watches it fails.
//!
//! Each mutation is one edit in a copy of the last commit, built into the same target folder. One that nothing notices is
//! an error: the guard it takes away is watched by nobody. What watches is first seen to be content without any mutation.

#![allow(clippy::print_stdout)]

mod list;

use std::path::PathBuf;
use std::process::Command;

use list::{MUTATIONS, Mutation, Watch};
use miette::{IntoDiagnostic, WrapErr, bail, miette};

use crate::process::{self, Interrupt};
use crate::test::{self, Bed};
use crate::workspace::{self, Workspace};

/// Arguments of `cargo xtask mutate`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these mutations
    names: Vec<String>,
    /// Print the names of all mutations
    #[arg(long)]
    list: bool,
}

/// Where mutations are tried.
struct Trial<'t> {
    workspace: &'t Workspace,
    copy: &'t Worktree,
    bed: &'t Bed,
    interrupt: &'t Interrupt,
}

/// Tries mutations, one after the other, and names those that nothing noticed.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let mutations = asked_for(&args.names)?;
    if args.list {
        mutations.iter().for_each(|mutation| println!("{:<28} {}", mutation.name, mutation.guard));
        return Ok(());
    }
    let interrupt = Interrupt::listen()?;
    let bed = Bed::start(workspace, &interrupt)?;
    let copy = Worktree::of(workspace, &interrupt)?;
    let trial = Trial { workspace, copy: &copy, bed: &bed, interrupt: &interrupt };
    trial.passes_without(&mutations)?;
    let mut survived = Vec::new();
    for mutation in mutations {
        let unnoticed = trial.of(mutation)?;
        match unnoticed.is_empty() {
            true => println!("red    {}", mutation.name),
            false => println!("GREEN  {}: {}", mutation.name, unnoticed.join(", ")),
        }
        survived.extend((!unnoticed.is_empty()).then_some(mutation.name));
    }
    match survived.is_empty() {
        true => Ok(()),
        false => Err(miette!("no test fails with mutation {}", survived.join(", "))),
    }
}

fn asked_for(names: &[String]) -> miette::Result<Vec<&'static Mutation>> {
    if let Some(unknown) = names.iter().find(|name| MUTATIONS.iter().all(|known| known.name != **name)) {
        bail!(help = "list all mutations with `cargo xtask mutate --list`", "there is no mutation {unknown}");
    }
    let asked = |mutation: &&Mutation| names.is_empty() || names.iter().any(|name| name == mutation.name);
    Ok(MUTATIONS.iter().filter(asked).collect())
}

/// A copy of the last commit; dropped, it is gone.
struct Worktree {
    repository: PathBuf,
    folder: PathBuf,
}

impl Worktree {
    /// Always in one place, so that what one mutation leaves as it was is not compiled again for the next.
    fn of(workspace: &Workspace, interrupt: &Interrupt) -> miette::Result<Worktree> {
        let copy =
            Worktree { repository: workspace.root.clone(), folder: workspace.target.join("xtask/mutant") };
        copy.remove();
        let mut add = copy.git();
        add.args(["worktree", "add", "--detach", "--quiet"]).arg(&copy.folder);
        process::run_quietly(&mut add, interrupt)?;
        copy.rename()?;
        Ok(copy)
    }

    /// Gives the crates of the copy a version of their own. Cargo tells crates of two checkouts apart by name and version
    /// alone: what was built from a mutation would pass for what this checkout comes to.
    fn rename(&self) -> miette::Result<()> {
        let manifest = self.folder.join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).into_diagnostic()?;
        let own = format!("version = \"{}", env!("CARGO_PKG_VERSION"));
        if text.matches(&own).count() != 1 {
            bail!("the version of the workspace must be in Cargo.toml exactly once");
        }
        std::fs::write(&manifest, text.replace(&own, &format!("{own}-mutant"))).into_diagnostic()
    }

    fn git(&self) -> Command {
        let mut git = Command::new("git");
        git.current_dir(&self.repository);
        git
    }

    fn remove(&self) {
        // There may be none.
        let _ = self.git().args(["worktree", "remove", "--force"]).arg(&self.folder).output();
        let _ = std::fs::remove_dir_all(&self.folder);
        let _ = self.git().args(["worktree", "prune"]).output();
    }
}

impl Drop for Worktree {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Trial<'_> {
    /// Sees that whoever is to notice a mutation notices nothing where there is none.
    fn passes_without(&self, mutations: &[&Mutation]) -> miette::Result<()> {
        let mut seen = Vec::new();
        for watch in mutations.iter().flat_map(|mutation| mutation.watched_by) {
            if seen.contains(&watch.name()) {
                continue;
            }
            seen.push(watch.name());
            if self.notices(watch)? {
                bail!("{} fails without any mutation", watch.name());
            }
        }
        Ok(())
    }

    /// Makes the edit, lets all who watch it look, and takes it back. Gives those who noticed nothing.
    fn of(&self, mutation: &Mutation) -> miette::Result<Vec<String>> {
        let file = self.copy.folder.join(mutation.file);
        let text = std::fs::read_to_string(&file).into_diagnostic().wrap_err(mutation.file)?;
        std::fs::write(&file, mutation.applied(&text)?).into_diagnostic()?;
        let mut unnoticed = Vec::new();
        for watch in mutation.watched_by {
            if !self.notices(watch).wrap_err(mutation.name)? {
                unnoticed.push(watch.name());
            }
        }
        std::fs::write(&file, text).into_diagnostic()?;
        Ok(unnoticed)
    }

    fn notices(&self, watch: &Watch) -> miette::Result<bool> {
        match watch {
            Watch::Test { package, target, test } => self.test_fails(package, target, test),
            Watch::Chaos { store, violation } => self.chaos_finds(store, violation),
        }
    }

    /// Whether a test fails; that it does not even compile is an error, and so is that there is none of this name.
    fn test_fails(&self, package: &str, target: &[&str], test: &str) -> miette::Result<bool> {
        if package == "reseal-tests" {
            self.build()?;
        }
        let mut tests = self.cargo(&["test", "--package", package]);
        tests.args(target).args(["--no-fail-fast", "--quiet"]);
        process::run_quietly(tests.arg("--no-run"), self.interrupt)?;
        let mut tests = self.cargo(&["test", "--package", package]);
        tests.args(target).args(["--quiet", "--", "--exact", test]).envs(self.bed.environment());
        let output = tests.output().into_diagnostic()?;
        self.interrupt.check()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        if printed.lines().filter(|line| line.starts_with("running 1 test")).count() != 1 {
            bail!("{package} has no test {test}:\n{printed}{}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(!output.status.success())
    }

    /// Whether the suite of writers and faults finds such a violation within a minute.
    fn chaos_finds(&self, store: &str, violation: &str) -> miette::Result<bool> {
        self.build()?;
        let mut chaos = Command::new(std::env::current_exe().into_diagnostic()?);
        chaos.current_dir(&self.copy.folder).env("CARGO_TARGET_DIR", &self.workspace.target);
        chaos.args(["chaos", "--store", store, "--minutes", "1", "--seed", "1"]);
        let output = chaos.arg("--binary").arg(self.binary()).output().into_diagnostic()?;
        self.interrupt.check()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        let found = |line: &str| line.starts_with("VIOLATION") && line.contains(&format!(": {violation}: "));
        Ok(printed.lines().any(found))
    }

    fn build(&self) -> miette::Result<()> {
        let mut build = self.cargo(&["build", "--package", "reseal-cli", "--bins"]);
        process::run_quietly(build.args(test::features()), self.interrupt)
    }

    fn binary(&self) -> PathBuf {
        self.workspace.target.join("debug/reseal")
    }

    fn cargo(&self, verb: &[&str]) -> Command {
        let mut cargo = Command::new(workspace::cargo());
        cargo.current_dir(&self.copy.folder).env("CARGO_TARGET_DIR", &self.workspace.target).args(verb);
        cargo
    }
}

impl Mutation {
    /// A file's text with the edit.
    fn applied(&self, text: &str) -> miette::Result<String> {
        match text.matches(self.from).count() {
            1 => Ok(text.replacen(self.from, self.to, 1)),
            n => Err(miette!("{}: found the guard {n} times in {}, expected once", self.name, self.file)),
        }
    }
}

impl Watch {
    fn name(&self) -> String {
        match self {
            Watch::Test { package, test, .. } => format!("{package} {test}"),
            Watch::Chaos { store, violation } => format!("chaos on {store}: {violation}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn root() -> &'static Path {
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
    }

    /// Whoever moves a guard moves its mutation.
    #[test]
    fn every_guard_stands_where_its_mutation_takes_it_away() {
        for mutation in MUTATIONS {
            let text = std::fs::read_to_string(root().join(mutation.file)).unwrap();
            assert_ne!(mutation.applied(&text).unwrap(), text, "{}", mutation.name);
        }
    }

    #[test]
    fn every_mutation_is_listed_with_the_tests() {
        let readme = std::fs::read_to_string(root().join("tests/README.md")).unwrap();
        for mutation in MUTATIONS {
            let line = format!("| `{}` | {} |", mutation.name, mutation.guard);
            assert!(readme.contains(&line), "tests/README.md has no line that begins with {line}");
        }
        let (_, section) = readme.split_once("## Mutations").unwrap();
        let lines = section.lines().filter(|line| line.starts_with("| `")).count();
        assert_eq!(lines, MUTATIONS.len(), "tests/README.md lists a mutation that there is not");
    }
}
