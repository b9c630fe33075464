//! The book's commands run as they are written: all blocks of a page, in one shell, from top to bottom.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use url::Url;

use crate::world::{binary, variable};

/// What a reader types is in blocks that begin like this.
const TYPED: &str = "```bash";

/// Makes a test of each page, so that they run side by side.
macro_rules! pages {
    ($($test:ident $page:literal)*) => {
        /// The pages with commands.
        const PAGES: &[&str] = &[$($page),*];
        $(#[test]
        fn $test() {
            follow($page);
        })*
    };
}

pages! {
    readme "../README.md"
    approvals "approvals.md"
    audit "audit.md"
    aes_gcm "formats/aes-gcm.md"
    envelopes "formats/envelopes.md"
    fernet "formats/fernet.md"
    pgcrypto "formats/pgcrypto.md"
    plaintext "formats/plaintext.md"
    index "index.md"
    keys "keys.md"
    ci "operations/ci.md"
    disk "operations/disk.md"
    privileges "operations/privileges.md"
    removing "operations/removing.md"
    pace "running/pace.md"
    quarantine "running/quarantine.md"
    rollback "running/rollback.md"
    steering "running/steering.md"
    django "start/django.md"
    node "start/node.md"
    sqlite "start/sqlite.md"
    unattended "unattended.md"
}

#[test]
fn each_page_with_commands_is_followed() {
    let mut found = BTreeSet::new();
    collect(&docs(), &docs(), &mut found);
    found.insert("../README.md".to_owned());
    assert_eq!(found, PAGES.iter().map(|&page| page.to_owned()).collect());
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn docs() -> PathBuf {
    root().join("docs")
}

fn collect(docs: &Path, folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(docs, &path, found);
        } else if path.extension().is_some_and(|ending| ending == "md")
            && fs::read_to_string(&path).unwrap().lines().any(|line| line == TYPED)
        {
            found.insert(path.strip_prefix(docs).unwrap().display().to_string());
        }
    }
}

/// Types what a page says, in a copy of the folder that the page is about.
fn follow(page: &str) {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(docs().join(page)).unwrap();
    for name in ["docs", "rotation-plans"] {
        copy(&root().join(name), &folder.path().join(name));
    }
    let is_book = !page.starts_with("..");
    let place = if is_book { folder.path().join("docs") } else { folder.path().to_owned() };
    let script = folder.path().join("page.sh");
    fs::write(&script, script_of(page, &text)).unwrap();
    let log = folder.path().join("page.log");
    let said = fs::File::create(&log).unwrap();
    let mut shell = shell(&script, &place).stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap();
    let status = shell.wait().unwrap();
    // What a page started in the background ends with it.
    let group = format!("-{}", shell.id());
    Command::new("kill").args(["-9", "--", &group]).stderr(Stdio::null()).status().unwrap();
    let said = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    assert!(status.success(), "{page}: {status}\n{}", last_lines(&said, 60));
}

/// All blocks of a page; each says where it is before it runs.
fn script_of(page: &str, text: &str) -> String {
    let mut script = "set -eu\n".to_owned();
    let mut typed = false;
    for (at, line) in text.lines().enumerate() {
        match (typed, line) {
            (false, TYPED) => {
                typed = true;
                script += &format!("echo '### {page}:{}' >&2\n", at + 1);
            }
            (true, "```") => typed = false,
            (true, line) => script += &format!("{line}\n"),
            (false, _) => {}
        }
    }
    assert!(script.contains("###"), "{page} has no command");
    script
}

/// A shell as a reader has it: `reseal` in the path, and servers where its clients look for them.
fn shell(script: &Path, folder: &Path) -> Command {
    let folder_of_binary = binary().parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let mut shell = Command::new("bash");
    shell
        .process_group(0)
        .stdin(Stdio::null())
        .arg(script)
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", folder_of_binary.display()))
        .env("RESEAL_DATABASE_URL", format!("sqlite://{}/control.db?mode=rwc", folder.display()));
    let at = |name: &str| Url::parse(&variable(name)).unwrap();
    let postgres = at("RESEAL_TEST_POSTGRES_URL");
    let host = |url: &Url| url.host_str().unwrap_or("127.0.0.1").to_owned();
    shell
        .env("PGHOST", host(&postgres))
        .env("PGPORT", postgres.port().unwrap_or(5432).to_string())
        .env("PGUSER", postgres.username())
        .env("PGPASSWORD", postgres.password().unwrap_or_default());
    let mysql = at("RESEAL_TEST_MYSQL_URL");
    shell
        .env("MYSQL_HOST", host(&mysql))
        .env("MYSQL_TCP_PORT", mysql.port().unwrap_or(3306).to_string())
        .env("MYSQL_USER", mysql.username())
        .env("MYSQL_PWD", mysql.password().unwrap_or_default());
    shell
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(&path, &target).unwrap()),
        }
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
