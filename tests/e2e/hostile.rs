//! A PostgreSQL database that others share: roles who may create things put there what is called in the place of the
//! database's own, and are not called, whoever connects.

use crate::custody::code;
use crate::world::World;

/// What a command is to be refused with.
const FOREIGN: (i32, &str) = (3, "foreign-function");

/// The path of a connection that looks in others' schemas before it looks in the database's own.
const CATALOGUE_LAST: &str = "?options=-csearch_path=public,pg_catalog";

/// Functions that fit columns and arguments better than the database's own do, or as well: name, arguments, result, value.
const FUNCTIONS: [[&str; 4]; 22] = [
    ["octet_length", "a varchar", "int4", "1"],
    ["octet_length", "a text", "int4", "1"],
    ["octet_length", "a bytea", "int4", "1"],
    ["length", "a varchar", "int4", "1"],
    ["substr", "a varchar, b int4, c int4", "text", "a"],
    ["left", "a text, b int4", "text", "a"],
    ["encode", "a bytea, b text", "text", "b"],
    ["md5", "a varchar", "text", "a"],
    ["lower", "a varchar", "text", "a"],
    ["upper", "a varchar", "text", "a"],
    ["now", "", "timestamptz", "pg_catalog.now()"],
    ["clock_timestamp", "", "timestamptz", "pg_catalog.clock_timestamp()"],
    ["current_setting", "a text", "text", "pg_catalog.current_setting(a)"],
    ["current_schemas", "a bool", "name[]", "pg_catalog.current_schemas(a)"],
    ["current_database", "", "name", "pg_catalog.current_database()"],
    ["set_config", "a text, b text, c bool", "text", "pg_catalog.set_config(a, b, c)"],
    ["to_regclass", "a text", "regclass", "pg_catalog.to_regclass(a)"],
    ["format_type", "a oid, b int4", "text", "pg_catalog.format_type(a, b)"],
    ["hashtextextended", "a text, b int4", "int8", "1"],
    ["pg_table_is_visible", "a oid", "bool", "pg_catalog.pg_table_is_visible(a)"],
    ["pg_export_snapshot", "", "text", "pg_catalog.pg_export_snapshot()"],
    ["string_to_array", "a text, b text", "text[]", "pg_catalog.string_to_array(a, b)"],
];

/// Operators: name, types, result.
const OPERATORS: [[&str; 4]; 24] = [
    ["=", "varchar", "varchar", "bool"],
    ["=", "varchar", "text", "bool"],
    ["=", "text", "text", "bool"],
    ["=", "bytea", "bytea", "bool"],
    ["=", "uuid", "uuid", "bool"],
    ["=", "int4", "int4", "bool"],
    ["=", "int4", "int8", "bool"],
    ["=", "int8", "int8", "bool"],
    ["=", "int8", "int4", "bool"],
    ["=", "oid", "oid", "bool"],
    ["=", "name", "text", "bool"],
    ["=", "name", "name", "bool"],
    ["=", "xid", "int4", "bool"],
    ["<>", "int8", "int8", "bool"],
    [">", "varchar", "varchar", "bool"],
    [">", "varchar", "text", "bool"],
    [">", "int4", "int4", "bool"],
    [">", "int4", "int8", "bool"],
    ["<=", "int4", "int4", "bool"],
    ["<=", "int4", "int8", "bool"],
    ["+", "int8", "int8", "int8"],
    ["+", "int4", "int8", "int8"],
    ["/", "int4", "int4", "int4"],
    ["||", "text", "text", "text"],
];

/// Aggregates that pass on what they are given.
const AGGREGATES: [&str; 2] = ["max(int8)", "max(text)"];

/// A database in which a role that owns nothing of the application's may create things in `public`.
struct Shared {
    world: World,
    admin: String,
    mallory: String,
    /// Where each call with privileges that the role does not have leaves a line: outside of the database, since what runs
    /// in a transaction that only reads could leave it nowhere else.
    calls: std::path::PathBuf,
}

