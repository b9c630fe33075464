//! Rows as they come from a page, and row keys as they are written in the ledger.

use std::fmt;

use reseal_core::Value;
use serde_json::{Value as Json, json};

/// The values of the column(s) that identify a row, in the order of the plan.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RowKey(pub Vec<Value>);

/// One row of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What identifies the row.
    pub key: RowKey,
    /// The cells' columns, then the columns that are only read, as the [`Shape`](crate::Shape) lists them.
    pub values: Vec<Value>,
    /// The row's version where the database has one (PostgreSQL's `xmin`): equal versions prove equal rows.
    pub version: Option<u32>,
    /// Where the row lies in its page of storage, where the database tells (PostgreSQL's line pointer); else 0.
    pub slot: u16,
}

impl Row {
    /// Size in bytes as it counts against a batch's bound.
    #[must_use]
    pub fn size(&self) -> usize {
        self.values.iter().map(Value::size).sum::<usize>() + 64
    }
}

impl RowKey {
    /// The key as JSON, exact and readable: `[7]`, `["a", {"uuid": "…"}]`, `[{"hex": "00ff"}]`.
    #[must_use]
    pub fn encode(&self) -> String {
        let parts = self.0.iter().map(|value| match value {
            Value::Null => Json::Null,
            Value::Int(n) => json!(n),
            Value::Text(text) => json!(text),
            Value::Bytes(bytes) => json!({ "hex": hex::encode(bytes) }),
            Value::Uuid(_) => json!({ "uuid": value.text().unwrap_or_default() }),
        });
        Json::Array(parts.collect()).to_string()
    }

    /// Reads back what [`RowKey::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(text: &str) -> Option<RowKey> {
        let Json::Array(parts) = serde_json::from_str(text).ok()? else { return None };
        parts.iter().map(decode_part).collect::<Option<Vec<_>>>().map(RowKey)
    }
}

fn decode_part(part: &Json) -> Option<Value> {
    match part {
        Json::Null => Some(Value::Null),
        Json::Number(n) => n.as_i64().map(Value::Int),
        Json::String(text) => Some(Value::Text(text.clone())),
        Json::Object(fields) => match (fields.get("hex"), fields.get("uuid")) {
            (Some(Json::String(text)), _) => hex::decode(text).ok().map(Value::Bytes),
            (_, Some(Json::String(text))) => {
                hex::decode(text.replace('-', "")).ok()?.try_into().ok().map(Value::Uuid)
            }
            _ => None,
        },
        _ => None,
    }
}

impl fmt::Display for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, value) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            match value {
                Value::Bytes(bytes) => write!(f, "0x{}", hex::encode(bytes))?,
                other => f.write_str(&other.text().unwrap_or_default())?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RowKey({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_read_back_exactly() {
        let key = RowKey(vec![
            Value::Int(i64::MIN),
            Value::Text("O'Brien \"é\" {\"hex\":\"00\"}".into()),
            Value::Bytes(vec![0, 255]),
            Value::Uuid([9; 16]),
        ]);
        assert_eq!(RowKey::decode(&key.encode()), Some(key));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "7", "[1.5]", "[{\"hex\":\"0\"}]", "[{\"uuid\":\"12\"}]", "[[1]]"] {
            assert_eq!(RowKey::decode(text), None, "{text}");
        }
    }
}
