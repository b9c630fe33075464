//! The old cells of a batch, as they are kept for an exact rollback.
//!
//! One payload a batch, not one row a cell: a batch's undo costs one insert. Each entry holds the row key, the old
//! values and, for each group of values that stand or fall together, a digest of the new ones: rollback puts the old
//! values back only where the new ones still stand. An old cell that was plaintext is not kept at all: it is what the new
//! cell opens to.

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit};
use bytes::BufMut;
use hkdf::Hkdf;
use reseal_core::{KekContext, Key, Value};
use reseal_store::{RowKey, Swap};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{RunError, UndoError};
use crate::job::dek_cache::DekCache;

const CLEAR: u8 = 0;
const SEALED: u8 = 1;
const SEALED_UNDER_A_DEK: u8 = 2;
const NONCE_BYTES: usize = 12;

/// The old values of one row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) key: RowKey,
    /// The old value of each cell column.
    pub(crate) old: Vec<OldValue>,
    /// What the new values of each group hash to that was swapped, with the group's position.
    pub(crate) new: Vec<(usize, Fingerprint)>,
}

/// One old value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum OldValue {
    /// As it was.
    Kept(Value),
    /// What the new row holds in the same place: a cell that was not swapped with the others, which may be plaintext.
    Same,
    /// What the new cell opens to; as text or as bytes.
    Reopen {
        /// Whether the column held text.
        text: bool,
    },
}

/// Half of a SHA-256: to find another row for a given one would take 2^128 tries.
pub(crate) type Fingerprint = [u8; 16];

/// Hashes the values of a row in these places, each with its kind and length. `scratch` is a buffer to use again.
pub(crate) fn digest(values: &[Value], places: &[usize], scratch: &mut Vec<u8>) -> Fingerprint {
    scratch.clear();
    places.iter().for_each(|place| put_value(scratch, &values[*place]));
    let whole: [u8; 32] = Sha256::digest(&scratch).into();
    let mut half = Fingerprint::default();
    half.copy_from_slice(&whole[..size_of::<Fingerprint>()]);
    half
}

/// Bytes that [`put_value`] takes for these values at most.
fn room(values: &[Value]) -> usize {
    values.iter().map(|value| value.size() + 5).sum()
}

/// Appends the entry of a swap. A value that did not change is not kept at all, and one that changed is kept as
/// [`OldValue::Reopen`] where `was_plain` says that plaintext lay there. `groups` are the places of values that stand or fall
/// together. Places that are in none of them show reasons: they are kept, and may change after a swap.
///
/// It is made where the swap is, while its values are still in the core's cache: an entry made when its batch is written
/// waits for memory for longer than all else that is done to make it.
pub(crate) fn put_entry(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    swap: &Swap,
    was_plain: impl Fn(usize) -> bool,
    groups: &[Vec<usize>],
) {
    let grouped = |place: &usize| groups.iter().any(|group| group.contains(place));
    let changed = |place: usize| swap.old[place] != swap.new[place];
    out.reserve(room(&swap.key.0) + room(&swap.old) + groups.len() * (size_of::<Fingerprint>() + 1) + 8);
    out.put_u8(swap.key.0.len() as u8);
    swap.key.0.iter().for_each(|value| put_value(out, value));
    out.put_u16(swap.new.len() as u16);
    for (place, old) in swap.old.iter().enumerate().take(swap.new.len()) {
        match old {
            _ if !changed(place) && grouped(&place) => out.put_u8(b'S'),
            Value::Text(_) | Value::Bytes(_) if was_plain(place) => {
                out.put_u8(if matches!(old, Value::Text(_)) { b'P' } else { b'Q' });
            }
            kept => put_value(out, kept),
        }
    }
    for (at, group) in
        groups.iter().enumerate().filter(|(_, group)| group.iter().any(|place| changed(*place)))
    {
        out.put_u8(b'G');
        out.put_u16(at as u16);
        out.put_slice(&digest(&swap.new, group, scratch));
    }
    out.put_u8(b'E');
}

