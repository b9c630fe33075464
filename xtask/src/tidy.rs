//! `cargo xtask tidy`: the rules of the repository, as data. One file per kind of rule.

mod circles;
mod codes;
mod crates;
mod layers;
mod lengths;
mod links;
mod plugins;
mod sources;
mod tuples;
mod watched;
mod words;

use std::path::Path;

use miette::{IntoDiagnostic, WrapErr, miette};

use crate::workspace::Workspace;
#[cfg(test)]
pub(crate) use plugins::KINDS as PLUGIN_KINDS;
use sources::Sources;

/// Arguments of `cargo xtask tidy`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Lower the recorded limits if files or functions have shrunk
    #[arg(long)]
    update: bool,
}

/// Every text of the repository.
struct Repository<'w> {
    workspace: &'w Workspace,
    files: Vec<TextFile>,
    sources: Sources,
}

struct TextFile {
    /// From the root, with `/`.
    path: String,
    text: String,
}

/// What a rule finds: one sentence each, with the file it is about.
type Findings = Vec<String>;

const RULES: [fn(&Repository) -> Findings; 15] = [
    layers::arrows_point_downward,
    layers::libraries_stay_in_their_crates,
    crates::are_made_alike,
    crates::depend_on_what_they_use,
    plugins::are_complete,
    sources::can_be_read,
    circles::are_absent,
    tuples::are_no_parameters,
    lengths::stay_below_the_ratchet,
    lengths::are_short_in_the_middle,
    words::are_not_forbidden,
    watched::lines_name_tests_that_exist,
    links::lead_somewhere,
    links::reach_every_page,
    codes::have_their_lines,
];

/// Checks every rule, or lowers the ratchet.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    if args.update {
        lengths::lower_the_ratchet(&Repository::read(workspace)?)?;
    }
    let repository = Repository::read(workspace)?;
    let findings = repository.findings();
    eprintln!("tidy: {}", lengths::summary(&repository));
    for finding in &findings {
        eprintln!("tidy: {finding}");
    }
    match findings.len() {
        0 => Ok(()),
        many => Err(miette!("found {many} problems")),
    }
}

impl<'w> Repository<'w> {
    fn read(workspace: &'w Workspace) -> miette::Result<Self> {
        let mut files = Vec::new();
        read_folder(workspace, &workspace.root, &mut files)
            .into_diagnostic()
            .wrap_err("cannot read the repository")?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let sources = Sources::parse(&workspace.members, &files);
        Ok(Repository { workspace, files, sources })
    }

    fn findings(&self) -> Findings {
        RULES.iter().flat_map(|rule| rule(self)).collect()
    }

    fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path).map(|file| file.text.as_str())
    }

    fn under<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a TextFile> {
        self.files.iter().filter(move |file| Path::new(&file.path).starts_with(folder))
    }
}

fn read_folder(workspace: &Workspace, folder: &Path, files: &mut Vec<TextFile>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let skipped = path == workspace.target || path.ends_with(".git") || path.ends_with("target");
        if skipped || path.is_symlink() {
            continue;
        }
        if path.is_dir() {
            read_folder(workspace, &path, files)?;
            continue;
        }
        // What is no text, such as a binary test vector, has no rules.
        let (Ok(text), Ok(path)) = (std::fs::read_to_string(&path), path.strip_prefix(&workspace.root))
        else {
            continue;
        };
        files.push(TextFile { path: path.display().to_string(), text });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tidy() {
        let workspace = Workspace::find().unwrap();
        let findings = Repository::read(&workspace).unwrap().findings();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }
}
