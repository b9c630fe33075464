//! Files that Reseal trusts: keys, lists of people, plans that start programs, the control database. One rule says whose
//! such a file may be, who may write or read it, which folders may lead to it, and how much of it is read.
//!
//! **Invariant:** it knows no key and no plan, and no error shows what a file holds. What is checked is the file that was
//! opened, so nobody can swap it between the check and the reading.

mod error;
mod owners;
mod way;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

pub use error::{FileError, FileFault};
use owners::Owners;

/// Others who may write, or put something else in a folder.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Others who may do anything at all.
const OPEN_TO_OTHERS: u32 = 0o077;
/// Others who may read.
const READABLE_BY_OTHERS: u32 = 0o044;
/// Up to this size, room for the whole content is made at once: a buffer that grows leaves copies of a secret behind.
const AT_ONCE: u64 = 1 << 20;

/// What a file has to be.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The most bytes that are read; a larger file is refused.
    pub most: u64,
    /// Whether others than the owner may read it.
    pub readers: Readers,
    /// Whose it may be.
    pub owner: Owner,
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readers {
    /// Anyone.
    Anyone,
    /// Its owner alone.
    Owner,
}

/// Whose a file, and the folders that lead to it, may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Root's, or this user's.
    Own,
    /// Anyone's: a file that people keep whom the plan's operator cannot overrule.
    Anyone,
}

/// A file that was opened, and what was known of it at that moment.
#[derive(Debug)]
pub struct OpenFile {
    path: PathBuf,
    file: File,
    metadata: Metadata,
}

/// What a file holds, and what was known of it when it was read.
#[derive(Debug)]
pub struct Content {
    /// The bytes.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The permissions of user, group and others.
    pub mode: u32,
    /// The owner's user id.
    pub owner: u32,
}

impl Content {
    /// Whether others than the owner may read the file.
    #[must_use]
    pub fn is_readable_by_others(&self) -> bool {
        self.mode & READABLE_BY_OTHERS != 0
    }
}

/// Opens a file, checks it, and reads it.
///
/// # Errors
/// When it cannot be read, or is not what the rule asks for.
pub fn read(path: &Path, rule: &Rule) -> Result<Content, FileError> {
    let mut file = OpenFile::open(path, Pipes::Refused)?;
    file.check(rule)?;
    let (mode, owner) = (file.mode(), file.metadata.uid());
    Ok(Content { bytes: file.content(rule.most)?, mode, owner })
}

/// Checks a file that another library opens by its path, such as a database. It is opened as a path alone: closing a
/// descriptor that can be read would drop the locks that SQLite holds on the file for other connections of this process.
///
/// # Errors
/// When it is not what the rule asks for; its size does not count.
pub fn check(path: &Path, rule: &Rule) -> Result<(), FileError> {
    let metadata = looked_at(path).map_err(|error| FileError::new(path, FileFault::of_io(&error)))?;
    is_file(path, &metadata, Pipes::Refused)?;
    judge(path, &metadata, rule)
}

#[cfg(target_os = "linux")]
fn looked_at(path: &Path) -> std::io::Result<Metadata> {
    let flags = i32::try_from(OFlags::PATH.bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)?.metadata()
}

/// Elsewhere no descriptor is of a path alone.
#[cfg(not(target_os = "linux"))]
fn looked_at(path: &Path) -> std::io::Result<Metadata> {
    std::fs::metadata(path)
}

/// Whether a pipe will do for a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pipes {
    /// As a shell makes one of `<(…)`.
    Allowed,
    /// Only a regular file will do.
    Refused,
}

impl OpenFile {
    /// Opens a file. A device or a folder is refused, and a pipe is not waited for unless it will do.
    ///
    /// # Errors
    /// When it is no such file, or may not be read.
    pub fn open(path: &Path, pipes: Pipes) -> Result<Self, FileError> {
        let failed = |error: std::io::Error| FileError::new(path, FileFault::of_io(&error));
        // Looked at before it is opened, since opening a device can do things, and again once it is open, since what
        // lies at the path may change between the two.
        is_file(path, &std::fs::metadata(path).map_err(failed)?, pipes)?;
        let mut options = OpenOptions::new();
        options.read(true);
        if pipes == Pipes::Refused {
            options
                .custom_flags(i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default());
        }
        let file = options.open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        is_file(path, &metadata, pipes)?;
        Ok(OpenFile { path: path.to_owned(), file, metadata })
    }

    /// Whether it is a pipe, which lies in no folder.
    #[must_use]
    pub fn is_pipe(&self) -> bool {
        self.metadata.file_type().is_fifo()
    }

    fn mode(&self) -> u32 {
        self.metadata.mode() & 0o777
    }

    /// Checks who owns the file, who may write or read it, and who could put another in its place.
    ///
    /// # Errors
    /// When it is not what the rule asks for.
    pub fn check(&self, rule: &Rule) -> Result<(), FileError> {
        judge(&self.path, &self.metadata, rule)
    }

    /// Reads the content.
    ///
    /// # Errors
    /// When it cannot be read, or holds more than `most` bytes.
    pub fn content(&mut self, most: u64) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let failed = |fault| FileError::new(&self.path, fault);
        if !self.is_pipe() && self.metadata.len() > most {
            return Err(failed(FileFault::TooLarge { most }));
        }
        let room = if most <= AT_ONCE { usize::try_from(most + 1).unwrap_or_default() } else { 0 };
        let mut bytes = Zeroizing::new(Vec::with_capacity(room));
        let read = (&self.file).take(most + 1).read_to_end(&mut bytes);
        read.map_err(|error| failed(FileFault::of_io(&error)))?;
        if bytes.len() as u64 > most {
            return Err(failed(FileFault::TooLarge { most }));
        }
        Ok(bytes)
    }
}

fn judge(path: &Path, metadata: &Metadata, rule: &Rule) -> Result<(), FileError> {
    let wrong = |fault| Err(FileError::new(path, fault));
    let (mode, uid) = (metadata.mode() & 0o777, metadata.uid());
    let owners = Owners::of_this_process(rule.owner);
    if mode & WRITABLE_BY_OTHERS != 0 {
        return wrong(FileFault::WrittenByOthers { mode });
    }
    if rule.readers == Readers::Owner && mode & OPEN_TO_OTHERS != 0 {
        return wrong(FileFault::OpenToOthers { mode });
    }
    if !owners.may_own(uid) {
        return wrong(FileFault::OfOther { uid });
    }
    match metadata.file_type().is_fifo() {
        true => Ok(()),
        false => way::is_safe(path, &owners).map_err(|fault| FileError::new(path, fault)),
    }
}

fn is_file(path: &Path, metadata: &Metadata, pipes: Pipes) -> Result<(), FileError> {
    let kind = metadata.file_type();
    if kind.is_file() || (pipes == Pipes::Allowed && kind.is_fifo()) {
        return Ok(());
    }
    let fault = if kind.is_dir() { FileFault::Directory } else { FileFault::NotRegular };
    Err(FileError::new(path, fault))
}

impl FileFault {
    fn of_io(error: &std::io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound => FileFault::Missing,
            ErrorKind::PermissionDenied => FileFault::Denied,
            kind => FileFault::Unreadable(kind),
        }
    }
}

#[cfg(test)]
mod tests;
