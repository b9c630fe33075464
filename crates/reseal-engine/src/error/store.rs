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
            Trouble::Missing | Trouble::Ambiguous => Advice::refused(
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
            Trouble::Plaintext => Advice::refused(
                "plaintext",
                "enable TLS on the server and add sslmode=verify-full (MariaDB: ssl-mode=VERIFY_IDENTITY) to the URL. To allow \
                 plaintext, add `tls: off` to the plan's `database:`, or set RESEAL_DATABASE_TLS=off for the control database",
            ),
            Trouble::Parameter => Advice::refused("database-url", "correct or remove the parameter"),
            Trouble::Pooled => Advice::refused(
                "pooled-connection",
                "connect to the server itself, or through a pool with `pool_mode = session`",
            ),
            Trouble::NoFile => Advice::refused(
                "connection-refused",
                "check the path in the database URL; Reseal makes no database",
            ),
            Trouble::ForeignLedger | Trouble::Newer | Trouble::HalfRemoved => of_own_tables(self.trouble),
            Trouble::Other => Advice {
                help: Some("run again: it goes on where it stopped".into()),
                ..Advice::failed("database-error")
            },
        }
    }
}

/// What is to be done about tables of Reseal's own.
fn of_own_tables(trouble: Trouble) -> Advice {
    match trouble {
        Trouble::Newer => {
            Advice::refused("newer-version", "update reseal: what a later version has written is left alone")
        }
        Trouble::HalfRemoved => {
            Advice::refused("half-removed", "end it: run `reseal migrate --remove` as before")
        }
        _ => Advice::refused(
            "foreign-ledger",
            "have Reseal connect as that role, or as a member of it; or drop the schema, if nothing of Reseal's is in it",
        ),
    }
}
