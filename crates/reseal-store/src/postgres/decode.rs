//! Values as PostgreSQL sends them.

use reseal_core::{SecretBytes, Value};
use sqlx::postgres::{PgRow, PgValueFormat};
use sqlx::{Row as _, TypeInfo, ValueRef};

use super::trouble::failed;
use crate::{Kind, StoreError};

pub(super) fn decode(row: &PgRow, kinds: &[Kind]) -> Result<Vec<Value>, StoreError> {
    kinds
        .iter()
        .enumerate()
        .map(|(at, kind)| decode_one(row, at, *kind).map_err(|error| failed(&error)))
        .collect()
}

/// Reads a value as the server sends it. Columns are read as types that are sent alike whatever they are declared as, so
/// that the driver need not look each type up for each value.
pub(super) fn decode_one(row: &PgRow, at: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let wrong = || sqlx::Error::Decode(format!("column {at} is not sent as {kind:?}").into());
    let textual = matches!(kind, Kind::Text | Kind::Json | Kind::Other);
    if !textual && raw.format() == PgValueFormat::Text {
        return Err(wrong());
    }
    decode_bytes(raw.as_bytes().map_err(|_| wrong())?, kind).ok_or_else(wrong)
}

/// Reads a value that is sent in binary; `None` where it is of another kind.
pub(super) fn decode_bytes(bytes: &[u8], kind: Kind) -> Option<Value> {
    Some(match kind {
        Kind::Text | Kind::Json | Kind::Other => Value::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
        Kind::Binary => Value::Bytes(bytes.to_vec()),
        Kind::Int => Value::Int(i64::from_be_bytes(bytes.try_into().ok()?)),
        Kind::Uuid => Value::Uuid(bytes.try_into().ok()?),
    })
}

/// A value as the server writes it in text; a binary one as its bytes.
pub(super) fn as_written(row: &PgRow, at: usize) -> Result<Option<SecretBytes>, sqlx::Error> {
    let raw = row.try_get_raw(at)?;
    if raw.is_null() {
        return Ok(None);
    }
    let wrong = || sqlx::Error::Decode(format!("column {at} is not sent as text").into());
    let bytes = raw.as_bytes().map_err(|_| wrong())?;
    let bytes = match bytes.strip_prefix(br"\x") {
        Some(digits) if raw.type_info().name() == "BYTEA" => hex::decode(digits).map_err(|_| wrong())?,
        _ => bytes.to_vec(),
    };
    Ok(Some(SecretBytes::new(bytes)))
}

/// The transaction that wrote the row: an unsigned 32-bit number, as the server sends an `xid`.
pub(super) fn version(xmin: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(xmin.try_into().ok()?))
}

/// The row's line pointer in its page: the last two bytes of a `tid` as the server sends it.
pub(super) fn line_pointer(ctid: &[u8]) -> u16 {
    u16::from_be_bytes(ctid.last_chunk().copied().unwrap_or_default())
}
