//! Keys that somebody may have typed: no fast hash is kept of them, and weak ones do not become the primary.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::steered::ledger;
use crate::world::{STORES, World};

/// Text that nobody guesses, as long as a key of AES-256.
const TEXT: &[u8] = b"vK8#tq2Lw9!xRz4&bN7@jH5%mC3$pY6e";

/// How a plan names the key v2, and what lies in the files that it names.
struct Source {
    /// What follows `v2:`; nothing for a key that a list holds.
    key: String,
    /// What follows the keys of the keyset.
    list: String,
    file: String,
}

impl Source {
    fn of(key: &str, file: String) -> Source {
        Source { key: format!("{{ file: v2.key, {key} }}"), list: String::new(), file }
    }

    /// Has v2 come from here.
    fn give(&self, world: &World) {
        std::fs::write(world.path("v2.key"), &self.file).unwrap();
        let plan = std::fs::read_to_string(world.path("plan.yaml")).unwrap();
        let lines = plan.lines().map(|line| match line.trim_start().strip_prefix("v2: ") {
            Some(_) if self.key.is_empty() => self.list.clone(),
            Some(_) => format!("      v2: {}", self.key),
            None => line.to_owned(),
        });
        let plan: Vec<String> = lines.collect();
        std::fs::write(world.path("plan.yaml"), plan.join("\n")).unwrap();
    }
}

