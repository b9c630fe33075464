//! The scripts that make the control database's tables.

use reseal_store::Dialect;
use reseal_store::sql::{Migrations, Script};

/// Schedules, notices, keys, approvals, the audit trail.
pub(crate) const CONTROL: Migrations =
    Migrations { name: "control database", numbers: "control_migration", scripts };

macro_rules! script {
    ($number:literal, $file:literal) => {
        Script { number: $number, sql: include_str!(concat!("../../../migrations/", $file, ".sql")) }
    };
}

fn scripts(dialect: Dialect) -> &'static [Script] {
    match dialect {
        Dialect::Postgres => &[
            script!(1, "postgres/control/0001_control"),
            script!(2, "postgres/control/0002_audit"),
            script!(3, "postgres/control/0003_catalogue"),
            script!(4, "postgres/control/0004_schedule"),
            script!(5, "postgres/control/0005_outbox"),
            script!(6, "postgres/control/0006_sources"),
            script!(7, "postgres/control/0007_approval_target"),
            script!(8, "postgres/control/0008_bounds"),
        ],
        Dialect::Mysql => &[
            script!(1, "mysql/control/0001_control"),
            script!(2, "mysql/control/0002_audit"),
            script!(3, "mysql/control/0003_catalogue"),
            script!(4, "mysql/control/0004_schedule"),
            script!(5, "mysql/control/0005_outbox"),
            script!(6, "mysql/control/0006_sources"),
            script!(7, "mysql/control/0007_approval_target"),
            script!(8, "mysql/control/0008_bounds"),
        ],
        Dialect::Sqlite => &[
            script!(1, "sqlite/control/0001_control"),
            script!(2, "sqlite/control/0002_audit"),
            script!(3, "sqlite/control/0003_catalogue"),
            script!(4, "sqlite/control/0004_schedule"),
            script!(5, "sqlite/control/0005_outbox"),
            script!(6, "sqlite/control/0006_sources"),
            script!(7, "sqlite/control/0007_approval_target"),
            script!(8, "sqlite/control/0008_bounds"),
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
