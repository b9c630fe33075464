//! What errors of the database come to.

use reseal_store::{StoreError, Trouble};

use super::{Advice, Advise};

impl Advise for StoreError {
    fn advice(&self) -> Advice {
        match self.trouble {
            Trouble::Retry | Trouble::Timeout => Advice::stopped(
                "database-busy",
                "the database is busy; run again, or slow the run down with `throttle:` in the plan",
            ),
            Trouble::ConnectionLost => {
                Advice::stopped("connection-lost", "run again to resume once the database is available")
            }
            Trouble::Constraint => Advice {
                help: Some("list the row with `reseal quarantine PLAN`".into()),
                ..Advice::failed("constraint")
            },
            Trouble::RowSecurity => Advice::refused(
                "row-security",
                "run ALTER ROLE … BYPASSRLS for the user of the database URL, or connect as the table's \
                 owner; otherwise rows that a policy hides would be missed",
            ),
            Trouble::Permission => Advice::refused(
                "privilege-missing",
                "grant the privilege to the user of the database URL; see `reseal grants PLAN`",
            ),
            Trouble::Missing | Trouble::Ambiguous => Advice::refused(
                "schema-changed",
                "compare the plan with the database schema; a migration may have changed it",
            ),
            Trouble::Unwritable => Advice::stopped(
                "unwritable",
                "free disk space or wait for the end of the failover, then run again to resume",
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
            Trouble::Url => Advice::refused(
                "database-url",
                "write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE, mysql://… or sqlite:///PATH",
            ),
            Trouble::Pooled => Advice::refused(
                "pooled-connection",
                "connect directly to the server, or through a pooler with `pool_mode = session`",
            ),
            Trouble::NoFile => Advice::refused(
                "connection-refused",
                "check the path in the database URL; Reseal does not create databases",
            ),
            Trouble::ForeignLedger | Trouble::Newer | Trouble::HalfRemoved => of_own_tables(self.trouble),
            Trouble::Other => {
                Advice { help: Some("run again to resume".into()), ..Advice::failed("database-error") }
            }
        }
    }
}

/// What is to be done about tables of Reseal's own.
fn of_own_tables(trouble: Trouble) -> Advice {
    match trouble {
        Trouble::Newer => {
            Advice::refused("newer-version", "update Reseal; it does not change tables of a newer version")
        }
        Trouble::HalfRemoved => {
            Advice::refused("half-removed", "run `reseal migrate --remove` again to finish the removal")
        }
        _ => Advice::refused(
            "foreign-ledger",
            "connect as that role or as a member of it, or drop the schema if it contains nothing of Reseal",
        ),
    }
}