/// Watches what is kept of keys: somebody who reads ledger, catalogue or trail could try millions of words a second against a
/// fast hash of a word, whatever the plan calls it and wherever it comes from.
#[test]
fn no_fast_hash_is_kept_of_what_may_have_been_typed() {
    let base64 = STANDARD.encode(TEXT);
    let map = format!("{{\"v2\": \"{base64}\"}}");
    let listed = "    keys_from: [{ file: v2.key, json: \"*\", encoding: base64 }]".to_owned();
    let sources = [
        Source::of("encoding: raw", String::from_utf8(TEXT.to_vec()).unwrap()),
        Source::of("encoding: hex", hex(TEXT)),
        Source::of("encoding: base64, json: v2", map.clone()),
        Source { key: String::new(), list: listed, file: map },
        Source::of("encoding: base64, kdf: { sha256: {} }", base64),
    ];
    for (at, source) in sources.iter().enumerate() {
        let store = STORES[at % STORES.len()];
        let world = World::new(store, "plaintext", 20);
        source.give(&world);
        let (code, run) = world.reseal(&["run", "PLAN"]);
        assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{}: {run}", source.key);
        let pins = format!("SELECT key_id, method FROM {} ORDER BY key_id", ledger(store, "pin"));
        let expected = serde_json::json!([["v1", "sha256"], ["v2", "argon2id"]]);
        assert_eq!(world.sql(&[&pins]), expected, "{}", source.key);
        let noted = world.sql(&[&format!("SELECT primaries FROM {}", ledger(store, "run"))]);
        assert!(noted[0][0].as_str().unwrap().contains(r#""v2":"argon2id:"#), "{}: {noted}", source.key);
        let catalogued = world.control("SELECT key_id, method FROM reseal_catalogue_key ORDER BY key_id");
        assert_eq!(catalogued, expected, "{}", source.key);
        let trail = world.command(&["audit", "export"]).output().unwrap();
        let trail = String::from_utf8(trail.stdout).unwrap();
        assert!(trail.contains(r#""v2","argon2id:"#), "{}: {trail}", source.key);
        assert!(!trail.contains(r#""v2","sha256:"#), "{}: {trail}", source.key);
    }
}

/// Watches what becomes a primary: cells would be moved from a good key to one that is guessed.
#[test]
fn a_weak_new_primary_is_refused_until_it_is_accepted() {
    let mut random = [0; 32];
    getrandom::fill(&mut random).unwrap();
    let typed = STANDARD.encode(TEXT);
    let pbkdf2 = |rounds: u32| {
        format!("encoding: base64, kdf: {{ pbkdf2-sha256: {{ salt: s, rounds: {rounds}, length: 32 }} }}")
    };
    for (key, file, weakness) in [
        ("encoding: base64", STANDARD.encode([0; 32]), Some("all of its bytes are zero")),
        ("encoding: hex", "0123456789abcdef".repeat(4), Some("it repeats the same 8 bytes")),
        ("encoding: hex", hex(&std::array::from_fn::<u8, 32, _>(|at| at as u8)), Some("count up or down")),
        (
            "encoding: utf8, kdf: { sha256: {} }",
            "Summer2026!".to_owned(),
            Some("it is text that is easy to guess"),
        ),
        (
            "encoding: base64",
            STANDARD.encode(&random[..16]),
            Some("it has 16 bytes, fewer than the 32 bytes of a key that it replaces"),
        ),
        (
            "encoding: hex, kdf: { sha256: {} }",
            "9c4be1a07fd2e805".to_owned(),
            Some("it has 8 bytes, fewer than the required 16"),
        ),
        (&pbkdf2(1000), typed.clone(), Some("1000 iterations of PBKDF2, fewer than the required 600000")),
        (
            "encoding: base64, kdf: { pbkdf2-sha1: { salt: s, rounds: 1000, length: 32 } }",
            typed.clone(),
            Some("1000 iterations of PBKDF2, fewer than the required 1300000"),
        ),
        (&pbkdf2(600_000), typed, None),
        // What was drawn at random needs no iterations.
        (&pbkdf2(1000), STANDARD.encode(random), None),
    ] {
        let world = World::new("sqlite", "aes-gcm", 20);
        Source::of(key, file).give(&world);
        let Some(weakness) = weakness else {
            let (code, run) = world.reseal(&["run", "PLAN"]);
            assert_eq!(code, 0, "{key}: {run}");
            continue;
        };
        refuses_until_it_is_accepted(&world, key, weakness);
    }
}

/// Each command refuses the world's new key for this weakness, until it is accepted.
fn refuses_until_it_is_accepted(world: &World, key: &str, weakness: &str) {
    let before = world.digest();
    for args in [&["run", "PLAN"][..], &["run", "PLAN", "--dry-run"], &["check", "PLAN", "--connect"]] {
        let (code, refused) = world.reseal(args);
        let text = refused.to_string();
        let said = ["weak-key", "key `v2` of keyset `main`", weakness, "--accept-weak-key"];
        assert!(code == 3 && said.iter().all(|said| text.contains(said)), "{key}, {args:?}: {code} {text}");
    }
    assert_eq!(world.digest(), before, "{key}");
    let (code, run) = world.reseal(&["run", "PLAN", "--accept-weak-key"]);
    assert_eq!((code, run["state"].as_str()), (0, Some("complete")), "{key}: {run}");
    let trail = world.command(&["audit", "export"]).output().unwrap();
    let trail = String::from_utf8(trail.stdout).unwrap();
    assert!(trail.contains(r#"["accepted_weak_key","main/v2"]"#), "{key}: {trail}");
    // Cells are under it by now: it is no new one any more.
    let (code, again) = world.reseal(&["run", "PLAN"]);
    assert_eq!(code, 0, "{key}: {again}");
}

/// Watches the rounds of a seal, whose derivation each cell may have its own of.
#[test]
fn too_few_rounds_of_a_seal_are_refused_until_they_are_accepted() {
    let world = World::new("sqlite", "plaintext", 20);
    Source::of("encoding: base64", STANDARD.encode(TEXT)).give(&world);
    let kdf = "    kdf: { pbkdf2-sha256: { salt: \"{table}\", rounds: 1000, length: 32 } }\n";
    world.rewrite_plan("    keyset: main\n", &format!("    keyset: main\n{kdf}"));
    let (code, refused) = world.reseal(&["run", "PLAN"]);
    let text = refused.to_string();
    assert!(
        code == 3 && text.contains("1000 iterations of PBKDF2, fewer than the required 600000"),
        "{code} {text}"
    );
    assert_eq!(world.reseal(&["run", "PLAN", "--accept-weak-key"]).0, 0);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
