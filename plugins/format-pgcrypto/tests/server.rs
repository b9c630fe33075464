//! PostgreSQL's own pgcrypto makes cells with all its options, and reads what Reseal makes of them.
#![allow(clippy::unwrap_used)] // Test code.

mod common;

use std::env;
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{build, key};
use reseal_core::{Cell, OptionValue, Part, Plaintext, Value};
use serde_json::Value as Json;

/// Every combination of options, in a table that stays: `stored` is hex, or every fifth time armored text.
///
/// Blowfish and CAST5 are there where the server can run them: on OpenSSL 3 only if it loads the legacy provider. A
/// server with CVE-2026-14663 cannot, and does not notice. The vectors hold them in any case.
const MAKE: &str = r"
create function runs(cipher text) returns boolean language plpgsql as $$
begin
    return position('visible'::bytea in pgp_sym_encrypt('visible', 'old', 'cipher-algo=' || cipher)) = 0;
exception when others then
    return false;
end $$;
create table ciphers as select cipher from unnest(array['aes128', 'aes192', 'aes256', '3des', 'bf', 'cast5']) cipher
    where runs(cipher);
create table options as
    select row_number() over () as n, kind, concat_ws(',', 'cipher-algo=' || cipher, 's2k-digest-algo=' || digest, mode,
        session, 'disable-mdc=' || mdc, 'compress-algo=' || compression, 'convert-crlf=' || (row_number() over ()) % 2,
        case kind when 'u' then 'unicode-mode=1' end) as options
    from ciphers,
        unnest(array['md5', 'sha1', 'ripemd160', 'sha256', 'sha384', 'sha512']) digest,
        unnest(array['s2k-mode=0', 's2k-mode=1', 's2k-mode=3,s2k-count=1024']) mode,
        (select null union all select 'sess-key=1,s2k-cipher-algo=' || cipher from ciphers) sessions(session),
        generate_series(0, 1) mdc, generate_series(0, 2) compression, unnest(array['t', 'u', 'b']) kind;
create table made as
    select n, kind, options, case kind when 'b' then pgp_sym_encrypt_bytea(convert_to(t, 'UTF8'), 'old', options)
        else pgp_sym_encrypt(t, 'old', options) end as cell
    from options, lateral (select (array['', 'hello', E'two\nlines\r\n', 'Grüße, 世界', repeat('long ', 90)])[1 + n % 5])
        texts(t);
select json_build_array(n, case when n % 5 = 0 then armor(cell) else encode(cell, 'hex') end) from made;
";

/// What the server reads of the new cells differently than of the old ones, by the options of the old ones.
const COMPARE: &str = r"
select options from made join sealed using (n),
    lateral (select case when n % 5 = 0 then dearmor(stored) else decode(stored, 'hex') end) as new(cell)
    where length(new.cell) <> length(made.cell)
        or pgp_sym_decrypt_bytea(new.cell, 'new') is distinct from pgp_sym_decrypt_bytea(made.cell, 'old')
        or kind <> 'b' and pgp_sym_decrypt(new.cell, 'new', 'convert-crlf=1')
            is distinct from pgp_sym_decrypt(made.cell, 'old', 'convert-crlf=1');
";

/// A database of its own on the server that `cargo xtask test` starts.
struct Database {
    url: String,
    name: String,
}

impl Database {
    fn new(name: &str) -> Self {
        let url = env::var("RESEAL_TEST_POSTGRES_URL")
            .expect("RESEAL_TEST_POSTGRES_URL names no server; run `cargo xtask test`, which starts one");
        let name = format!("reseal_pgcrypto_{name}_{}", std::process::id());
        psql(&url, &format!("create database {name};"));
        let database = Database { url, name };
        database.run("create extension pgcrypto;");
        database
    }

    fn run(&self, script: &str) -> String {
        psql(&self.url, &format!("\\connect {}\n{script}", self.name))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        psql(&self.url, &format!("drop database {};", self.name));
    }
}

