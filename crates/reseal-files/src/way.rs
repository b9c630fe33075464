//! The way to a file: whoever can write a folder on it, or owns a link on it, can put another file in its place.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::{FileFault, Owners, WRITABLE_BY_OTHERS};

/// More links than the kernel follows.
const MOST_LINKS: usize = 40;
/// Only the owner of an entry may rename or delete it.
const STICKY: u32 = 0o1000;

/// Checks each folder and link on the way to a file. Links are followed one by one, since those in the middle of a path count
/// like the one at its end.
pub(crate) fn is_safe(path: &Path, owners: &Owners) -> Result<(), FileFault> {
    let path = std::path::absolute(path).map_err(|error| FileFault::of_io(&error))?;
    let (mut left, mut links) = (names(&path), 0);
    let mut at = PathBuf::from("/");
    while let Some(name) = left.pop() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(&name);
        let metadata = match std::fs::symlink_metadata(&next) {
            Ok(metadata) => metadata,
            // What /proc shows of an open file that has no name any more.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(FileFault::of_io(&error)),
        };
        let (uid, mode) = (metadata.uid(), metadata.mode());
        if (metadata.is_dir() || metadata.is_symlink()) && !owners.may_own(uid) {
            return Err(FileFault::WayOfOther { place: next, uid });
        }
        if metadata.is_dir() && mode & WRITABLE_BY_OTHERS != 0 && mode & STICKY == 0 {
            return Err(FileFault::FolderOfAll { folder: next, mode: mode & 0o777 });
        }
        if !metadata.is_symlink() {
            at = next;
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(FileFault::Links);
        }
        let to = std::fs::read_link(&next).map_err(|error| FileFault::of_io(&error))?;
        if to.is_absolute() {
            at = PathBuf::from("/");
        }
        left.extend(names(&to));
    }
    Ok(())
}

/// The names in a path, the last one first.
fn names(path: &Path) -> Vec<OsString> {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    let mut names: Vec<OsString> = names.collect();
    names.reverse();
    names
}
