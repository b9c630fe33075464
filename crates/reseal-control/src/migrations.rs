//! The scripts that make the control database's tables.

use reseal_store::Dialect;
use reseal_store::sql::{Migrations, Script};

/// Schedules, notices, keys, approvals, the audit trail.
pub(crate) const CONTROL: Migrations =
    Migrations { name: "control database", numbers: "control_migration", scripts };

macro_rules! script {
    ($number:literal, $file:literal) => {
        Script { number: $number, sql: include_str!(concat!("../migrations/", $file, ".sql")) }
    };
}

fn scripts(dialect: Dialect) -> &'static [Script] {
    match dialect {
        Dialect::Postgres => &[
            script!(1, "postgres/0001_control"),
            script!(2, "postgres/0002_audit"),
            script!(3, "postgres/0003_catalogue"),
            script!(4, "postgres/0004_schedule"),
            script!(5, "postgres/0005_outbox"),
        ],
        Dialect::Mysql => &[
            script!(1, "mysql/0001_control"),
            script!(2, "mysql/0002_audit"),
            script!(3, "mysql/0003_catalogue"),
            script!(4, "mysql/0004_schedule"),
            script!(5, "mysql/0005_outbox"),
        ],
        Dialect::Sqlite => &[
            script!(1, "sqlite/0001_control"),
            script!(2, "sqlite/0002_audit"),
            script!(3, "sqlite/0003_catalogue"),
            script!(4, "sqlite/0004_schedule"),
            script!(5, "sqlite/0005_outbox"),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_ends_with_its_number() {
        for dialect in [Dialect::Postgres, Dialect::Mysql, Dialect::Sqlite] {
            for script in scripts(dialect) {
                let last = script.sql.trim_end().trim_end_matches(';').rsplit(';').next().unwrap();
                assert!(last.contains(CONTROL.numbers), "{last}");
                assert!(last.ends_with(&format!("VALUES ({})", script.number)), "{last}");
            }
        }
    }
}
