//! From what a source holds to the bytes of a key.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use reseal_core::{Context, Derivation, Kdf, Key, Material, SecretBytes};
use reseal_plan::Encoding;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

use super::ReadKeyError;

/// The entries of a JSON object whose values are texts.
pub(super) fn json_map(
    bytes: &SecretBytes,
    what: &str,
) -> Result<BTreeMap<String, SecretBytes>, ReadKeyError> {
    // The parser's own message could quote the document.
    let map = serde_json::from_slice::<KeyMap>(bytes.expose()).map_err(|_| {
        ReadKeyError::new(
            format!("{what}: not a JSON object with string values"),
            "expected {\"ID\": \"KEY\", …}",
        )
    })?;
    // A name may be a key that was put on the wrong side of the colon: it is not shown.
    match map.twice {
        true => Err(ReadKeyError::new(
            format!("{what}: two entries of the JSON object have the same name"),
            "give each key its own key ID",
        )),
        false => Ok(map.entries),
    }
}

/// A JSON object of texts, and whether a name stands in it twice: most parsers take the last one and say nothing.
#[derive(Default)]
struct KeyMap {
    entries: BTreeMap<String, SecretBytes>,
    twice: bool,
}

impl<'de> Deserialize<'de> for KeyMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeyMapVisitor)
    }
}

struct KeyMapVisitor;

impl<'de> Visitor<'de> for KeyMapVisitor {
    type Value = KeyMap;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with string values")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<KeyMap, A::Error> {
        let mut map = KeyMap::default();
        while let Some((name, value)) = access.next_entry::<String, String>()? {
            map.twice |= map.entries.insert(name, SecretBytes::new(value.into_bytes())).is_some();
        }
        Ok(map)
    }
}

pub(super) fn text(material: &Material, what: &str) -> Result<Zeroizing<String>, ReadKeyError> {
    let text = std::str::from_utf8(material.bytes.expose())
        .map_err(|_| ReadKeyError::new(format!("{what} is not text"), "expected UTF-8"))?;
    Ok(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Decodes what a source holds. A trailing line break belongs to the file, not to a text-encoded key.
pub(crate) fn decode(
    bytes: SecretBytes,
    encoding: Encoding,
    what: &str,
) -> Result<SecretBytes, ReadKeyError> {
    if encoding == Encoding::Raw {
        return Ok(bytes);
    }
    let bad = |form: &str| {
        ReadKeyError::new(
            format!("{what}: not valid {form}"),
            "check that `encoding` matches how the key is stored",
        )
    };
    let text = std::str::from_utf8(bytes.expose()).map_err(|_| bad("text"))?.trim_end_matches(['\r', '\n']);
    let decoded = match encoding {
        Encoding::Raw | Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Hex => hex::decode(text).map_err(|_| bad("hexadecimal"))?,
        Encoding::Base64 => {
            STANDARD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).map_err(|_| bad("base64"))?
        }
        Encoding::Base64Url => URL_SAFE
            .decode(text)
            .or_else(|_| URL_SAFE_NO_PAD.decode(text))
            .map_err(|_| bad("URL-safe base64"))?,
    };
    Ok(SecretBytes::new(decoded))
}

/// The key that comes of these bytes.
pub(super) fn derive(
    kdf: Option<&Kdf>,
    bytes: SecretBytes,
    id: &str,
    what: &str,
) -> Result<Key, ReadKeyError> {
    let Some(kdf) = kdf else { return Ok(Key::new(id, bytes)) };
    let context = Context { tenant: None, table: "", field: "", key: id, row: &|_| None };
    let filling = kdf
        .filling(&context)
        .map_err(|error| ReadKeyError::new(format!("{what}: {error}"), "check `kdf` in the plan"))?;
    let derived = Key::new(id, kdf.derive(bytes.expose(), &filling));
    Ok(derived.derived_by(Derivation { from: bytes, kdf: kdf.clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Watches that no key silently takes the place of another, and that no message shows a name or a value.
    #[test]
    fn a_name_that_stands_twice_is_refused_and_not_shown() {
        let read = |text: &str| json_map(&SecretBytes::new(text.into()), "the keys");
        let map = read(r#"{"v1": "a", "v2": "b"}"#).unwrap_or_default();
        assert_eq!(map.into_keys().collect::<Vec<_>>(), ["v1", "v2"]);
        for (text, expect) in [
            (r#"{"hunter2": "a", "hunter2": "b"}"#, "the same name"),
            (r#"{"hunter2": "a", "hunter\u0032": "a"}"#, "the same name"),
            (r#"{"v1": {"hunter2": 1}}"#, "not a JSON object with string values"),
            (r#"["hunter2"]"#, "not a JSON object with string values"),
        ] {
            let error = read(text).err().map(|error| error.message).unwrap_or_default();
            assert!(error.contains(expect) && !error.contains("hunter2"), "{error}");
        }
    }
}
