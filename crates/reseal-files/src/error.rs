//! Why a file is not trusted: what, where, and what to do. Never what it holds.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that is not what it has to be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("file `{}` {fault}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong.
    pub fault: FileFault,
}

/// What is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FileFault {
    /// Nothing lies there.
    #[error("does not exist")]
    Missing,
    /// This user may not read it, or search a folder on the way.
    #[error("cannot be read by this user")]
    Denied,
    /// The system refused for another reason.
    #[error("could not be read: {0}")]
    Unreadable(ErrorKind),
    /// It is a directory.
    #[error("is a directory")]
    Directory,
    /// It is a device, a pipe or a socket.
    #[error("is not a regular file")]
    NotRegular,
    /// It is larger than such a file is.
    #[error("is larger than {}", size(*most))]
    TooLarge {
        /// The most bytes.
        most: u64,
    },
    /// Others can write it.
    #[error("is writable by other users (mode {mode:03o}), who could replace its content")]
    WrittenByOthers {
        /// Its permissions.
        mode: u32,
    },
    /// It is a secret, and others have access to it.
    #[error("is accessible to other users (mode {mode:03o}), but contains a secret")]
    OpenToOthers {
        /// Its permissions.
        mode: u32,
    },
    /// It belongs to neither root nor this user.
    #[error("belongs to user {uid}, who could replace its content")]
    OfOther {
        /// The owner.
        uid: u32,
    },
    /// A folder on the way can be written by others.
    #[error("can be replaced by other users, who can write to directory `{}` (mode {mode:03o})", folder.display())]
    FolderOfAll {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A folder or a link on the way belongs to neither root nor this user.
    #[error("can be replaced by user {uid}, who owns `{}`", place.display())]
    WayOfOther {
        /// The folder or link.
        place: PathBuf,
        /// The owner.
        uid: u32,
    },
    /// Links lead in a circle.
    #[error("is behind too many symbolic links")]
    Links,
}

impl FileFault {
    /// The nearest kind that the system has for it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            FileFault::Missing => ErrorKind::NotFound,
            FileFault::Unreadable(kind) => *kind,
            FileFault::Directory => ErrorKind::IsADirectory,
            FileFault::TooLarge { .. } => ErrorKind::FileTooLarge,
            FileFault::NotRegular | FileFault::Links => ErrorKind::InvalidInput,
            _ => ErrorKind::PermissionDenied,
        }
    }
}

impl FileError {
    /// A fault of this file.
    #[must_use]
    pub fn new(path: &Path, fault: FileFault) -> Self {
        FileError { path: path.to_owned(), fault }
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> String {
        let shown = self.path.display();
        match &self.fault {
            FileFault::Missing => "correct the path, or mount the secret".into(),
            FileFault::Denied => {
                "run Reseal as the owner of the file, or make the file readable for its user".into()
            }
            FileFault::Unreadable(_) => "check the file and its file system".into(),
            FileFault::Directory | FileFault::NotRegular | FileFault::TooLarge { .. } => {
                "check the path".into()
            }
            FileFault::WrittenByOthers { .. } => format!("chmod go-w {shown}"),
            FileFault::OpenToOthers { .. } => format!("chmod 600 {shown}"),
            FileFault::OfOther { .. } => format!("chown {shown} to root or to the user of Reseal"),
            FileFault::FolderOfAll { folder, .. } => format!("chmod go-w {}", folder.display()),
            FileFault::WayOfOther { place, .. } => {
                format!("chown {} to root or to the user of Reseal, or move the file", place.display())
            }
            FileFault::Links => "check the symbolic links".into(),
        }
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes >> 10),
        mebibytes => format!("{mebibytes} MiB"),
    }
}
