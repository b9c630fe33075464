//! `cargo xtask dist`: what is handed to others: the program, a Debian package, a container image, a bill of materials, and
//! checksums over all of them.

mod image;
mod materials;
mod package;

use std::path::{Path, PathBuf};
use std::process::Command;

use miette::{IntoDiagnostic, WrapErr, miette};

use crate::process::{self, Interrupt};
use crate::workspace::{self, Workspace};

/// Everything that can be built in: whoever installs a package cannot choose.
const FEATURES: &str = "jemalloc,age,aws-kms,pkcs11";

/// Arguments of `cargo xtask dist`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Folder to write to; it is emptied first (default: `packages` in the target folder)
    #[arg(long)]
    out: Option<PathBuf>,
}

/// What is being packaged.
struct Release {
    version: String,
    /// The architecture as Debian names it; OCI uses the same names.
    architecture: &'static str,
    /// The stripped program.
    program: PathBuf,
    /// The oldest glibc that has every symbol that the program uses.
    glibc: String,
    /// Where packages go.
    out: PathBuf,
}

/// Builds everything.
pub(crate) fn run(workspace: &Workspace, args: &Args) -> miette::Result<()> {
    let interrupt = Interrupt::listen()?;
    let out = args.out.clone().unwrap_or_else(|| workspace.target.join("packages"));
    if out.exists() {
        std::fs::remove_dir_all(&out).into_diagnostic().wrap_err_with(|| out.display().to_string())?;
    }
    std::fs::create_dir_all(&out).into_diagnostic()?;
    let release = build(workspace, out, &interrupt)?;
    let files = [
        release.program.clone(),
        package::build(workspace, &release, &interrupt)?,
        image::build(&release, &interrupt)?,
        materials::write(workspace, &release)?,
    ];
    write_checksums(&release.out, &files)?;
    for file in files {
        eprintln!("{}", file.display());
    }
    eprintln!("{}", release.out.join("SHA256SUMS").display());
    Ok(())
}

/// Builds the program as it is shipped, without symbols.
fn build(workspace: &Workspace, out: PathBuf, interrupt: &Interrupt) -> miette::Result<Release> {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => return Err(miette!("there is no package for the architecture {other}")),
    };
    let mut cargo = Command::new(workspace::cargo());
    cargo.current_dir(&workspace.root).args(["build", "--locked", "--profile", "dist"]);
    process::run(cargo.args(["--package", "reseal-cli", "--features", FEATURES]), interrupt)?;
    let program = out.join("reseal");
    let built = workspace.target.join("dist/reseal");
    process::run(Command::new("strip").arg("-o").arg(&program).arg(built), interrupt)?;
    let symbols = output(Command::new("objdump").arg("-T").arg(&program))?;
    let glibc = newest_glibc(&symbols).ok_or_else(|| miette!("the program names no version of glibc"))?;
    Ok(Release { version: version(workspace)?, architecture, program, glibc, out })
}

/// The version that all crates share.
fn version(workspace: &Workspace) -> miette::Result<String> {
    let metadata = workspace::metadata(workspace, &["--no-deps"])?;
    let mut packages = metadata["packages"].as_array().into_iter().flatten();
    let program = packages.find(|package| package["name"] == "reseal-cli");
    program
        .and_then(|package| package["version"].as_str())
        .map(str::to_owned)
        .ok_or_else(|| miette!("cargo metadata has no version of reseal-cli"))
}

/// The newest `GLIBC_x.y` in a table of symbols.
fn newest_glibc(symbols: &str) -> Option<String> {
    let versions = symbols.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (major, minor) = rest[..end].split_once('.')?;
        let minor = minor.split('.').next()?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    });
    versions.max().map(|(major, minor)| format!("{major}.{minor}"))
}

/// `SHA256SUMS`, which `sha256sum --check` reads.
fn write_checksums(out: &Path, files: &[PathBuf]) -> miette::Result<()> {
    let names = files.iter().filter_map(|file| file.file_name());
    let sums = output(Command::new("sha256sum").current_dir(out).args(names))?;
    std::fs::write(out.join("SHA256SUMS"), sums).into_diagnostic()
}

/// What a program prints.
fn output(command: &mut Command) -> miette::Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().into_diagnostic().wrap_err_with(|| format!("cannot start {name}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(miette!("{name} failed: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

#[cfg(test)]
mod tests {
    use super::newest_glibc;

    #[test]
    fn the_newest_glibc_counts() {
        let symbols = "0 DF *UND* (GLIBC_2.9) a\n0 DF *UND* (GLIBC_2.34) b\n0 DF *UND* (GLIBC_2.2.5) c\n";
        assert_eq!(newest_glibc(symbols).as_deref(), Some("2.34"));
        assert_eq!(newest_glibc("none"), None);
    }
}
