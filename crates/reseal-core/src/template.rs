//! Templates with holes: additional authenticated data, key derivation, file names.

use thiserror::Error;

use crate::Value;

/// A text with holes that are filled from a cell's surroundings.
///
/// Holes: `{tenant} {table} {field} {key} {row.COLUMN}`; a hole may say how the value becomes bytes:
/// `{row.id|text}` (the default), `{row.id|be64}` (an integer as 8 bytes, big-endian), `{row.id|uuid}` (16 bytes).
/// `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Hole(Hole, Encoding),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hole {
    Tenant,
    Table,
    Field,
    Key,
    Row(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Text,
    Be64,
    Uuid,
}

/// What the holes of a template are filled with.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The row's tenant; `None` where the table names no tenant column.
    pub tenant: Option<&'a Value>,
    /// The table as the plan names it.
    pub table: &'a str,
    /// The field as the plan names it.
    pub field: &'a str,
    /// The key's tag.
    pub key: &'a str,
    /// Looks up a column of the row.
    pub row: &'a dyn Fn(&str) -> Option<Value>,
}

/// Why a template is wrong, or could not be filled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TemplateError {
    /// A brace without its partner.
    #[error("unmatched brace; write {{{{ or }}}} for a literal brace")]
    Brace,
    /// A hole that no template knows.
    #[error("unknown hole {{{0}}}; valid holes are {{tenant}} {{table}} {{field}} {{key}} {{row.COLUMN}}")]
    UnknownHole(String),
    /// An encoding that no hole knows.
    #[error("unknown encoding `{0}`; valid encodings are text, be64, uuid")]
    UnknownEncoding(String),
    /// A hole whose value is NULL or missing.
    #[error("{{{0}}} is NULL or missing")]
    Missing(String),
    /// A value that the encoding cannot take.
    #[error("{{{0}}} does not fit its encoding")]
    Unfit(String),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// On a stray brace, an unknown hole or an unknown encoding.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            literal.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            let tail = &rest[at + 1..];
            if let Some(after) = tail.strip_prefix(brace) {
                literal.push_str(brace);
                rest = after;
                continue;
            }
            let (hole, after) = match (brace, tail.split_once('}')) {
                ("{", Some(split)) => split,
                _ => return Err(TemplateError::Brace),
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(parse_hole(hole)?);
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Template { pieces })
    }

    /// The columns of the row that the template reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Hole(Hole::Row(column), _) => Some(column.as_str()),
            _ => None,
        })
    }

    /// Whether the template reads the row's tenant.
    #[must_use]
    pub fn reads_tenant(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Hole(Hole::Tenant, _)))
    }

    /// Whether the template reads the key's tag.
    #[must_use]
    pub fn reads_key(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Hole(Hole::Key, _)))
    }

    /// Whether the template reads the field's name.
    #[must_use]
    pub fn reads_field(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Hole(Hole::Field, _)))
    }

    /// Whether filling the template gives the same bytes for every cell.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_)))
    }

    /// Whether the filling depends on the cell: on anything but the key.
    #[must_use]
    pub fn reads_cell(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Hole(hole, _) if *hole != Hole::Key))
    }

    /// Fills the holes.
    ///
    /// # Errors
    /// When a hole's value is NULL, missing or does not fit its encoding.
    pub fn fill(&self, context: &Context<'_>) -> Result<Vec<u8>, TemplateError> {
        let mut out = Vec::new();
        for piece in &self.pieces {
            match piece {
                Piece::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Hole(hole, encoding) => fill_hole(hole, *encoding, context, &mut out)?,
            }
        }
        Ok(out)
    }
}

fn parse_hole(text: &str) -> Result<Piece, TemplateError> {
    let (name, encoding) = match text.split_once('|') {
        None => (text, Encoding::Text),
        Some((name, "text")) => (name, Encoding::Text),
        Some((name, "be64")) => (name, Encoding::Be64),
        Some((name, "uuid")) => (name, Encoding::Uuid),
        Some((_, other)) => return Err(TemplateError::UnknownEncoding(other.to_owned())),
    };
    let hole = match name {
        "tenant" => Hole::Tenant,
        "table" => Hole::Table,
        "field" => Hole::Field,
        "key" => Hole::Key,
        other => match other.strip_prefix("row.") {
            Some(column) if !column.is_empty() => Hole::Row(column.to_owned()),
            _ => return Err(TemplateError::UnknownHole(other.to_owned())),
        },
    };
    Ok(Piece::Hole(hole, encoding))
}

