//! What `reseal grants` prints, granted to a role that has nothing else: the role can then do all that Reseal does, and `check`
//! says beforehand what is missing.

use serde_json::Value;

use crate::steered::BACK;
use crate::world::World;

/// A world whose database has a second user with no privileges, as whom Reseal connects. Statements of the world are an
/// administrator's.
struct Granted {
    world: World,
    admin: String,
    role: String,
}

impl Granted {
    fn new(store: &str) -> Granted {
        let mut world = World::new(store, "aes-gcm", 120);
        let role = world.url.rsplit_once('/').unwrap().1.replace("reseal_", "least_");
        let (create, from) = match store {
            "postgres" => (format!("CREATE ROLE {role} LOGIN"), "postgres@"),
            _ => (format!("CREATE USER {role}@'%'"), "root@"),
        };
        world.sql(&[&create]);
        let url = world.url.replacen(from, &format!("{role}@"), 1);
        let admin = std::mem::replace(&mut world.url, url);
        Granted { world, admin, role }
    }

    fn administer(&self, statements: &[String]) {
        let statements = statements.iter().map(String::as_str);
        self.world.producer(&["sql", &self.admin].into_iter().chain(statements).collect::<Vec<_>>());
    }

    /// The statements for the database, comments left out.
    fn statements(&self) -> Vec<String> {
        let (exit, grants) = self.world.reseal(&["grants", "PLAN"]);
        assert_eq!(exit, 0, "{grants}");
        let lines =
            grants["database"].as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned());
        lines
            .filter(|line| !line.starts_with("--"))
            .map(|line| line.trim_end_matches(';').to_owned())
            .collect()
    }

    fn ends(&self, exit: i32, args: &[&str]) -> Value {
        let (code, document) = self.world.reseal(args);
        assert_eq!(code, exit, "{args:?}: {document}");
        document
    }
}

impl Drop for Granted {
    fn drop(&mut self) {
        let drop = match self.admin.starts_with("postgres") {
            true => vec![format!("DROP OWNED BY {}", self.role), format!("DROP ROLE {}", self.role)],
            false => vec![format!("DROP USER {}@'%'", self.role)],
        };
        self.administer(&drop);
    }
}

/// Watches that what is printed suffices: for a run with triggers on its table, a verify, a rollback and a second run.
#[test]
fn a_role_with_what_is_printed_can_do_all_of_it() {
    for (store, trigger) in [
        (
            "postgres",
            "CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        ),
        ("mysql", "CREATE TRIGGER t BEFORE UPDATE ON people FOR EACH ROW SET @seen = 1"),
    ] {
        let granted = Granted::new(store);
        granted.world.rewrite_plan("b: { to: main }", "b: { to: main, last_error: note }");
        granted.administer(&granted.statements());
        granted.administer(&[trigger.to_owned()]);
        granted.world.rewrite_plan("application: both-keys", "application: both-keys\nside_effects: [t]");
        let checked = granted.ends(0, &["check", "PLAN", "--connect"]);
        assert_eq!(checked["ok"], true, "{store}: {checked}");
        assert_eq!(granted.ends(0, &["run", "PLAN"])["state"], "complete", "{store}");
        granted.ends(0, &["verify", "PLAN"]);
        granted.ends(0, &["status", "PLAN"]);
        granted.ends(0, &BACK);
        assert_eq!(granted.ends(0, &["run", "PLAN"])["state"], "complete", "{store}");
    }
}

/// Watches each line of what is printed: without it `check` says what is missing, and a run does not begin.
#[test]
fn a_check_names_each_privilege_that_is_missing() {
    for store in ["postgres", "mysql"] {
        let granted = Granted::new(store);
        let statements = granted.statements();
        for (left_out, statement) in statements.iter().enumerate() {
            // Who may log in at all may do this on PostgreSQL.
            if statement.starts_with("GRANT CONNECT") {
                continue;
            }
            let rest = statements.iter().enumerate().filter(|(at, _)| *at != left_out);
            granted.administer(&rest.map(|(_, statement)| statement.clone()).collect::<Vec<_>>());
            let (exit, checked) = granted.world.reseal(&["check", "PLAN", "--connect"]);
            assert_eq!(exit, 3, "{store} without {statement}: {checked}");
            let (exit, refused) = granted.world.reseal(&["run", "PLAN"]);
            assert_eq!(exit, 3, "{store} without {statement}: {refused}");
            let moved = granted.world.producer(&[
                "sql",
                &granted.admin,
                "SELECT count(*) FROM people WHERE a LIKE 'v2:%'",
            ]);
            assert_eq!(moved[0][0], 0, "{store} without {statement}");
            let role = &granted.role;
            match store {
                "postgres" => granted.administer(&[format!("DROP OWNED BY {role} CASCADE")]),
                _ => granted.administer(&[format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {role}@'%'")]),
            }
        }
    }
}

/// A dry run and a census only read.
#[test]
fn a_dry_run_and_a_census_need_nothing_but_select() {
    for store in ["postgres", "mysql"] {
        let granted = Granted::new(store);
        let name = granted.admin.rsplit_once('/').unwrap().1;
        granted.administer(&[match store {
            "postgres" => format!("GRANT SELECT ON people TO {}", granted.role),
            _ => format!("GRANT SELECT ON {name}.people TO {}@'%'", granted.role),
        }]);
        granted.ends(0, &["run", "PLAN", "--dry-run"]);
        let census = granted.ends(0, &["census", "PLAN"]);
        assert!(census.to_string().contains("v1"), "{store}: {census}");
    }
}
