//! Vectors: cells of other producers with their keys, and the format that reads them.

#![allow(dead_code, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::path::Path;

use format_custom::PLUGIN;
use reseal_core::{BuiltFormat, Cell, Key, OptionValue, Options, Part, SecretBytes, Value};
use serde_json::Value as Json;

/// The cells of one producer.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) aad: Vec<u8>,
    json: Json,
}

/// A cell, and what it opens to.
pub(crate) struct Sample {
    pub(crate) cell: Cell<'static>,
    pub(crate) plaintext: Vec<u8>,
}

/// All vectors that this build has the ciphers for.
pub(crate) fn all() -> Vec<Vector> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let json = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "json"));
    let vectors = json.map(|file| {
        let json: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let aad = json["aad"].as_str().unwrap_or_default().as_bytes().to_vec();
        Vector { name, aad, json }
    });
    vectors.filter(|vector| !vector.is_rare() || cfg!(feature = "rare")).collect()
}

impl Vector {
    fn is_rare(&self) -> bool {
        self.json["options"]["cipher"].as_str().unwrap().ends_with("-eax")
    }

    pub(crate) fn is_deterministic(&self) -> bool {
        let options = &self.json["options"];
        let from_cell = options["layout"].as_str().unwrap().contains("{salt");
        options["cipher"].as_str().unwrap().ends_with("-ecb") || options["nonce"].is_string() && !from_cell
    }

    /// Whether each cell has a key of its own that takes milliseconds to derive.
    pub(crate) fn is_slow(&self) -> bool {
        self.json["options"]["key"].as_str().is_some_and(|key| key.contains("(key, salt, 10000"))
    }

    /// Whether the cells are too short to tell their key by.
    pub(crate) fn is_ambiguous(&self) -> bool {
        self.json["ambiguous"].as_bool().unwrap_or_default()
    }

    pub(crate) fn is_authenticated(&self) -> bool {
        self.json["options"]["unauthenticated"].is_null()
    }

    pub(crate) fn options(&self) -> Options {
        let options = self.json["options"].as_object().unwrap().iter();
        let text = |value: &Json| OptionValue::Text(value.as_str().unwrap().to_owned());
        Options(options.map(|(name, value)| (name.clone(), text(value))).collect::<BTreeMap<_, _>>())
    }

    /// The columns of a cell.
    pub(crate) fn parts(&self) -> Vec<Part> {
        let first = &self.json["cells"][0];
        let has = |part: &Part| !first[part.name()].is_null();
        [Part::Ciphertext, Part::Nonce, Part::Tag].into_iter().filter(has).collect()
    }

    pub(crate) fn built(&self) -> BuiltFormat {
        (PLUGIN.build)(&self.options(), &self.parts())
            .unwrap_or_else(|error| panic!("{}: {}", self.name, error.message))
    }

    /// The key of the vectors, and another one.
    pub(crate) fn keys(&self) -> [Key; 2] {
        let tag = |at: usize| self.json["tags"][at].as_str().map(str::to_owned);
        let key = |id: &str, at: usize, value: &Json| {
            Key::new(id, SecretBytes::new(bytes(value))).tagged(tag(at).as_deref().unwrap_or(id))
        };
        [key("v1", 0, &self.json["key"]), key("v2", 1, &self.json["other_key"])]
    }

    pub(crate) fn cells(&self) -> Vec<Sample> {
        let cell = |json: &Json| {
            let column = |part: &Part| {
                let value = &json[part.name()];
                let text = || Value::Text(value["text"].as_str().unwrap().to_owned());
                let value = if value["hex"].is_string() { Value::Bytes(bytes(value)) } else { text() };
                (*part, value)
            };
            Sample { cell: Cell::of(self.parts().iter().map(column)), plaintext: bytes(&json["plaintext"]) }
        };
        self.json["cells"].as_array().unwrap().iter().map(cell).collect()
    }
}

fn bytes(value: &Json) -> Vec<u8> {
    match (value["hex"].as_str(), value["text"].as_str()) {
        (Some(digits), _) => hex::decode(digits).unwrap(),
        (None, text) => text.unwrap().as_bytes().to_vec(),
    }
}