fn psql(url: &str, script: &str) -> String {
    let program = env::var("RESEAL_TEST_PSQL").unwrap_or_else(|_| "psql".into());
    let mut command = Command::new(program);
    command.args(["-XAtq", "-v", "ON_ERROR_STOP=1", url]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("psql does not start");
    let mut stdin = child.stdin.take().unwrap();
    // It answers while it reads: whoever writes must not wait for that.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(script.as_bytes()));
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A column's value as the server's text form of it: hex, or the text itself where it is armor.
fn stored(cell: &Cell) -> String {
    match cell.get(Part::Ciphertext) {
        Some(Value::Bytes(bytes)) => hex::encode(bytes),
        Some(Value::Text(text)) => text.replace('\n', "\\n"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_server_reads_what_was_sealed_like_its_own_cells() {
    let database = Database::new("like");
    let format = common::format();
    let (old, new) = (key("old", "old"), key("new", "new"));
    let made = database.run(MAKE);
    let mut script = "create table sealed(n bigint, stored text);\ncopy sealed from stdin;\n".to_owned();
    for line in made.lines() {
        let row: Json = serde_json::from_str(line).unwrap();
        let (n, text) = (row[0].as_u64().unwrap(), row[1].as_str().unwrap());
        let cell = Cell::whole(match hex::decode(text) {
            Ok(bytes) => Value::Bytes(bytes),
            Err(_) => Value::Text(text.to_owned()),
        });
        let plaintext = format.open(&cell, &old, b"").unwrap_or_else(|error| panic!("row {n}: {error}"));
        let sealed = format.seal(&plaintext, &new, b"", Some(&cell)).unwrap();
        writeln!(script, "{n}\t{}", stored(&sealed)).unwrap();
    }
    assert!(made.lines().count() > 6000, "{} rows", made.lines().count());
    let different = database.run(&format!("{script}\\.\n{COMPARE}"));
    assert_eq!(different, "", "the server reads these differently");
}

/// Asserts that the server opens each cell, with the function for its kind, to these bytes.
fn assert_server_reads(database: &Database, passphrase: &str, cells: &[(&str, Cell, Vec<u8>)]) {
    let mut script =
        "create table sealed(kind text, stored text, data text);\ncopy sealed from stdin;\n".to_owned();
    for (kind, cell, data) in cells {
        writeln!(script, "{kind}\t{}\t{}", stored(cell), hex::encode(data)).unwrap();
    }
    let query = r"\.
        select kind, left(data, 40) from sealed,
            lateral (select case when stored like '-----%' then dearmor(stored) else decode(stored, 'hex') end) as c(cell)
            where decode(data, 'hex') is distinct from case kind when 'bytes' then pgp_sym_decrypt_bytea(cell, 'PASSPHRASE')
                else convert_to(pgp_sym_decrypt(cell, 'PASSPHRASE'), 'UTF8') end;
        select count(*) from sealed;";
    script.push_str(&query.replace("PASSPHRASE", passphrase));
    assert_eq!(database.run(&script), format!("{}\n", cells.len()));
}

#[test]
fn the_server_reads_new_cells() {
    let key = key("new", "a new passphrase");
    let lengths = [0, 1, 150, 186, 8333, 8378, 16331, 16378, 1 << 20];
    let texts: Vec<_> =
        lengths.map(|length| "x".repeat(length)).into_iter().chain(["世界\r\n".into()]).collect();
    let mut cells = Vec::new();
    for (kind, armor) in
        ["text", "unicode", "bytes"].into_iter().flat_map(|kind| [(kind, false), (kind, true)])
    {
        let options = [("literal", OptionValue::Text(kind.into())), ("armor", OptionValue::Boolean(armor))];
        let format = build(&options).unwrap().format;
        cells.extend(texts.iter().map(|text| {
            let plaintext = Plaintext::new(text.clone().into_bytes());
            (kind, format.seal(&plaintext, &key, b"", None).unwrap(), text.clone().into_bytes())
        }));
    }
    let no_text = Plaintext::new(vec![0xff, 0]);
    let cell = common::format().seal(&no_text, &key, b"", None).unwrap();
    cells.push(("bytes", cell, vec![0xff, 0]));
    assert_server_reads(&Database::new("new"), "a new passphrase", &cells);
}

#[test]
fn the_server_reads_repaired_cells() {
    let repair = build(&[("repair_cve_2026_14663", OptionValue::Boolean(true))]).unwrap().format;
    let (key, (_, vectors)) = (key("new", "a new passphrase"), common::vectors("cve-2026-14663.json"));
    let repaired = vectors.into_iter().map(|vector| {
        let text = repair.open(&vector.cell, &key, b"").unwrap();
        ("text", common::format().seal(&text, &key, b"", Some(&vector.cell)).unwrap(), vector.data)
    });
    assert_server_reads(&Database::new("repaired"), "a new passphrase", &repaired.collect::<Vec<_>>());
}

/// Salt and passphrase are hashed whole even where the count says less.
#[test]
fn the_server_agrees_on_long_passphrases() {
    let (long, longer) = ("long".repeat(2000), "longer".repeat(2000));
    let database = Database::new("long");
    let mut cells = Vec::new();
    for options in ["s2k-mode=3,s2k-count=1024", "s2k-mode=3,s2k-count=9000", "s2k-mode=1", "s2k-mode=0"] {
        let query = format!("select encode(pgp_sym_encrypt('hello', '{long}', '{options}'), 'hex');");
        let cell = Cell::whole(Value::Bytes(hex::decode(database.run(&query).trim()).unwrap()));
        let text = common::format().open(&cell, &key("long", &long), b"").unwrap();
        let cell = common::format().seal(&text, &key("longer", &longer), b"", Some(&cell)).unwrap();
        cells.push(("text", cell, b"hello".to_vec()));
    }
    assert_server_reads(&database, &longer, &cells);
}
