//! Every shape that a table can give its cells, on every store: row keys of all kinds, several of them, quoted names, parts
//! in columns, key columns, AAD and key derivation by row, conversion, cells of a megabyte. Cases are data: what the
//! table is, what the plan says of it, and whether the foreign producer reads all of it under the new key.

use serde_json::{Value, json};

use crate::world::{STORES, World};

const TEXT: &str = r#"aes-gcm: { layout: "{key}:{nonce|base64}:{ciphertext|base64}" }"#;
const RAW: &str = r#"aes-gcm: { layout: "{nonce|12}{ciphertext|raw}" }"#;

/// One shape on one store.
struct Case {
    spec: Value,
    seals: String,
    table: String,
}

/// Seeds, rotates, verifies, reads under the new key, rolls back and reads under the old one.
fn holds(store: &str, name: &str, case: &Case) {
    let world = World::empty(store, "fernet-v2");
    let spec = world.path("spec.json");
    std::fs::write(&spec, case.spec.to_string()).unwrap();
    let spec = spec.display().to_string();
    plan(&world, case);
    world.shapes(&["seed", &world.url, &spec, "v1.json"]);
    let rows = case.spec["rows"].as_array().unwrap().len() as u64;
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store} {name}: {run}");
    assert!(run["cells_rotated"].as_u64().unwrap() > 0, "{store} {name}: {run}");
    let read = world.shapes(&["read", &world.url, &spec, "v2.json"]);
    assert_eq!(
        (read["rows"].as_u64(), read["right"].as_u64()),
        (Some(rows), Some(rows)),
        "{store} {name}: {read}"
    );
    assert_eq!(read["cells"], run["cells_rotated"], "{store} {name}: {read}");
    let (code, verify) = world.reseal(&["verify", "PLAN"]);
    assert_eq!((code, verify["clean"].as_bool()), (0, Some(true)), "{store} {name}: {verify}");
    let (code, again) = world.reseal(&["run", "PLAN"]);
    assert_eq!((code, again["cells_rotated"].as_u64()), (0, Some(0)), "{store} {name}: {again}");
    let (code, back) = world.reseal(&["rollback", "PLAN", "--confirm", "shapes"]);
    assert_eq!(code, 0, "{store} {name}: {back}");
    let read = world.shapes(&["read", &world.url, &spec, "v1.json"]);
    assert_eq!(read["right"].as_u64(), Some(rows), "{store} {name}: rolled back: {read}");
}

fn plan(world: &World, case: &Case) {
    let key = |id: &str| {
        format!(
            "      {id}: {{ file: \"{}\", encoding: base64url }}\n",
            world.path(&format!("{id}.key")).display()
        )
    };
    let plan = format!(
        "reseal: 1\nname: shapes\ndatabase: {{ env: TEST_DATABASE_URL }}\napplication: both-keys\n\
         keysets:\n  main:\n    primary: v2\n    keys:\n{}{}seals:\n{}tables:\n{}batch: {{ rows: 7 }}\n",
        key("v1"),
        key("v2"),
        case.seals,
        case.table,
    );
    std::fs::write(world.path("plan.yaml"), plan).unwrap();
}

fn one_seal(format: &str) -> String {
    format!("  main: {{ keyset: main, format: {{ {format} }} }}\n")
}

/// How a dialect names its types.
fn types(store: &str) -> (&'static str, &'static str, &'static str) {
    match store {
        "postgres" => ("bytea", "text", "bytea"),
        "mysql" => ("longblob", "longtext", "varbinary(32)"),
        _ => ("blob", "text", "blob"),
    }
}

fn text_field(column: &str) -> Value {
    json!({ "form": "text", "columns": [column] })
}