/// Packs the entries of a batch, behind a byte that says that they are clear. They may come many in a piece.
pub(crate) fn pack<'e>(entries: usize, pieces: impl Iterator<Item = &'e [u8]> + Clone) -> Zeroizing<Vec<u8>> {
    let size: usize = pieces.clone().map(<[u8]>::len).sum();
    let mut out = Zeroizing::new(Vec::with_capacity(size + 5));
    out.push(CLEAR);
    out.extend_from_slice(&(entries as u32).to_be_bytes());
    pieces.for_each(|piece| out.extend_from_slice(piece));
    out
}

/// Packs entries again, of which some groups were taken out.
pub(crate) fn repack(entries: &[Entry]) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::new());
    for entry in entries {
        out.put_u8(entry.key.0.len() as u8);
        entry.key.0.iter().for_each(|value| put_value(&mut *out, value));
        out.put_u16(entry.old.len() as u16);
        for old in &entry.old {
            match old {
                OldValue::Kept(value) => put_value(&mut *out, value),
                OldValue::Same => out.put_u8(b'S'),
                OldValue::Reopen { text } => out.put_u8(if *text { b'P' } else { b'Q' }),
            }
        }
        for (group, written) in &entry.new {
            out.put_u8(b'G');
            out.put_u16(*group as u16);
            out.put_slice(written);
        }
        out.put_u8(b'E');
    }
    pack(entries.len(), std::iter::once(out.as_slice()))
}

impl Entry {
    /// Takes out all but these groups, with the old values that belong to others.
    pub(crate) fn keep_only(&mut self, kept: &[usize], groups: &[Vec<usize>]) {
        self.new.retain(|(at, _)| kept.contains(at));
        let stays = |place: &usize| kept.iter().filter_map(|at| groups.get(*at)).any(|at| at.contains(place));
        let others = self.old.iter_mut().enumerate().filter(|(place, _)| !stays(place));
        others.for_each(|(_, old)| *old = OldValue::Same);
    }
}

/// Reads back what [`pack`] wrote; `None` for anything else.
pub(crate) fn unpack(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let count = u32::from_be_bytes(take(&mut bytes, 4)?.try_into().ok()?);
    let entries = (0..count).map(|_| take_entry(&mut bytes)).collect::<Option<Vec<_>>>()?;
    bytes.is_empty().then_some(entries)
}

/// Reads back what [`put_entry`] wrote; `None` for anything else.
pub(crate) fn take_entry(bytes: &mut &[u8]) -> Option<Entry> {
    let width = take(bytes, 1)?[0];
    let key = (0..width).map(|_| take_value(bytes)).collect::<Option<Vec<_>>>()?;
    let width = u16::from_be_bytes(take(bytes, 2)?.try_into().ok()?);
    let old = (0..width).map(|_| take_old(bytes)).collect::<Option<Vec<_>>>()?;
    let mut new = Vec::new();
    loop {
        match take(bytes, 1)?[0] {
            b'G' => {
                let at = u16::from_be_bytes(take(bytes, 2)?.try_into().ok()?);
                new.push((usize::from(at), take(bytes, size_of::<Fingerprint>())?.try_into().ok()?));
            }
            b'E' => return Some(Entry { key: RowKey(key), old, new }),
            _ => return None,
        }
    }
}

fn put_value(out: &mut impl BufMut, value: &Value) {
    let (tag, bytes) = match value {
        Value::Null => return out.put_u8(b'N'),
        Value::Int(n) => {
            out.put_u8(b'I');
            return out.put_i64(*n);
        }
        Value::Uuid(bytes) => {
            out.put_u8(b'U');
            return out.put_slice(bytes);
        }
        Value::Text(text) => (b'T', text.as_bytes()),
        Value::Bytes(bytes) => (b'B', bytes.as_slice()),
    };
    out.put_u8(tag);
    out.put_u32(bytes.len() as u32);
    out.put_slice(bytes);
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (head, tail) = bytes.split_at_checked(count)?;
    *bytes = tail;
    Some(head)
}

fn take_old(bytes: &mut &[u8]) -> Option<OldValue> {
    match bytes.first()? {
        b'P' | b'Q' => Some(OldValue::Reopen { text: take(bytes, 1)?[0] == b'P' }),
        b'S' => take(bytes, 1).map(|_| OldValue::Same),
        _ => take_value(bytes).map(OldValue::Kept),
    }
}

