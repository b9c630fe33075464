//! What a role must be granted for Reseal to do its work as that role, and no more.

use crate::{Database, Dialect, Needs, StoreError, mysql, postgres};

impl Database {
    /// The statements, each a line, with comments where no statement can say it; none for a file. They are for the user of the
    /// database's URL, unless another role is named.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn grants(&self, needs: &Needs, role: Option<&str>) -> Result<Vec<String>, StoreError> {
        match self.dialect() {
            Dialect::Postgres => postgres::grants::grants(self.url(), needs, role),
            Dialect::Mysql => mysql::grants::grants(self.url(), needs, role),
            Dialect::Sqlite => Ok(vec![
                "-- SQLite has no roles: the user who runs Reseal must own the database file.".to_owned(),
            ]),
        }
    }
}
