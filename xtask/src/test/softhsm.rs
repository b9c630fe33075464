//! SoftHSM2: a PKCS#11 token in software. Tests make tokens of their own; only the program and its library are found here.

use std::path::{Path, PathBuf};

use super::programs::{find_or_install, which};
use crate::process::Interrupt;

/// Where the library lies: Debian, others, Homebrew.
const LIBRARIES: [&str; 5] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
];

/// The library; the program that makes tokens lies in the `PATH`.
pub(super) fn library(interrupt: &Interrupt) -> miette::Result<PathBuf> {
    find_or_install(find, interrupt)
}

fn find() -> Result<PathBuf, String> {
    which(&["softhsm2-util"]).ok_or("softhsm2-util")?;
    let library = LIBRARIES.iter().map(Path::new).find(|path| path.exists());
    library.map(Path::to_owned).ok_or_else(|| "SoftHSM2's library".to_owned())
}