fn take_value(bytes: &mut &[u8]) -> Option<Value> {
    match take(bytes, 1)?[0] {
        b'N' => Some(Value::Null),
        b'I' => Some(Value::Int(i64::from_be_bytes(take(bytes, 8)?.try_into().ok()?))),
        b'U' => Some(Value::Uuid(take(bytes, 16)?.try_into().ok()?)),
        tag @ (b'T' | b'B') => {
            let length = u32::from_be_bytes(take(bytes, 4)?.try_into().ok()?) as usize;
            let content = take(bytes, length)?.to_vec();
            if tag == b'B' {
                Some(Value::Bytes(content))
            } else {
                String::from_utf8(content).ok().map(Value::Text)
            }
        }
        _ => None,
    }
}

/// The key that the old cells of a run are kept under: a primary, or a DEK wrapped under one that is a KEK.
#[derive(Clone)]
pub(crate) struct UndoKey {
    key: Key,
    wrapped: Option<Vec<u8>>,
}

impl UndoKey {
    pub(crate) async fn of(primary: &Key, deks: &DekCache) -> Result<UndoKey, RunError> {
        if primary.kek().is_none() {
            return Ok(UndoKey { key: primary.clone(), wrapped: None });
        }
        let (dek, wrapped) = deks.generate(primary, 32, &KekContext::default()).await?;
        Ok(UndoKey { key: primary.derived(dek), wrapped: Some(wrapped) })
    }
}

/// The payload as the ledger keeps it: clear, or sealed under `key` (an emergency run's old cells are under a key that
/// others hold).
pub(crate) fn close(mut packed: Zeroizing<Vec<u8>>, key: Option<&UndoKey>) -> Result<Vec<u8>, RunError> {
    let Some(UndoKey { key, wrapped }) = key else { return Ok(std::mem::take(&mut *packed)) };
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| RunError::Random)?;
    let sealed = cipher(key)
        .encrypt(&nonce.into(), Payload { msg: &packed[1..], aad: b"reseal undo" })
        .map_err(|_| UndoError::TooLarge)?;
    Ok(match wrapped {
        None => [&[SEALED], &nonce[..], &sealed].concat(),
        Some(wrapped) => {
            let length = (wrapped.len() as u32).to_be_bytes();
            [&[SEALED_UNDER_A_DEK], &length[..], wrapped, &nonce[..], &sealed].concat()
        }
    })
}

/// Opens what [`close`] gave; `keys` are tried in turn. `None` where none of them opens it.
pub(crate) async fn disclose(
    payload: &[u8],
    keys: &[&Key],
    deks: &DekCache,
) -> Result<Option<Zeroizing<Vec<u8>>>, RunError> {
    match payload.split_first() {
        Some((&CLEAR, packed)) => Ok(Some(Zeroizing::new(packed.to_vec()))),
        Some((&SEALED, sealed)) => {
            let keys = keys.iter().filter(|key| key.kek().is_none());
            Ok(keys.into_iter().find_map(|key| opened(sealed, key)))
        }
        Some((&SEALED_UNDER_A_DEK, mut rest)) => {
            let length = take(&mut rest, 4).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
            let Some(wrapped) = length.and_then(|length| take(&mut rest, length as usize)) else {
                return Ok(None);
            };
            for key in keys.iter().filter(|key| key.kek().is_some()) {
                if let Some(dek) = deks.unwrap(key, wrapped, &KekContext::default()).await? {
                    return Ok(opened(rest, &key.derived(dek)));
                }
            }
            Ok(None)
        }
        _ => Ok(None),
    }
}

fn opened(sealed: &[u8], key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().ok()?;
    let payload = Payload { msg: sealed, aad: b"reseal undo" };
    cipher(key).decrypt(&nonce.into(), payload).ok().map(Zeroizing::new)
}

/// A key of its own, so that undo never shares nonces with the cells of the primary.
fn cipher(key: &Key) -> Aes256Gcm {
    let mut derived = Zeroizing::new([0; 32]);
    // 32 bytes are one block of HKDF-SHA-256: `expand` cannot refuse.
    let expanded = Hkdf::<Sha256>::new(None, key.expose()).expand(b"reseal undo v1", derived.as_mut());
    debug_assert!(expanded.is_ok());
    Aes256Gcm::new(&(*derived).into())
}

#[cfg(test)]
mod tests {
    use reseal_core::SecretBytes;
    use reseal_store::MayBePlain;

