//! A value as its column takes it.

use reseal_core::Value;
use reseal_store::Kind;

/// A value as its column takes it: as the old one was stored (SQLite stores texts in binary columns and the reverse),
/// else as the column declares. `None` where it does not fit.
pub(crate) fn coerce(value: Value, old: &Value, kind: Kind) -> Option<Value> {
    if value.is_null() {
        return Some(value);
    }
    match (old, kind) {
        (Value::Text(_), _) if matches!(value, Value::Text(_)) => Some(value),
        (Value::Bytes(_), _) if matches!(value, Value::Bytes(_)) => Some(value),
        (Value::Text(_), _) | (Value::Null, Kind::Text | Kind::Json | Kind::Other) => {
            value.text().map(|text| Value::Text(text.into_owned()))
        }
        (Value::Bytes(_), _) | (Value::Null, Kind::Binary) => {
            value.bytes().map(|bytes| Value::Bytes(bytes.into_owned()))
        }
        (Value::Int(_), _) | (Value::Null, Kind::Int) => value.text()?.parse().ok().map(Value::Int),
        (Value::Uuid(_), _) | (Value::Null, Kind::Uuid) => {
            hex::decode(value.text()?.replace('-', "")).ok()?.try_into().ok().map(Value::Uuid)
        }
    }
}
