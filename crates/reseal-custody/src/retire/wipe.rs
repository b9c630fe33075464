//! Deleting the file of a key: which names led to it, and what is left by any of them.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What became of the file of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wiped {
    /// What was done.
    pub(super) done: Vec<String>,
    /// What still holds the key.
    pub(super) left: Vec<String>,
    /// What else there is to do, or to know.
    pub(super) notes: Vec<String>,
}

impl Wiped {
    pub(super) fn add(&mut self, other: Wiped) {
        self.done.extend(other.done);
        self.left.extend(other.left);
        self.notes.extend(other.notes);
    }
}

/// A file by all the names that were found for it.
pub(super) struct KeyFile {
    /// As the plan names it.
    path: PathBuf,
    /// The symbolic links on the way, `path` first.
    links: Vec<PathBuf>,
    /// The file itself.
    target: PathBuf,
    meta: Metadata,
}

/// More links than any system follows.
const MOST_LINKS: usize = 64;
/// More than any key that is read.
const MOST_BYTES: u64 = 64 * 1024;

impl KeyFile {
    pub(super) fn find(path: &str) -> io::Result<KeyFile> {
        let path = PathBuf::from(path);
        let target = fs::canonicalize(&path)?;
        let meta = fs::metadata(&target)?;
        let mut links = Vec::new();
        let mut next = path.clone();
        while links.len() < MOST_LINKS && fs::symlink_metadata(&next)?.is_symlink() {
            let to = fs::read_link(&next)?;
            let after = next.parent().map(|folder| folder.join(&to)).unwrap_or(to);
            links.push(std::mem::replace(&mut next, after));
        }
        Ok(KeyFile { path, links, target, meta })
    }

    /// Whether a path leads to this file, by whatever name.
    pub(super) fn is(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|other| same(&self.meta, &other))
    }

    /// Overwrites the file, and deletes it with the links that led to it.
    pub(super) fn wipe(&self) -> Wiped {
        let mut wiped = Wiped::default();
        let names = self.other_names();
        if let Err(error) = self.overwrite() {
            let others = names.map(|names| format!(", also under {names}")).unwrap_or_default();
            wiped.left.push(format!(
                "{} still contains it{others}: it cannot be overwritten ({}); delete it",
                self.shown(),
                error.kind()
            ));
            return wiped;
        }
        match fs::remove_file(&self.target) {
            Ok(()) => wiped.done.push(format!("{} was overwritten with zeros and deleted", self.shown())),
            Err(error) => {
                wiped.done.push(format!("{} was overwritten with zeros", self.shown()));
                wiped.notes.push(format!(
                    "{} could not be deleted ({})",
                    self.target.display(),
                    error.kind()
                ));
            }
        }
        for link in &self.links {
            match fs::remove_file(link) {
                Ok(()) => wiped.done.push(format!("the symbolic link {} was removed", link.display())),
                Err(error) => {
                    wiped.notes.push(format!(
                        "the symbolic link {} could not be removed ({})",
                        link.display(),
                        error.kind()
                    ));
                }
            }
        }
        if let Some(names) = names {
            wiped.notes.push(format!("the same file, now all zeros, also exists as {names}: delete it"));
        }
        wiped.notes.push(
            "Reseal cannot reach copies of the file, snapshots, or blocks kept by a journaling or copy-on-write file \
             system or a flash disk"
                .to_owned(),
        );
        wiped
    }

    fn overwrite(&self) -> io::Result<()> {
        let mut file = self.open()?;
        let length = usize::try_from(self.meta.len().min(MOST_BYTES)).unwrap_or(0);
        file.write_all(&vec![0; length])?;
        file.sync_all()
    }

    /// Opens the file to write. Keys are often kept read-only.
    fn open(&self) -> io::Result<File> {
        let open = || OpenOptions::new().write(true).open(&self.target);
        match open() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                fs::set_permissions(&self.target, fs::Permissions::from_mode(0o600)).map_err(|_| error)?;
                open()
            }
            opened => opened,
        }
    }

    /// The file as the plan names it, and where that leads.
    fn shown(&self) -> String {
        let target = self.target.display();
        match self.links.is_empty() {
            true => format!("the file {}", self.path.display()),
            false => format!("the file {target} (linked from {})", self.path.display()),
        }
    }

    /// Hard links: the names of the same file that lie beside it, and how many lie elsewhere; `None` where it has one name.
    fn other_names(&self) -> Option<String> {
        let others = self.meta.nlink().saturating_sub(1);
        if others == 0 {
            return None;
        }
        let mut found: Vec<String> = Vec::new();
        let folders = [self.target.parent(), self.path.parent()];
        for folder in folders.into_iter().flatten() {
            let paths = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
            for path in paths.filter(|path| self.is_hard_link(path)) {
                let path = fs::canonicalize(&path).unwrap_or(path).display().to_string();
                if !found.contains(&path) {
                    found.push(path);
                }
            }
        }
        found.sort();
        let elsewhere = others.saturating_sub(found.len() as u64);
        let counted = match elsewhere {
            1 => "1 other name".to_owned(),
            elsewhere => format!("{elsewhere} other names"),
        };
        Some(match (found.is_empty(), elsewhere) {
            (true, _) => format!("{counted} elsewhere"),
            (false, 0) => found.join(", "),
            (false, _) => format!("{} and {counted} elsewhere", found.join(", ")),
        })
    }

    /// Whether a path is another name of the file itself, and no link to it.
    fn is_hard_link(&self, path: &Path) -> bool {
        let is_target = fs::canonicalize(path).is_ok_and(|real| real == self.target);
        !is_target && fs::symlink_metadata(path).is_ok_and(|meta| same(&self.meta, &meta))
    }
}

fn same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}
