//! The foreign programs that tests need: found where Debian and others put them, or installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use miette::miette;

use crate::process::{self, Interrupt};

/// What is installed where something is missing and apt-get may be used; and pgaudit, whose package is named after the version of
/// PostgreSQL that it is for.
const DEBIAN_PACKAGES: [&str; 7] =
    ["age", "pgbouncer", "postgresql", "postgresql-contrib", "mariadb-server", "python3-venv", "softhsm2"];

/// Folders beside PATH where the servers' programs lie; Debian puts none of them on a user's PATH.
const FOLDERS: [&str; 5] =
    ["/usr/sbin", "/usr/local/sbin", "/usr/local/pgsql/bin", "/opt/homebrew/bin", "/usr/local/bin"];

/// Runs `find`, which names what is missing; installs the packages and tries again where that is possible.
pub(super) fn find_or_install<T>(
    find: impl Fn() -> Result<T, String>,
    interrupt: &Interrupt,
) -> miette::Result<T> {
    let missing = match find() {
        Ok(found) => return Ok(found),
        Err(missing) => missing,
    };
    if !rustix::process::geteuid().is_root() || which(&["apt-get"]).is_none() {
        return Err(miette!(
            help = format!("on Debian: apt-get install {}", DEBIAN_PACKAGES.join(" ")),
            "tests need {missing}, which is not installed"
        ));
    }
    install(&missing, &DEBIAN_PACKAGES.map(str::to_owned), interrupt)?;
    let missing = match find() {
        Ok(found) => return Ok(found),
        Err(missing) => missing,
    };
    let audit = postgres_versions().first().map(|(version, _)| format!("postgresql-{version}-pgaudit"));
    install(&missing, audit.as_slice(), interrupt)?;
    find().map_err(|missing| {
        miette!("tests need {missing}, which the packages {DEBIAN_PACKAGES:?} do not contain")
    })
}

fn install(missing: &str, packages: &[String], interrupt: &Interrupt) -> miette::Result<()> {
    eprintln!("xtask: {missing} is not installed; installing {}", packages.join(" "));
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["--quiet", "--yes"]);
        command
    };
    process::run_quietly(apt_get().arg("update"), interrupt)?;
    let mut command = apt_get();
    command.args(["--no-install-recommends", "install"]).args(packages);
    process::run_quietly(&mut command, interrupt)
}

/// The first of these programs that is there, by name, with the folder it lies in.
pub(super) fn which(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from)).chain(postgres_folders());
    folders.flat_map(|folder| names.iter().map(move |name| folder.join(name))).find(|file| is_program(file))
}

fn postgres_folders() -> impl Iterator<Item = PathBuf> {
    postgres_versions().into_iter().map(|(_, folder)| folder)
}

/// Debian keeps each version of PostgreSQL in a folder of its own; the newest comes first.
fn postgres_versions() -> Vec<(u32, PathBuf)> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    numbered.sort_by(|a, b| b.cmp(a));
    numbered
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The program PgBouncer.
pub(super) fn pgbouncer(interrupt: &Interrupt) -> miette::Result<PathBuf> {
    find_or_install(|| which(&["pgbouncer"]).ok_or_else(|| "PgBouncer".to_owned()), interrupt)
}

/// The program age, which reads the copies of keys that reseal writes, and writes files that it reads.
pub(super) fn age(interrupt: &Interrupt) -> miette::Result<PathBuf> {
    let find = || match (which(&["age"]), which(&["age-keygen"])) {
        (Some(age), Some(_)) => Ok(age),
        _ => Err("age".to_owned()),
    };
    find_or_install(find, interrupt)
}