    use super::*;

    fn swap() -> Swap {
        Swap {
            key: RowKey(vec![Value::Int(7), Value::Text("é".into())]),
            old: vec![Value::Text("old".into()), Value::Null, Value::Bytes(vec![0]), Value::Int(3)],
            new: vec![Value::Text("new".into()), Value::Null, Value::Bytes(vec![0])],
            version: None,
            may_be_plain: MayBePlain::Nothing,
        }
    }

    fn packed(swap: &Swap, was_plain: impl Fn(usize) -> bool) -> Vec<u8> {
        let mut entry = Vec::new();
        let groups: Vec<Vec<usize>> = (0..swap.new.len()).map(|place| vec![place]).collect();
        put_entry(&mut entry, &mut Vec::new(), swap, was_plain, &groups);
        pack(1, std::iter::once(entry.as_slice()))[1..].to_vec()
    }

    #[test]
    fn what_is_packed_unpacks() {
        let swap = swap();
        let packed = &packed(&swap, |_| false)[..];
        let entries = unpack(packed).unwrap();
        assert_eq!(entries[0].key, swap.key);
        let old = [OldValue::Kept(Value::Text("old".into())), OldValue::Same, OldValue::Same];
        assert_eq!(entries[0].old, old);
        assert_eq!(entries[0].new, [(0, digest(&swap.new, &[0], &mut Vec::new()))]);
        for cut in 0..packed.len() {
            assert!(unpack(&packed[..cut]).is_none());
        }
    }

    #[test]
    fn what_is_packed_again_is_what_was_kept() {
        let swap = swap();
        let groups: Vec<Vec<usize>> = (0..swap.new.len()).map(|place| vec![place]).collect();
        let mut entries = unpack(&packed(&swap, |_| false)).unwrap();
        assert_eq!(repack(&entries)[1..], packed(&swap, |_| false)[..]);
        entries[0].keep_only(&[0], &groups);
        assert_eq!(
            unpack(&repack(&entries)[1..]).unwrap()[0].old[0],
            OldValue::Kept(Value::Text("old".into()))
        );
        entries[0].keep_only(&[1], &groups);
        assert!(!repack(&entries).windows(3).any(|window| window == b"old"));
    }

    #[test]
    fn plaintext_is_never_packed() {
        let swap = swap();
        let gone = packed(&swap, |place| place == 0);
        assert!(!gone.windows(3).any(|window| window == b"old"));
        assert_eq!(unpack(&gone).unwrap()[0].old[0], OldValue::Reopen { text: true });
        let beside = packed(&swap, |place| place == 1);
        assert_eq!(unpack(&beside).unwrap()[0].old[0], OldValue::Kept(Value::Text("old".into())));
    }

    #[test]
    fn plaintext_that_stays_is_not_packed_with_what_is_swapped_beside_it() {
        let stays = |text: &str| Value::Text(text.into());
        let swap = Swap {
            key: RowKey(vec![Value::Int(1)]),
            old: vec![stays("sealed"), stays("a diagnosis")],
            new: vec![stays("anew"), stays("a diagnosis")],
            version: None,
            may_be_plain: MayBePlain::Nothing,
        };
        for plain in [true, false] {
            let packed = packed(&swap, |_| plain);
            assert!(!packed.windows(9).any(|window| window == b"diagnosis"));
            assert_eq!(unpack(&packed).unwrap()[0].old[1], OldValue::Same);
        }
    }

    #[tokio::test]
    async fn a_sealed_payload_opens_under_its_key_alone() {
        let (one, two) =
            (Key::new("1", SecretBytes::new(vec![1; 32])), Key::new("2", SecretBytes::new(vec![2; 32])));
        let packed = Zeroizing::new([&[CLEAR], &b"payload"[..]].concat());
        let deks = DekCache::default();
        let under_one = UndoKey::of(&one, &deks).await.unwrap();
        let sealed = close(packed, Some(&under_one)).unwrap();
        assert!(!sealed.windows(7).any(|window| window == b"payload"));
        assert_eq!(disclose(&sealed, &[&two, &one], &deks).await.unwrap().unwrap().as_slice(), b"payload");
        assert!(disclose(&sealed, &[&two], &deks).await.unwrap().is_none());
    }
}