impl Shared {
    fn new(rows: u32) -> Shared {
        let world = World::new("postgres", "aes-gcm", rows);
        let admin = world.url.clone();
        let mallory = admin.rsplit_once('/').unwrap().1.replace("reseal_", "reseal_mallory_");
        let calls = std::env::temp_dir().join(format!("{mallory}.calls"));
        world.sql(&[
            "ALTER TABLE people ALTER a TYPE varchar(300), ALTER note TYPE varchar(300)",
            &format!("CREATE ROLE {mallory} LOGIN"),
            &format!("GRANT CREATE ON SCHEMA public TO {mallory}"),
            &format!("GRANT TRIGGER ON people TO {mallory}"),
        ]);
        let shared = Shared { world, admin, mallory, calls };
        shared.as_mallory(&[&format!(
            "CREATE FUNCTION public.took(what text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN \
             EXECUTE 'COPY (SELECT ' || quote_literal(what) || ') TO PROGRAM ''cat >> {}'''; \
             EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
            shared.calls.display()
        )]);
        shared
    }

    /// Statements of the other role.
    fn as_mallory(&self, statements: &[&str]) {
        let url = self.admin.replacen("postgres@", &format!("{}@", self.mallory), 1);
        self.world.producer(&[&["sql", &url], statements].concat());
    }