/// Watches the cursor: with a comparison that is not the index's own, pages skip rows or read them twice.
#[test]
fn row_keys_of_every_kind() {
    for store in STORES {
        let (_, text, bytes) = types(store);
        let short = if store == "mysql" { "varchar(60)" } else { text };
        let words =
            ["", "a", "A", "B", "b ", " b", "é", "É", "O'Brien \"x\"", "100%_", "日本", "\\", "z\u{1F600}"];
        // MariaDB's default collation calls some of these equal: its key column compares bytes, as such keys must.
        let exact =
            if store == "mysql" { "varchar(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin" } else { short };
        let uuid = match store {
            "postgres" => "uuid",
            "mysql" => "binary(16)",
            _ => "blob",
        };
        let uuids = |n: u8| match store {
            "postgres" => json!(format!("{n:02x}3e4567-e89b-12d3-a456-4266141740{:02x}", 255 - n)),
            _ => json!({ "hex": format!("{n:02x}00{:028x}", 255 - n) }),
        };
        let numbers = [i64::MIN, -1, 0, 1, 2, 3, 5, 8, 1 << 40, i64::MAX].into_iter().map(|n| vec![json!(n)]);
        let cases: [(&str, &str, Vec<Vec<Value>>); 5] = [
            ("integers", "k bigint NOT NULL PRIMARY KEY", numbers.collect()),
            (
                "texts",
                &format!("k {exact} NOT NULL PRIMARY KEY"),
                words.iter().map(|word| vec![json!(word)]).collect(),
            ),
            ("uuids", &format!("k {uuid} NOT NULL PRIMARY KEY"), (0..30).map(|n| vec![uuids(n)]).collect()),
            (
                "bytes",
                &format!("k {bytes} NOT NULL PRIMARY KEY"),
                ["00", "0000", "00ff", "ff", "ff00", "27", "5c", "80"]
                    .iter()
                    .map(|hex| vec![json!({ "hex": hex })])
                    .collect(),
            ),
            (
                "several",
                &format!("k bigint NOT NULL, l {exact} NOT NULL, PRIMARY KEY (k, l)"),
                (0..60).map(|n| vec![json!(n % 4), json!(format!("{}é{}", n % 7, n))]).collect(),
            ),
        ];
        for (name, columns, rows) in cases {
            let keys = if name == "several" { vec!["k", "l"] } else { vec!["k"] };
            let case = Case {
                spec: json!({
                    "create": [format!("CREATE TABLE t (a {text}, {columns})")],
                    "table": "t", "columns": keys, "rows": rows, "fields": [text_field("a")],
                }),
                seals: one_seal(TEXT),
                table: format!("  t: {{ row_key: [{}], fields: {{ a: main }} }}\n", keys.join(", ")),
            };
            holds(store, name, &case);
        }
    }
}

/// Watches how integers without a sign are read and bound: beyond 2^63 a pager that takes them for negative ones reads
/// the table for ever. One key column, and two.
#[test]
fn row_keys_of_sixty_four_bits_without_a_sign() {
    let numbers = [0, 1, (1 << 63) - 1, 1 << 63, (1 << 63) + 1, u64::MAX - 1, u64::MAX];
    let rows: Vec<Vec<Value>> = numbers.into_iter().map(|n| vec![json!(n)]).collect();
    let pairs = numbers.iter().flat_map(|n| (0..4).map(move |m| vec![json!(n), json!(u64::MAX - m)]));
    for (columns, keys, rows) in [
        ("k bigint unsigned NOT NULL PRIMARY KEY", vec!["k"], rows),
        (
            "k bigint unsigned NOT NULL, l bigint unsigned NOT NULL, PRIMARY KEY (k, l)",
            vec!["k", "l"],
            pairs.collect(),
        ),
    ] {
        let case = Case {
            spec: json!({
                "create": [format!("CREATE TABLE t (a longtext, {columns})")],
                "table": "t", "columns": keys, "rows": rows, "fields": [text_field("a")],
            }),
            seals: one_seal(TEXT),
            table: format!("  t: {{ row_key: [{}], fields: {{ a: main }} }}\n", keys.join(", ")),
        };
        holds("mysql", &keys.join(" and "), &case);
    }
}

/// Watches that pages follow the index of the row key, whatever its type is cast to on its way: else the whole table is read
/// and sorted for each of them.
#[test]
fn pages_of_integers_follow_the_index() {
    let world = World::new("postgres", "aes-gcm", 4000);
    world.sql(&["ANALYZE people"]);
    world.plan("batch: { rows: 20 }\n");
    let (code, run) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 0, "{run}");
    assert_eq!(world.reseal(&["rollback", "PLAN", "--confirm", "people"]).0, 0);
    // What ended connections have counted is there after a moment.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let read =
        world.sql(&["SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables WHERE relname = 'people'"]);
    let times = read[0][0].as_u64().unwrap() / 4000;
    assert!(times < 25, "each row was read {times} times");
}

