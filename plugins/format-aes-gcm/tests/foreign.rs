//! Both ways between Reseal and pyca/cryptography: it opens their cells, they open its.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::Arc;

use format_aes_gcm::PLUGIN;
use reseal_core::{Cell, Format, Identified, Key, OptionValue, Options, Part, Plaintext, SecretBytes, Value};
use serde_json::{Value as Json, json};

const VECTORS: &str = include_str!("../vectors/pyca-cryptography.json");
const READ_BACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/read_back.py");

fn format(layout: Option<&str>, encoding: Option<&str>, parts: &[Part]) -> Arc<dyn Format> {
    let option = |name: &str, text: &str| (name.to_owned(), OptionValue::Text(text.to_owned()));
    let options = [layout.map(|text| option("layout", text)), encoding.map(|text| option("encoding", text))];
    let options = Options(options.into_iter().flatten().collect::<BTreeMap<_, _>>());
    (PLUGIN.build)(&options, parts).unwrap().format
}

fn unhex(json: &Json) -> Vec<u8> {
    hex::decode(json.as_str().unwrap()).unwrap()
}

fn cell(json: &Json) -> Cell<'static> {
    let part = |name: &str| Part::ALL.into_iter().find(|part| part.name() == name).unwrap();
    let value = |json: &Json| match json["text"].as_str() {
        Some(text) => Value::Text(text.to_owned()),
        None => Value::Bytes(unhex(&json["hex"])),
    };
    let parts = json.as_object().unwrap();
    Cell::of(parts.iter().map(|(name, written)| (part(name), value(written))))
}

fn written(cell: &Cell) -> Json {
    let value = |value: &Value| match value {
        Value::Text(text) => json!({ "text": text }),
        other => json!({ "hex": hex::encode(other.bytes().unwrap()) }),
    };
    cell.parts().map(|(part, held)| (part.name().to_owned(), value(held))).collect()
}

/// Runs `vectors/read_back.py`, in a process that holds no code of Reseal.
fn read_back(cells: &[Json]) -> Json {
    let python = std::env::var_os("RESEAL_TEST_PYTHON")
        .expect("RESEAL_TEST_PYTHON names no Python that has `cryptography`; run `cargo xtask test`, which sets it up");
    let mut child = Command::new(python)
        .arg(READ_BACK)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("RESEAL_TEST_PYTHON does not start");
    let input = json!({ "cells": cells }).to_string();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "pyca/cryptography could not read what Reseal sealed");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn their_cells_open() {
    let document: Json = serde_json::from_str(VECTORS).unwrap();
    for vector in document["vectors"].as_array().unwrap() {
        let name = format!("{} in {}", vector["name"], vector["layout"]);
        let cell = cell(&vector["cell"]);
        let parts: Vec<Part> = match vector["layout"] {
            Json::Null => cell.parts().map(|(part, _)| part).collect(),
            _ => vec![],
        };
        let format = format(vector["layout"].as_str(), vector["encoding"].as_str(), &parts);
        let expect =
            vector["mark"].as_str().map_or(Identified::Unmarked, |mark| Identified::Marked(mark.into()));
        assert_eq!(format.identify(&cell), expect, "{name}");
        let key = Key::new("k", SecretBytes::new(unhex(&vector["key"])));
        let opened = format.open(&cell, &key, &unhex(&vector["aad"]));
        let opened = opened.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(hex::encode(opened.expose()), vector["plaintext"].as_str().unwrap(), "{name}");
        if vector["aad"] != "" {
            assert!(format.open(&cell, &key, b"").is_err(), "{name} opens without its additional data");
        }
    }
}

#[test]
fn they_open_ours() {
    let shapes = [
        Some("{key}:{nonce|base64}:{ciphertext|base64}"),
        Some("{nonce|base64}.{tag|base64}.{ciphertext|base64}"),
        Some("enc:{nonce|hex|16}{tag|hex|16}{ciphertext|hex}"),
        Some("{nonce|12}{ciphertext|raw}"),
        None,
    ];
    let (mut cells, mut plaintexts) = (vec![], vec![]);
    for layout in shapes {
        let parts: &[Part] = if layout.is_none() { &[Part::Ciphertext, Part::Nonce, Part::Tag] } else { &[] };
        let format = format(layout, None, parts);
        for key_bytes in [16, 32] {
            let key = Key::new("v2", SecretBytes::new((0..key_bytes).collect()));
            for (length, aad) in [(0, "x"), (1, ""), (16, "clients.notes"), (1000, ""), (1 << 16, "x")] {
                let text = Plaintext::new((0..length).map(|at: u32| at as u8).collect());
                let sealed = format.seal(&text, &key, aad.as_bytes(), None).unwrap();
                let (key, aad) = (hex::encode(key.expose()), hex::encode(aad));
                cells.push(json!({ "key": key, "aad": aad, "layout": layout, "cell": written(&sealed) }));
                plaintexts.push(json!(hex::encode(text.expose())));
            }
        }
    }
    assert!(read_back(&cells)["plaintexts"] == json!(plaintexts), "they opened something else");
}