    /// Everything that fits better than the database's own.
    fn set_traps(&self) {
        let mut made = Vec::new();
        for (n, [name, arguments, result, value]) in FUNCTIONS.iter().enumerate() {
            made.push(format!(
                "CREATE FUNCTION public.{name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM public.took('{name} {n}'); RETURN {value}; END $$"
            ));
        }
        for (n, [name, left, right, result]) in OPERATORS.iter().enumerate() {
            made.push(format!(
                "CREATE FUNCTION public.operator_{n}(a {left}, b {right}) RETURNS {result} LANGUAGE plpgsql AS $$ \
                 BEGIN PERFORM public.took('{left} {name} {right}'); RETURN a OPERATOR(pg_catalog.{name}) b; END $$"
            ));
            made.push(format!(
                "CREATE OPERATOR public.{name} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = public.operator_{n})"
            ));
        }
        for (n, aggregate) in AGGREGATES.iter().enumerate() {
            let (name, of) = aggregate.trim_end_matches(')').split_once('(').unwrap();
            made.push(format!(
                "CREATE FUNCTION public.step_{n}(a {of}, b {of}) RETURNS {of} LANGUAGE plpgsql AS $$ BEGIN \
                 PERFORM public.took('{name}'); RETURN b; END $$"
            ));
            made.push(format!(
                "CREATE AGGREGATE public.{name}({of}) (SFUNC = public.step_{n}, STYPE = {of})"
            ));
        }
        // Types that bear the names of the database's own, and nothing else in common with them.
        made.extend(["text", "bytea", "uuid"].map(|name| format!("CREATE DOMAIN public.{name} AS int4")));
        self.as_mallory(&made.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// A table of the other role's own, which calls him when it is looked at: by the cast of its type, and by its index.
    fn set_a_table(&self) {
        self.as_mallory(&[
            "CREATE TYPE public.mood AS ENUM ('a cell, perhaps')",
            "CREATE FUNCTION public.cast_mood(m public.mood) RETURNS text LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM public.took('cast'); RETURN 'x'; END $$",
            "CREATE CAST (public.mood AS text) WITH FUNCTION public.cast_mood(public.mood)",
            "CREATE TABLE public.moods (id int4 PRIMARY KEY, m public.mood, x varchar)",
            "INSERT INTO public.moods SELECT n, 'a cell, perhaps', 'x' FROM generate_series(1, 60) n",
            "CREATE FUNCTION public.fold(a text) RETURNS bool IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN \
             PERFORM public.took('index'); RETURN true; END $$",
            "CREATE TABLE public.folds (id int4 PRIMARY KEY, x varchar)",
            "INSERT INTO public.folds SELECT n, 'x' FROM generate_series(1, 60) n",
            "CREATE INDEX ON public.folds (id) WHERE public.fold('x')",
        ]);
    }

    /// What was called with privileges, and forgets it.
    fn called(&self) -> String {
        let called = std::fs::read_to_string(&self.calls).unwrap_or_default();
        if !called.is_empty() {
            let empty = format!("COPY (SELECT WHERE false) TO '{}'", self.calls.display());
            self.world.producer(&["sql", &self.admin, &empty]);
        }
        called
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let away = format!("COPY (SELECT 1) TO PROGRAM 'rm -f {}'", self.calls.display());
        let [owned, role] = ["DROP OWNED BY", "DROP ROLE"].map(|drop| format!("{drop} {}", self.mallory));
        let owned = owned + " CASCADE";
        let mut gone = self.world.producer_command(&["sql", &self.admin, &away, &owned, &role]);
        let _ = gone.output();
    }
}

/// Watches the pinned search path, and every name of Reseal's own in a statement that cannot have it: nothing that another
/// role has put in the way is called by a superuser who looks, nor by one who writes.
#[test]
fn what_others_put_in_the_way_is_not_called() {
    for path in ["", CATALOGUE_LAST] {
        let mut shared = Shared::new(300);
        let before = shared.world.read("v1");
        shared.set_traps();
        shared.set_a_table();
        shared.world.sql(&["SELECT octet_length(note) FROM people", "SELECT m::text FROM moods"]);
        let live = shared.called();
        assert!(live.contains("octet_length") && live.contains("cast"), "the traps are not set: {live}");
        shared.world.url = format!("{}{path}", shared.admin);
        let commands: [(&[&str], i32); 8] = [
            (&["check", "PLAN", "--connect"], 0),
            (&["run", "PLAN", "--dry-run"], 0),
            (&["census", "PLAN"], 0),
            (&["census", "PLAN", "--open"], 0),
            (&["verify", "PLAN"], 1),
            (&["inspect", "PLAN", "--table", "people", "--row", "7"], 0),
            (&["run", "PLAN"], 0),
            (&["rollback", "PLAN", "--confirm", "people"], 0),
        ];
        for (command, exit) in commands {
            let (code, said) = shared.world.reseal(command);
            assert_eq!(shared.called(), "", "{path} {command:?}");
            assert_eq!(code, exit, "{path} {command:?}: {said}");
        }
        shared.world.url = shared.admin.clone();
        assert_eq!(shared.world.read("v1"), before, "{path}");
    }
}

/// Watches the way of a batch that is not one statement: rows that are read back where there is a trigger, those that are
/// compared by value, and a plan's condition beside names of Reseal's own.
#[test]
fn nothing_else_is_called_beside_a_trigger_and_a_condition() {
    for path in ["", CATALOGUE_LAST] {
        let mut shared = Shared::new(120);
        // The trigger's own names lead where the connection looks, as they do for the application.
        shared.world.sql(&[
            "CREATE FUNCTION public.quiet() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$",
            "CREATE TRIGGER quiet BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION public.quiet()",
        ]);
        shared.set_traps();
        let people = "  people:\n    row_key: id\n";
        let condition = "    where: \"id OPERATOR(pg_catalog.>) 20\"\n";
        shared.world.plan("side_effects: [quiet]\n");
        shared.world.rewrite_plan(people, &format!("{people}{condition}"));
        shared.world.url = format!("{}{path}", shared.admin);
        for command in [["check", "PLAN", "--connect"], ["run", "PLAN", "--dry-run"]] {
            let said = shared.world.reseal(&command);
            assert_eq!((shared.called().as_str(), said.0), ("", 0), "{path} {command:?}: {}", said.1);
        }
        let (code, done) = shared.world.reseal(&["run", "PLAN"]);
        assert_eq!(shared.called(), "", "{path}");
        assert_eq!(code, 0, "{path}: {done}");
        let rotated = "SELECT count(a) FILTER (WHERE a LIKE 'v2:%') + count(b) FILTER (WHERE b LIKE 'v2:%') FROM people";
        let rotated = shared.world.producer(&["sql", &shared.admin, rotated]);
        assert!(rotated[0][0].as_u64() > Some(150), "{path}: {rotated}");
        assert_eq!(done["cells_rotated"], rotated[0][0], "{path}: {done}");
    }
}

/// Watches that a superuser, and a member of roles that the owner of the table is not in, lends them to nobody by writing: a
/// function of a third role is refused wherever the table carries it, named by the plan or not.
#[test]
fn functions_of_a_third_role_are_refused() {
    let trigger = "CREATE FUNCTION public.sly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        PERFORM public.took('trigger'); RETURN new; END $$";
    let check = "CREATE FUNCTION public.sly(a text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
        PERFORM public.took('check'); RETURN true; END $$";
    let operator = "CREATE OPERATOR public.~~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = public.slyer)";
    let slyer = "CREATE FUNCTION public.slyer(a text, b text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN \
        PERFORM public.took('operator'); RETURN true; END $$";
    let cases: [(&[&str], &str, &str); 6] = [
        (
            &[trigger, "CREATE TRIGGER sly BEFORE UPDATE ON people FOR EACH ROW EXECUTE FUNCTION sly()"],
            "",
            "trigger sly",
        ),
        (&[check], "ALTER TABLE people ADD CONSTRAINT fine CHECK (sly(b))", "constraint fine"),
        (
            &[check, "CREATE DOMAIN slight AS text CHECK (sly(value))"],
            "ALTER TABLE people ALTER b TYPE slight",
            "domain slight",
        ),
        (&[check], "ALTER TABLE people ADD c bool DEFAULT sly('x')", "column c"),
        (&[check], "CREATE INDEX folded ON people (sly(note))", "index folded"),
        (&[slyer, operator], "CREATE INDEX other ON people (id) WHERE note::text ~~~ 'x'", "index other"),
    ];
    for (made, used, what) in cases {
        let shared = Shared::new(40);
        shared.as_mallory(made);
        if !used.is_empty() {
            shared.world.sql(&[used]);
        }
        shared.called();
        shared.world.plan("side_effects: [sly]\n");
        let (before, refused) = (shared.world.digest(), shared.world.reseal(&["run", "PLAN"]));
        assert_eq!(code(&refused), FOREIGN, "{what}: {}", refused.1);
        let said = refused.1["error"].to_string();
        assert!(said.contains(what) && said.contains(&shared.mallory), "{what}: {said}");
        assert!(said.contains("the table's owner"), "{what}: {said}");
        assert_eq!(shared.called(), "", "{what}");
        assert_eq!(shared.world.digest(), before, "{what}");
        // Who has no more than the owner lends nothing.
        let owner = format!("ALTER TABLE people OWNER TO {}", shared.mallory);
        let database = shared.admin.rsplit_once('/').unwrap().1;
        shared.world.sql(&[&owner, &format!("GRANT CREATE ON DATABASE {database} TO {}", shared.mallory)]);
        let own = shared.admin.replacen("postgres@", &format!("{}@", shared.mallory), 1);
        let done = crate::world::answer(
            shared.world.command(&["run", "PLAN", "--json"]).env("TEST_DATABASE_URL", &own),
        );
        assert_eq!(done.0, 0, "{what}: {}", done.1);
    }
}

/// Watches that the ledger of another role is not read: what is called a table there may be a view of his.
#[test]
fn a_ledger_of_another_role_is_refused() {
    let shared = Shared::new(20);
    let database = shared.admin.rsplit_once('/').unwrap().1;
    shared.world.sql(&[&format!("GRANT CREATE ON DATABASE {database} TO {}", shared.mallory)]);
    shared.as_mallory(&[
        "CREATE SCHEMA reseal",
        "CREATE FUNCTION reseal.sly() RETURNS int8 LANGUAGE plpgsql AS $$ BEGIN \
         PERFORM public.took('view'); RETURN 1; END $$",
        "CREATE VIEW reseal.migration AS SELECT reseal.sly() AS number",
    ]);
    let (exit, said) = shared.world.reseal(&["check", "PLAN", "--connect"]);
    assert_eq!((exit, said["problems"][0]["code"].as_str()), (3, Some("foreign-ledger")), "{said}");
    assert_eq!(shared.called(), "");
    let commands: [&[&str]; 3] =
        [&["run", "PLAN"], &["status", "PLAN"], &["rollback", "PLAN", "--confirm", "people"]];
    for command in commands {
        let refused = shared.world.reseal(command);
        assert_eq!(code(&refused), (3, "foreign-ledger"), "{command:?}: {}", refused.1);
        assert!(refused.1["error"].to_string().contains(&shared.mallory), "{}", refused.1);
        assert_eq!(shared.called(), "", "{command:?}");
    }
}