/// Watches quoting.
#[test]
fn names_that_need_quotes() {
    for store in STORES {
        let quote = if store == "mysql" { '`' } else { '"' };
        let quoted =
            |name: &str| format!("{quote}{}{quote}", name.replace(quote, &format!("{quote}{quote}")));
        let (_, text, _) = types(store);
        let (table, key, cell) = ("Ünï \"tbl` $1 ?", "order", "naïve 'col' \"x` $2");
        let schema = "Sales \"Dept";
        let (mut create, full, named) = match store {
            "postgres" => (
                vec![format!("CREATE SCHEMA {}", quoted(schema))],
                format!("{}.{}", quoted(schema), quoted(table)),
                format!("schema: {}, name: {}, ", json!(schema), json!(table)),
            ),
            _ => (vec![], quoted(table), format!("name: {}, ", json!(table))),
        };
        let columns = format!("{} bigint NOT NULL PRIMARY KEY, {} {text}", quoted(key), quoted(cell));
        create.push(format!("CREATE TABLE {full} ({columns})"));
        let case = Case {
            spec: json!({
                "create": create,
                "table": full, "columns": [quoted(key)], "rows": (0..40).map(|n| vec![n]).collect::<Vec<_>>(),
                "fields": [text_field(&quoted(cell))],
            }),
            seals: one_seal(TEXT),
            table: format!("  t: {{ {named}row_key: {key}, fields: {{ {}: main }} }}\n", json!(cell)),
        };
        holds(store, "quoted names", &case);
    }
}

/// Watches that the parts of a cell are written together, with the column that names their key.
#[test]
fn parts_in_columns_with_a_key_column_each_or_for_the_row() {
    for store in STORES {
        let (blob, text, _) = types(store);
        let rows: Vec<Vec<i64>> = (0..50).map(|n| vec![n]).collect();
        let parts = |form: &str, name: &str, key: Option<&str>| json!({ "form": form, "columns": [format!("{name}_ct"), format!("{name}_nonce")], "key": key });
        let create = |kind: &str| {
            format!(
                "CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, a_ct {kind}, a_nonce {kind}, a_key varchar(20), \
                 b_ct {kind}, b_nonce {kind}, b_key varchar(20), version varchar(20))"
            )
        };
        let columns = |name: &str, key: &str| {
            format!("{name}: {{ to: main, columns: {{ ciphertext: {name}_ct, nonce: {name}_nonce{key} }} }}")
        };
        let each = Case {
            spec: json!({
                "create": [create(blob)], "table": "t", "columns": ["id"], "rows": rows,
                "fields": [parts("parts", "a", Some("a_key")), parts("parts", "b", Some("b_key"))],
            }),
            seals: one_seal("aes-gcm: {}"),
            table: format!(
                "  t:\n    row_key: id\n    fields:\n      {}\n      {}\n",
                columns("a", ", key: a_key"),
                columns("b", ", key: b_key")
            ),
        };
        holds(store, "a key column each", &each);
        let whole = Case {
            spec: json!({
                "create": [create(text)], "table": "t", "columns": ["id"], "rows": rows, "key_column": "version",
                "fields": [parts("base64-parts", "a", None), parts("base64-parts", "b", None)],
            }),
            seals: one_seal("aes-gcm: { encoding: base64 }"),
            table: format!(
                "  t:\n    row_key: id\n    key: version\n    fields:\n      {}\n      {}\n",
                columns("a", ""),
                columns("b", "")
            ),
        };
        holds(store, "a key column for the row", &whole);
    }
}

/// Watches AAD and key derivation: a cell that is copied to another row, or to another tenant, must not open there.
#[test]
fn aad_and_derived_keys_by_row() {
    for store in STORES {
        let (blob, _, _) = types(store);
        let case = Case {
            spec: json!({
                "create": [format!("CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, tenant varchar(20) NOT NULL, a {blob})")],
                "table": "t", "columns": ["id", "tenant"],
                "rows": (0..60).map(|n| json!([n, format!("tenant-{}", n % 3)])).collect::<Vec<_>>(),
                "fields": [{ "form": "raw", "columns": ["a"], "aad": "t:a:{0}", "salt": "{1}" }],
            }),
            seals: format!(
                "  main:\n    keyset: main\n    format: {{ {RAW} }}\n    aad: \"{{table}}:{{field}}:{{row.id}}\"\n    \
                 kdf: {{ hkdf-sha256: {{ salt: \"{{tenant}}\", info: shapes, length: 32 }} }}\n"
            ),
            table: "  t: { row_key: id, tenant: tenant, fields: { a: main } }\n".into(),
        };
        holds(store, "aad and kdf", &case);
    }
}

