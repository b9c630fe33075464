//! Both ways between Reseal and pyca/cryptography: it opens their tokens, they open its.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use format_fernet::PLUGIN;
use reseal_core::{Cell, Format, Identified, Key, OptionValue, Options, Part, Plaintext, SecretBytes, Value};
use serde_json::{Value as Json, json};

const VECTORS: &str = include_str!("../vectors/pyca-cryptography.json");
const READ_BACK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/read_back.py");

fn format(layout: Option<&str>) -> std::sync::Arc<dyn Format> {
    let layout = layout.map(|text| ("layout".to_owned(), OptionValue::Text(text.to_owned())));
    (PLUGIN.build)(&Options(layout.into_iter().collect::<BTreeMap<_, _>>()), &[]).unwrap().format
}

fn key(vector: &Json) -> Key {
    let key = Key::new("k", SecretBytes::new(hex::decode(vector["key"].as_str().unwrap()).unwrap()));
    vector["mark"].as_str().map_or(key.clone(), |mark| key.tagged(mark))
}

fn vectors() -> Vec<Json> {
    let document: Json = serde_json::from_str(VECTORS).unwrap();
    document["vectors"].as_array().unwrap().clone()
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
fn their_tokens_open() {
    for vector in vectors() {
        let name = &vector["name"];
        let format = format(vector["layout"].as_str());
        let text = vector["cell"].as_str().unwrap();
        for value in [Value::Text(text.to_owned()), Value::Bytes(text.as_bytes().to_vec())] {
            let cell = Cell::whole(value);
            let expect =
                vector["mark"].as_str().map_or(Identified::Unmarked, |mark| Identified::Marked(mark.into()));
            assert_eq!(format.identify(&cell), expect, "{name}");
            let opened =
                format.open(&cell, &key(&vector), b"").unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(hex::encode(opened.expose()), vector["plaintext"].as_str().unwrap(), "{name}");
        }
    }
}

#[test]
fn they_open_ours_and_find_the_old_time_stamp() {
    let new = Key::new("v2", SecretBytes::new(vec![7; 32]));
    let (mut cells, mut plaintexts, mut times) = (vec![], vec![], vec![]);
    for vector in vectors() {
        let old = Cell::whole(Value::Text(vector["cell"].as_str().unwrap().to_owned()));
        let text = format(vector["layout"].as_str()).open(&old, &key(&vector), b"").unwrap();
        let sealed = format(None).seal(&text, &new, b"", Some(&old)).unwrap();
        let token = sealed.get(Part::Ciphertext).unwrap().text().unwrap().into_owned();
        cells.push(json!({ "key": hex::encode(new.expose()), "token": token }));
        plaintexts.push(vector["plaintext"].clone());
        times.push(vector["time"].clone());
    }
    for length in [0, 1, 15, 16, 17, 1000, 1 << 20] {
        let text = Plaintext::new(vec![0xc3; length]);
        let old = Cell::whole(Value::Text(vectors()[0]["cell"].as_str().unwrap().to_owned()));
        let sealed = format(Some("F:{key}:{token}")).seal(&text, &new, b"", Some(&old)).unwrap();
        let cell = sealed.get(Part::Ciphertext).unwrap().text().unwrap().into_owned();
        cells.push(json!({ "key": hex::encode(new.expose()), "token": cell.strip_prefix("F:v2:").unwrap() }));
        plaintexts.push(json!(hex::encode(text.expose())));
        times.push(vectors()[0]["time"].clone());
    }
    let read = read_back(&cells);
    assert!(read["plaintexts"] == json!(plaintexts), "they opened something else");
    assert_eq!(read["times"], json!(times));
}
