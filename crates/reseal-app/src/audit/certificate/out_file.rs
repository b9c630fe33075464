//! The file of a certificate: opened before the trail records the certificate, and written after.

use std::fs::{File, OpenOptions};
use std::io::{Error, Write as _};
use std::path::Path;

use crate::Failure;

/// A file that can be written.
pub(super) struct OutFile<'p> {
    path: &'p Path,
    file: File,
    /// Whether it was not there before.
    is_new: bool,
}

impl<'p> OutFile<'p> {
    /// Opens a file to write; what it holds stays until it is written.
    pub(super) fn open(path: &'p Path) -> Result<OutFile<'p>, Failure> {
        let is_new = !path.exists();
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| failed(path, &error))?;
        Ok(OutFile { path, file, is_new })
    }

    /// Writes the text in place of what the file held.
    pub(super) fn write(mut self, text: &str) -> Result<(), Failure> {
        let written = self.truncate().and_then(|()| self.file.write_all(text.as_bytes()));
        written.map_err(|error| failed(self.path, &error))
    }

    /// A pipe has no length.
    fn truncate(&self) -> Result<(), Error> {
        match self.file.metadata()?.is_file() {
            true => self.file.set_len(0),
            false => Ok(()),
        }
    }

    /// Leaves things as they were.
    pub(super) fn give_up(self) {
        if self.is_new {
            // It is empty: one that stays does no harm.
            let _ = std::fs::remove_file(self.path);
        }
    }
}

fn failed(path: &Path, error: &Error) -> Failure {
    Failure::failed("file", format!("{}: {}", path.display(), error.kind()))
}
