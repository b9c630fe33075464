//! The Debian package: program, manual pages, completions, plans and their schema.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic, miette};

use super::{Release, output};
use crate::process::{self, Interrupt};
use crate::workspace::Workspace;

/// Shells, with the place and name that each looks for.
const COMPLETIONS: [(&str, &str); 3] = [
    ("bash", "usr/share/bash-completion/completions/reseal"),
    ("zsh", "usr/share/zsh/vendor-completions/_reseal"),
    ("fish", "usr/share/fish/vendor_completions.d/reseal.fish"),
];

/// Documents, from the root of the repository.
const DOCUMENTS: [&str; 5] = ["README.md", "CHANGELOG.md", "SECURITY.md", "LICENSE-MIT", "LICENSE-APACHE"];

/// Builds the package, and says where it is.
pub(super) fn build(
    workspace: &Workspace,
    release: &Release,
    interrupt: &Interrupt,
) -> miette::Result<PathBuf> {
    let folder = tempfile::tempdir().into_diagnostic()?;
    let root = folder.path();
    copy(&release.program, &root.join("usr/bin/reseal"))?;
    for (shell, place) in COMPLETIONS {
        write(&root.join(place), &output(Command::new(&release.program).args(["completions", shell]))?)?;
    }
    write_manual(&release.program, &root.join("usr/share/man/man1"))?;
    let documents = root.join("usr/share/doc/reseal");
    for document in DOCUMENTS {
        copy(&workspace.root.join(document), &documents.join(document))?;
    }
    for entry in fs::read_dir(workspace.root.join("rotation-plans")).into_diagnostic()? {
        let path = entry.into_diagnostic()?.path();
        if path.is_file() {
            copy(&path, &documents.join("rotation-plans").join(path.file_name().unwrap_or_default()))?;
        }
    }
    write(&root.join("DEBIAN/control"), &control(release))?;
    let file = release.out.join(format!("reseal_{}_{}.deb", release.version, release.architecture));
    let mut dpkg = Command::new("dpkg-deb");
    process::run_quietly(dpkg.args(["--root-owner-group", "--build"]).arg(root).arg(&file), interrupt)?;
    Ok(file)
}

fn control(release: &Release) -> String {
    format!(
        "Package: reseal\n\
         Version: {}\n\
         Architecture: {}\n\
         Maintainer: Reseal <reseal@invalid>\n\
         Section: database\n\
         Priority: optional\n\
         Depends: libc6 (>= {}), libgcc-s1\n\
         Recommends: ca-certificates\n\
         Description: rotate application-encrypted database columns to a new key\n \
         Reseal moves encrypted columns of PostgreSQL, MariaDB and SQLite to a new key or\n \
         ciphertext format while the application runs, and proves that no value was lost.\n",
        release.version, release.architecture, release.glibc
    )
}

/// A page for the program, and one for each command.
fn write_manual(program: &Path, folder: &Path) -> miette::Result<()> {
    let listed: serde_json::Value =
        serde_json::from_str(&output(Command::new(program).args(["man", "--list", "--json"]))?)
            .into_diagnostic()?;
    let pages = listed["pages"].as_array().ok_or_else(|| miette!("`reseal man --list` lists no pages"))?;
    for words in pages.iter().filter_map(serde_json::Value::as_str) {
        let page = output(Command::new(program).arg("man").args(words.split(' ').skip(1)))?;
        write(&folder.join(format!("{}.1", words.replace(' ', "-"))), &page)?;
    }
    Ok(())
}

fn write(path: &Path, text: &str) -> miette::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path)).into_diagnostic()?;
    fs::write(path, text).into_diagnostic()
}

fn copy(from: &Path, to: &Path) -> miette::Result<()> {
    fs::create_dir_all(to.parent().unwrap_or(to)).into_diagnostic()?;
    fs::copy(from, to).map(drop).map_err(|error| miette!("{}: {error}", from.display()))
}
