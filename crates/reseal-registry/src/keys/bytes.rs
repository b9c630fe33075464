//! From what a source holds to the bytes of a key.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use reseal_core::{Context, Kdf, Key, Material, SecretBytes};
use reseal_plan::Encoding;
use zeroize::Zeroizing;

use super::ReadKeyError;

/// The entries of a JSON object whose values are texts.
pub(super) fn json_map(
    bytes: &SecretBytes,
    what: &str,
) -> Result<BTreeMap<String, SecretBytes>, ReadKeyError> {
    let map: BTreeMap<String, Zeroizing<String>> =
        serde_json::from_slice::<BTreeMap<String, String>>(bytes.expose())
            .map(|map| map.into_iter().map(|(name, value)| (name, Zeroizing::new(value))).collect())
            // The parser's own message could quote the document.
            .map_err(|_| {
                ReadKeyError::new(
                    format!("{what}: not a JSON object of texts"),
                    "expected {\"ID\": \"KEY\", …}",
                )
            })?;
    Ok(map.into_iter().map(|(name, value)| (name, SecretBytes::new(value.as_bytes().to_vec()))).collect())
}

pub(super) fn text(material: &Material, what: &str) -> Result<Zeroizing<String>, ReadKeyError> {
    let text = std::str::from_utf8(material.bytes.expose())
        .map_err(|_| ReadKeyError::new(format!("{what} is no text"), "expected UTF-8"))?;
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
        ReadKeyError::new(format!("{what}: not valid {form}"), "compare `encoding` with how the key is kept")
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
    let filling =
        kdf.filling(&context).map_err(|error| ReadKeyError::new(format!("{what}: {error}"), "see `kdf`"))?;
    Ok(Key::new(id, kdf.derive(bytes.expose(), &filling)).derived_from(bytes))
}