fn fill_hole(
    hole: &Hole,
    encoding: Encoding,
    context: &Context<'_>,
    out: &mut Vec<u8>,
) -> Result<(), TemplateError> {
    let named = || match hole {
        Hole::Tenant => "tenant".to_owned(),
        Hole::Table => "table".to_owned(),
        Hole::Field => "field".to_owned(),
        Hole::Key => "key".to_owned(),
        Hole::Row(column) => format!("row.{column}"),
    };
    let value = match hole {
        Hole::Tenant => context.tenant.cloned(),
        Hole::Row(column) => (context.row)(column),
        Hole::Table => Some(Value::Text(context.table.to_owned())),
        Hole::Field => Some(Value::Text(context.field.to_owned())),
        Hole::Key => Some(Value::Text(context.key.to_owned())),
    };
    let value = value.filter(|value| !value.is_null()).ok_or_else(|| TemplateError::Missing(named()))?;
    match (encoding, &value) {
        (Encoding::Be64, Value::Int(n)) => out.extend_from_slice(&n.to_be_bytes()),
        (Encoding::Be64, value) => {
            let text = value.text().unwrap_or_default();
            let n = text.parse::<i64>().map(i64::to_be_bytes).or_else(|_| text.parse().map(u64::to_be_bytes));
            out.extend_from_slice(&n.map_err(|_| TemplateError::Unfit(named()))?);
        }
        (Encoding::Uuid, value) => {
            out.extend_from_slice(&uuid_bytes(value).ok_or_else(|| TemplateError::Unfit(named()))?);
        }
        (Encoding::Text, value) => out.extend_from_slice(&value.bytes().unwrap_or_default()),
    }
    Ok(())
}

/// The 16 bytes of a UUID that is held as a UUID, as 16 bytes, or as text with or without hyphens.
fn uuid_bytes(value: &Value) -> Option<[u8; 16]> {
    match value {
        Value::Uuid(bytes) => Some(*bytes),
        Value::Bytes(bytes) if bytes.len() == 16 => bytes.as_slice().try_into().ok(),
        other => hex::decode(other.text()?.replace('-', "")).ok()?.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str, id: &Value) -> Result<Vec<u8>, TemplateError> {
        let row = |column: &str| (column == "id").then(|| id.clone());
        let tenant = Value::Text("acme".into());
        let context = Context { tenant: Some(&tenant), table: "t", field: "f", key: "v1", row: &row };
        Template::parse(template).unwrap().fill(&context)
    }

    #[test]
    fn holes_are_filled_and_braces_kept() {
        assert_eq!(
            fill("{tenant}/{table}.{field}@{key}#{row.id}{{}}", &Value::Int(7)).unwrap(),
            b"acme/t.f@v1#7{}"
        );
    }

    #[test]
    fn encodings_fix_the_width() {
        assert_eq!(fill("{row.id|be64}", &Value::Int(258)).unwrap(), [0, 0, 0, 0, 0, 0, 1, 2]);
        let largest = Value::Text(u64::MAX.to_string());
        assert_eq!(fill("{row.id|be64}", &largest).unwrap(), [0xff; 8]);
        let uuid = Value::Text("123e4567-e89b-12d3-a456-426614174000".into());
        assert_eq!(fill("{row.id|uuid}", &uuid).unwrap()[..4], [0x12, 0x3e, 0x45, 0x67]);
        assert_eq!(fill("{row.id|uuid}", &Value::Int(1)), Err(TemplateError::Unfit("row.id".into())));
    }

    #[test]
    fn a_null_fills_no_hole() {
        assert_eq!(fill("{row.id}", &Value::Null), Err(TemplateError::Missing("row.id".into())));
        assert_eq!(fill("{row.other}", &Value::Int(1)), Err(TemplateError::Missing("row.other".into())));
    }

    #[test]
    fn the_key_alone_is_no_part_of_the_cell() {
        assert!(!Template::parse("salt of {key}").unwrap().reads_cell());
        assert!(Template::parse("{key} {field}").unwrap().reads_cell());
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(Template::parse("{tenant"), Err(TemplateError::Brace));
        assert_eq!(Template::parse("tenant}"), Err(TemplateError::Brace));
        assert_eq!(Template::parse("{row.}"), Err(TemplateError::UnknownHole("row.".into())));
        assert_eq!(Template::parse("{table|hex}"), Err(TemplateError::UnknownEncoding("hex".into())));
    }
}