/// One run rotates a key, converts a format and seals what was plaintext.
#[test]
fn formats_convert_into_one_another() {
    for store in STORES {
        let (_, text, _) = types(store);
        let world = World::empty(store, "fernet-v2");
        let create = format!("CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, a {text})");
        let spec = |form: &str, create: Vec<&str>, rows: std::ops::Range<i64>| {
            let rows: Vec<Vec<i64>> = rows.map(|n| vec![n]).collect();
            json!({ "create": create, "table": "t", "columns": ["id"], "rows": rows,
                    "fields": [{ "form": form, "columns": ["a"] }] })
        };
        let write = |name: &str, spec: &Value| {
            std::fs::write(world.path(name), spec.to_string()).unwrap();
            world.path(name).display().to_string()
        };
        for (name, form, rows) in
            [("one", "fernet", 0..30), ("two", "text", 100..130), ("three", "plain", 200..230)]
        {
            let create = if form == "fernet" { vec![create.as_str()] } else { vec![] };
            world.shapes(&["seed", &world.url, &write(name, &spec(form, create, rows)), "v1.json"]);
        }
        let case = Case {
            spec: Value::Null,
            seals: format!(
                "{}  old: {{ keyset: main, format: {{ fernet: {{ layout: \"FERNET_V2:{{key}}:{{token}}\" }} }} }}\n",
                one_seal(TEXT)
            ),
            table: "  t: { row_key: id, fields: { a: { to: main, from: [old, plaintext] } } }\n".into(),
        };
        plan(&world, &case);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        let left = world.sql(&["SELECT count(*) FROM t WHERE a IS NOT NULL AND a NOT LIKE 'v2:%'"]);
        assert_eq!(left[0][0], 0, "{store}: {left}");
        // The same plaintexts, by the row's place in its own third; each third is read as if it stood alone.
        for (name, rows) in [("one", 0..30), ("two", 100..130)] {
            world.sql(&[&format!(
                "CREATE TABLE only_{name} AS SELECT * FROM t WHERE id >= {} AND id < {}",
                rows.start, rows.end
            )]);
            let mut spec = spec("text", vec![], rows);
            spec["table"] = json!(format!("only_{name}"));
            let read = world.shapes(&["read", &world.url, &write(name, &spec), "v2.json"]);
            assert_eq!(
                (read["rows"].as_u64(), read["right"].as_u64()),
                (Some(30), Some(30)),
                "{store} {name}: {read}"
            );
        }
    }
}

/// Watches the bounds of memory and of packets.
#[test]
fn cells_of_a_megabyte() {
    for store in STORES {
        let (blob, _, _) = types(store);
        let case = Case {
            spec: json!({
                "create": [format!("CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, a {blob})")],
                "table": "t", "columns": ["id"], "rows": (0..12).map(|n| vec![n]).collect::<Vec<_>>(),
                "fields": [{ "form": "raw", "columns": ["a"], "bytes": 1 << 20 }],
            }),
            seals: one_seal(RAW),
            table: "  t: { row_key: id, fields: { a: main } }\n".into(),
        };
        holds(store, "a megabyte", &case);
    }
}

/// Watches `where` and `--tenant`: what they leave out is not touched, and not counted as clean.
#[test]
fn rows_outside_the_scope_stay() {
    for store in STORES {
        let world = World::empty(store, "fernet-v2");
        let (_, text, _) = types(store);
        let spec = json!({
            "create": [format!("CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, tenant varchar(20) NOT NULL, a {text})")],
            "table": "t", "columns": ["id", "tenant"],
            "rows": (0..90).map(|n| json!([n, format!("t{}", n % 3)])).collect::<Vec<_>>(),
            "fields": [text_field("a")],
        });
        std::fs::write(world.path("spec.json"), spec.to_string()).unwrap();
        world.shapes(&["seed", &world.url, "spec.json", "v1.json"]);
        let table =
            "  t: { row_key: id, tenant: tenant, where: \"id < 60\", fields: { a: main } }\n".to_owned();
        plan(&world, &Case { spec, seals: one_seal(TEXT), table });
        let marked = |mark: &str, rows: &str| {
            world.sql(&[&format!("SELECT count(*) FROM t WHERE a LIKE '{mark}:%' AND {rows}")])[0][0].as_u64()
        };
        let total = marked("v1", "1 = 1");
        let (code, run) = world.reseal(&["run", "PLAN", "--tenant", "t1"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("scope_done")), "{store}: {run}");
        assert_eq!(marked("v2", "1 = 1"), marked("v2", "tenant = 't1' AND id < 60"), "{store}");
        assert_eq!(marked("v1", "tenant = 't1' AND id < 60"), Some(0), "{store}");
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{store}: {run}");
        assert_eq!(marked("v1", "id < 60"), Some(0), "{store}");
        assert_eq!(marked("v2", "id >= 60"), Some(0), "{store}: rows that `where` leaves out were written");
        assert_eq!(
            marked("v1", "id >= 60").unwrap() + marked("v2", "id < 60").unwrap(),
            total.unwrap(),
            "{store}"
        );
    }
}
