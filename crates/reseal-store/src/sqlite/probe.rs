//! Whether a file is there, and is a database.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use super::Sqlite;
use crate::{StoreError, Trouble};

/// What every database begins with (sqlite.org/fileformat2.html); a new one is empty.
const HEADER: &[u8; 16] = b"SQLite format 3\0";

/// Reads the first bytes of the file that a URL names; a database in memory is always there. No connection is made: the last
/// one to close would write the log of the database back into it.
pub(crate) async fn probe(url: &str) -> Result<(), StoreError> {
    let Some(file) = Sqlite::named_file(url) else { return Ok(()) };
    let read = tokio::task::spawn_blocking(move || read(&file));
    read.await.unwrap_or_else(|_| Err(StoreError::new(Trouble::Other, "the file could not be looked at")))
}

fn read(file: &Path) -> Result<(), StoreError> {
    let fault = |why: &str| StoreError::new(Trouble::NoFile, format!("{}: {why}", file.display()));
    let mut head = Vec::new();
    let opened = File::open(file).and_then(|file| file.take(HEADER.len() as u64).read_to_end(&mut head));
    match opened {
        Ok(_) if head.is_empty() || head == HEADER => Ok(()),
        Ok(_) => Err(fault("the file is no database")),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(fault("there is no such file")),
        Err(error) => Err(fault(&format!("the file cannot be read ({})", error.kind()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_gone_or_something_else_is_told_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data.db");
        let said = || read(&file).map_err(|error| error.message);
        let fault = |why: &str| Err(format!("{}: {why}", file.display()));
        assert_eq!(said(), fault("there is no such file"));
        for (content, expect) in [
            (&b""[..], Ok(())),
            (b"SQLite format 3\0\x10\0", Ok(())),
            (b"SQLite", fault("the file is no database")),
            (b"a letter to somebody else", fault("the file is no database")),
        ] {
            std::fs::write(&file, content).unwrap();
            assert_eq!(said(), expect);
        }
    }
}
