//! The keys of a cell: what follows from the key of the keyset.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use aws_lc_rs::key_wrap::{AES_128, AES_256, AesKek, KeyWrap};
use reseal_core::Key;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::cipher::Cipher;
use crate::expr::{Expr, Scope, Secret};
use crate::layout::{Name, Parts};
use crate::settings::Settings;

/// How many derived keys are kept at hand; past that the cache starts anew. Keys with a salt per cell fill it.
const KEPT: usize = 1024;

/// What a cell is opened and sealed with.
pub(crate) struct Keys {
    pub(crate) cipher: Cipher,
    pub(crate) cipher_key: Secret,
    pub(crate) mac_key: Secret,
    /// The key's mark as cells have it.
    pub(crate) mark: Option<Secret>,
}

/// Keys that were derived before: derivations are slow on purpose.
#[derive(Default)]
pub(crate) struct KeyCache {
    kept: RwLock<HashMap<[u8; 32], Option<Arc<Keys>>>>,
}

impl KeyCache {
    /// The keys of a cell; `None` where the key of the keyset does not fit.
    pub(crate) fn keys(&self, settings: &Settings, key: &Key, parts: &Parts) -> Option<Arc<Keys>> {
        let place = place(settings, key.expose(), parts);
        if let Ok(kept) = self.kept.read()
            && let Some(found) = kept.get(&place)
        {
            return found.clone();
        }
        let made = settings.derive(key.expose(), parts).map(Arc::new);
        if let Ok(mut kept) = self.kept.write() {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(place, made.clone());
        }
        made
    }
}

/// What the keys of a cell depend on, as a digest.
fn place(settings: &Settings, key: &[u8], parts: &Parts) -> [u8; 32] {
    let mut digest = Sha256::new_with_prefix((key.len() as u64).to_be_bytes());
    digest.update(key);
    if settings.key_reads_cell() {
        for name in &settings.columns.names() {
            let bytes = if depends(settings, name) { parts.get(name).unwrap_or_default() } else { &[] };
            digest.update((bytes.len() as u64).to_be_bytes());
            digest.update(bytes);
        }
    }
    digest.finalize().into()
}

fn depends(settings: &Settings, name: &Name) -> bool {
    let part = crate::expr::Variable::Part(name.clone());
    let of_mac = settings.mac.iter().flat_map(|mac| &mac.key);
    &**name == "wrapped" || settings.key.iter().chain(of_mac).any(|expr| expr.uses(&part))
}

impl Settings {
    fn derive(&self, key: &[u8], parts: &Parts) -> Option<Keys> {
        let mut scope = Scope { key, cipher_key: &[], plaintext: &[], aad: &[], salt: &self.salt, parts };
        let stated = value_or(self.key.as_ref(), &scope, key)?;
        let cipher_key = match parts.get("wrapped").filter(|_| self.wraps) {
            Some(wrapped) => unwrap(&stated, wrapped)?,
            None => stated,
        };
        let mac_key = value_or(self.mac.as_ref().and_then(|mac| mac.key.as_ref()), &scope, &cipher_key)?;
        scope.cipher_key = &cipher_key;
        let mark = match &self.mark {
            Some(mark) => Some(mark.value(&scope)?),
            None => None,
        };
        let cipher = Cipher::new(self.algorithm, &cipher_key, self.nonce_bytes)?;
        Some(Keys { cipher, cipher_key, mac_key, mark })
    }

    /// A key of the cell's own, wrapped under the key of the keyset. `None` where that does not fit.
    pub(crate) fn wrapped(&self, key: &[u8], own: &[u8], parts: &Parts) -> Option<Vec<u8>> {
        let scope = Scope { key, cipher_key: &[], plaintext: &[], aad: &[], salt: &self.salt, parts };
        let kek = value_or(self.key.as_ref(), &scope, key)?;
        let mut out = vec![0; own.len() + 8];
        Some(kek_of(&kek)?.wrap(own, &mut out).ok()?.to_vec())
    }
}

fn value_or(expr: Option<&Expr>, scope: &Scope<'_>, default: &[u8]) -> Option<Secret> {
    match expr {
        Some(expr) => expr.value(scope),
        None => Some(Zeroizing::new(default.to_vec())),
    }
}

/// AES key wrap (RFC 3394).
fn kek_of(key: &[u8]) -> Option<AesKek> {
    match key.len() {
        16 => AesKek::new(&AES_128, key).ok(),
        32 => AesKek::new(&AES_256, key).ok(),
        _ => None,
    }
}

fn unwrap(kek: &[u8], wrapped: &[u8]) -> Option<Secret> {
    let mut out = Zeroizing::new(vec![0; wrapped.len()]);
    let length = kek_of(kek)?.unwrap(wrapped, &mut out).ok()?.len();
    out.truncate(length);
    Some(out)
}
