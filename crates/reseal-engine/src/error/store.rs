//! What errors of the database come to.

use reseal_store::{StoreError, Trouble};

use super::{Advice, Advise};

impl Advise for StoreError {
    fn advice(&self) -> Advice {
        match self.trouble {
            Trouble::Retry | Trouble::Timeout => Advice::stopped(
                "database-busy",
                "the database stays busy: run again, or lower the pace in the plan",
            ),
            Trouble::ConnectionLost => Advice::stopped(
                "connection-lost",
                "when the database is back, run again: it goes on where it stopped",
            ),
            Trouble::Constraint => {
                Advice { help: Some("see the quarantine for the row".into()), ..Advice::failed("constraint") }
            }
            Trouble::RowSecurity => Advice::refused(
                "row-security",
                "ALTER ROLE … BYPASSRLS for the user of the database URL, or connect as the table's owner: rows that a \
                 policy hides would be left behind",
            ),
            Trouble::Permission => {
                Advice::refused("privilege-missing", "grant it to the user of the database URL")
            }
            Trouble::Missing => Advice::refused(
                "schema-changed",
                "compare the plan with the schema; did a migration change a column?",
            ),
            Trouble::Unwritable => Advice::stopped(
                "unwritable",
                "free space or end the failover, then run again: it goes on where it stopped",
            ),
            Trouble::Refused => {
                Advice::refused("connection-refused", "check host, port, database, user and password")
            }
            Trouble::NoFile => Advice::refused(
                "connection-refused",
                "check the path in the database URL; Reseal makes no database",
            ),
            Trouble::Newer => Advice::refused(
                "newer-version",
                "update reseal: what a later version has written is left alone",
            ),
            Trouble::Other => Advice {
                help: Some("run again: it goes on where it stopped".into()),
                ..Advice::failed("database-error")
            },
        }
    }
}
