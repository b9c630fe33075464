use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::time::{Duration, Instant};

use super::*;

const RULE: Rule = Rule { most: 1024, readers: Readers::Anyone, owner: Owner::Own };
const SECRET: Rule = Rule { readers: Readers::Owner, ..RULE };

fn put(path: &Path, mode: u32) {
    fs::write(path, b"content").unwrap();
    set(path, mode);
}

fn set(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn fault(path: &Path, rule: &Rule) -> Option<FileFault> {
    read(path, rule).err().map(|error| error.fault)
}

#[test]
fn a_file_of_ones_own_is_read_through_links_too() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    put(&file, 0o440);
    symlink("file", &link).unwrap();
    for path in [&file, &link] {
        let content = read(path, &RULE).unwrap();
        assert_eq!((content.bytes.as_slice(), content.mode), (&b"content"[..], 0o440));
        assert!(content.is_readable_by_others());
    }
    assert_eq!(fault(&file, &SECRET), Some(FileFault::OpenToOthers { mode: 0o440 }));
    set(&file, 0o600);
    assert_eq!(fault(&link, &SECRET), None);
}

/// As Kubernetes mounts secrets: links through `..data`, in a folder that is sticky.
#[test]
fn secrets_that_a_cluster_mounts_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let mount = folder.path().join("mount");
    fs::create_dir_all(mount.join("..2026_01_01")).unwrap();
    put(&mount.join("..2026_01_01/key"), 0o644);
    symlink("..2026_01_01", mount.join("..data")).unwrap();
    symlink("..data/key", mount.join("key")).unwrap();
    set(&mount, 0o1777);
    assert_eq!(fault(&mount.join("key"), &RULE), None);
}

#[test]
fn what_others_can_write_or_replace_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (open, file) = (folder.path().join("open"), folder.path().join("open/file"));
    fs::create_dir(&open).unwrap();
    put(&file, 0o600);
    for mode in [0o620, 0o602] {
        set(&file, mode);
        assert_eq!(fault(&file, &RULE), Some(FileFault::WrittenByOthers { mode }));
    }
    set(&file, 0o600);
    // A link that lies elsewhere leads through the open folder all the same.
    symlink("open/file", folder.path().join("link")).unwrap();
    for mode in [0o777, 0o770] {
        set(&open, mode);
        let expect = Some(FileFault::FolderOfAll { folder: open.clone(), mode });
        assert_eq!(fault(&file, &RULE), expect);
        assert_eq!(fault(&folder.path().join("link"), &RULE), expect);
        assert!(read(&file, &RULE).unwrap_err().help().starts_with("chmod go-w "));
    }
    set(&open, 0o1777);
    assert_eq!(fault(&file, &RULE), None);
}

/// Only root can make files of others, so only root can try this.
#[test]
fn what_another_user_owns_is_refused() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (home, file, link) =
        (folder.path().join("home"), folder.path().join("home/file"), folder.path().join("link"));
    fs::create_dir(&home).unwrap();
    put(&file, 0o600);
    symlink("home/file", &link).unwrap();
    let other = Some(4321);
    chown(&file, other, None).unwrap();
    assert_eq!(fault(&file, &RULE), Some(FileFault::OfOther { uid: 4321 }));
    assert_eq!(fault(&file, &Rule { owner: Owner::Anyone, ..RULE }), None);
    chown(&file, Some(0), None).unwrap();
    std::os::unix::fs::lchown(&link, other, None).unwrap();
    assert_eq!(fault(&link, &RULE), Some(FileFault::WayOfOther { place: link.clone(), uid: 4321 }));
    assert_eq!(fault(&file, &RULE), None);
    chown(&home, other, None).unwrap();
    assert_eq!(fault(&file, &RULE), Some(FileFault::WayOfOther { place: home, uid: 4321 }));
}

/// What has no end, or gives nothing, is told at once.
#[test]
fn what_is_no_file_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (pipe, sparse) = (folder.path().join("pipe"), folder.path().join("sparse"));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    File::create(&sparse).unwrap().set_len(10 << 30).unwrap();
    let begun = Instant::now();
    for (path, expect) in [
        (Path::new("/dev/zero"), FileFault::NotRegular),
        (&pipe, FileFault::NotRegular),
        (folder.path(), FileFault::Directory),
        (&folder.path().join("none"), FileFault::Missing),
        (&sparse, FileFault::TooLarge { most: 1024 }),
    ] {
        assert_eq!(fault(path, &RULE), Some(expect), "{}", path.display());
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
}

/// Watches that reading stops where a file holds too much, by a writer that would go on for long.
#[test]
fn no_more_is_read_than_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let path = pipe.clone();
    let written = std::thread::spawn(move || {
        let mut out = OpenOptions::new().write(true).open(path).unwrap();
        std::io::copy(&mut std::io::repeat(b'x').take(16 << 20), &mut out)
    });
    let content = |most| OpenFile::open(&pipe, Pipes::Allowed).unwrap().content(most).map_err(|e| e.fault);
    assert_eq!(content(1024), Err(FileFault::TooLarge { most: 1024 }));
    assert_eq!(written.join().unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    // What a pseudo file holds is known only once it was read.
    let generated = OpenFile::open(Path::new("/proc/self/status"), Pipes::Refused).unwrap().content(16);
    assert_eq!(generated.unwrap_err().fault, FileFault::TooLarge { most: 16 });
}

/// SQLite locks with fcntl, and closing any other descriptor of the file gives such locks up: then two connections write at
/// once.
#[test]
fn a_check_takes_no_lock_away() {
    use rustix::fs::{FlockOperation, fcntl_lock};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("database");
    put(&path, 0o600);
    let locked = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    fcntl_lock(&locked, FlockOperation::NonBlockingLockExclusive).unwrap();
    let locks = || {
        let inode = format!(":{} ", locked.metadata().unwrap().ino());
        let process = format!(" {} ", std::process::id());
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks.lines().filter(|line| line.contains(&inode) && line.contains(&process)).count()
    };
    assert_eq!(locks(), 1);
    check(&path, &RULE).unwrap();
    assert_eq!(locks(), 1, "the check gave the lock up");
    assert!(check(Path::new("/dev/zero"), &RULE).is_err() && check(folder.path(), &RULE).is_err());
    drop(File::open(&path).unwrap());
    assert_eq!(locks(), 0, "any other descriptor would have");
}

#[test]
fn links_in_a_circle_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("circle");
    symlink("circle", &path).unwrap();
    assert!(fault(&path, &RULE).is_some());
}
