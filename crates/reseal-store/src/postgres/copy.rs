//! Rows by `COPY … TO STDOUT (FORMAT binary)`: the server sends them as it would the rows of a query, and the driver hands
//! them on without making an object of each, which costs it as much as all else that is done to read them.

use futures::{Stream, TryStreamExt};
use reseal_core::Value;
use sqlx::postgres::PgConnection;

use super::decode::decode_bytes;
use super::trouble::failed;
use crate::{Kind, Row, RowKey, StoreError, Trouble};

/// What binary output begins with (PostgreSQL documentation, COPY, "Binary Format"): a signature, flags, and the length
/// of an extension, both of which are 0 in all versions.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

/// What the columns of a copied row are.
#[derive(Clone, Copy)]
pub(super) struct Columns<'k> {
    pub(super) kinds: &'k [Kind],
    /// How many leading columns are the row key.
    pub(super) key_width: usize,
    /// Whether `xmin` and `ctid` stand behind the others.
    pub(super) system: bool,
}

/// The rows of a query as they come in.
pub(super) struct Copy<'k, S> {
    messages: S,
    parser: Parser<'k>,
}

/// Begins to read a query without arguments. After an error, or if what is given is dropped before the end, the connection
/// is good for nothing but to be closed.
pub(super) async fn begin<'c>(
    connection: &'c mut PgConnection,
    query: &str,
    columns: Columns<'c>,
) -> Result<Copy<'c, impl Stream<Item = Result<impl AsRef<[u8]>, sqlx::Error>> + Send + Unpin>, StoreError> {
    let copy = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
    let messages = connection.copy_out_raw(&copy).await.map_err(|error| failed(&error))?;
    Ok(Copy { messages, parser: Parser { columns, begun: false, rest: Vec::new() } })
}

impl<B: AsRef<[u8]>, S: Stream<Item = Result<B, sqlx::Error>> + Unpin> Copy<'_, S> {
    /// Appends what comes next, mostly one row; false at the end.
    pub(super) async fn next(&mut self, rows: &mut Vec<Row>) -> Result<bool, StoreError> {
        match self.messages.try_next().await.map_err(|error| failed(&error))? {
            Some(message) => self.parser.feed(message.as_ref(), rows).map(|()| true),
            None => Ok(false),
        }
    }
}

/// Cuts messages into rows. The server sends a row in each, but does not promise to.
struct Parser<'k> {
    columns: Columns<'k>,
    /// Whether the header has been seen.
    begun: bool,
    /// The beginning of something that goes on in the next message.
    rest: Vec<u8>,
}

impl Parser<'_> {
    fn feed(&mut self, message: &[u8], rows: &mut Vec<Row>) -> Result<(), StoreError> {
        if self.rest.is_empty() {
            let used = self.parse(message, rows)?;
            self.rest.extend_from_slice(&message[used..]);
            return Ok(());
        }
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(message);
        let used = self.parse(&all, rows)?;
        all.drain(..used);
        self.rest = all;
        Ok(())
    }

    /// Parses all that is complete; gives how many bytes that is.
    fn parse(&mut self, bytes: &[u8], rows: &mut Vec<Row>) -> Result<usize, StoreError> {
        let mut rest = bytes;
        if !self.begun {
            let Some(after) = rest.get(HEADER.len()..) else { return Ok(0) };
            if !rest.starts_with(HEADER) {
                return Err(wrong());
            }
            (self.begun, rest) = (true, after);
        }
        while let Some(row) = self.row(&mut rest)? {
            rows.extend(row);
        }
        Ok(bytes.len() - rest.len())
    }

    /// The next row; `None` where it is not complete yet, `Some(None)` for the end of all rows.
    fn row(&self, rest: &mut &[u8]) -> Result<Option<Option<Row>>, StoreError> {
        let mut ahead = *rest;
        let Some(count) = take(&mut ahead).map(i16::from_be_bytes) else { return Ok(None) };
        if count == -1 {
            *rest = ahead;
            return Ok(Some(None));
        }
        let Columns { kinds, key_width, system } = self.columns;
        if usize::try_from(count) != Ok(kinds.len() + if system { 2 } else { 0 }) {
            return Err(wrong());
        }
        let (mut key, mut values) =
            (Vec::with_capacity(key_width), Vec::with_capacity(kinds.len() - key_width));
        for (at, kind) in kinds.iter().enumerate() {
            let Some(field) = field(&mut ahead) else { return Ok(None) };
            let value =
                field.map_or(Some(Value::Null), |bytes| decode_bytes(bytes, *kind)).ok_or_else(wrong)?;
            if at < key_width { key.push(value) } else { values.push(value) }
        }
        let (mut version, mut slot) = (None, 0);
        if system {
            let (Some(xmin), Some(ctid)) = (field(&mut ahead), field(&mut ahead)) else { return Ok(None) };
            version = Some(xmin.and_then(super::version).ok_or_else(wrong)?);
            slot = ctid.map(super::line_pointer).unwrap_or_default();
        }
        *rest = ahead;
        Ok(Some(Some(Row { key: RowKey(key), values, version, slot })))
    }
}

/// The next field: `None` where it is not complete yet, `Some(None)` for NULL.
fn field<'b>(rest: &mut &'b [u8]) -> Option<Option<&'b [u8]>> {
    let Ok(length) = usize::try_from(take(rest).map(i32::from_be_bytes)?) else { return Some(None) };
    let (bytes, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(Some(bytes))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

fn wrong() -> StoreError {
    StoreError::new(Trouble::Other, "the server sent rows in a form that was not asked for")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns<'static> =
        Columns { kinds: &[Kind::Int, Kind::Text, Kind::Binary], key_width: 1, system: true };

    fn sent() -> (Vec<u8>, Vec<Row>) {
        let mut bytes = HEADER.to_vec();
        let mut rows = Vec::new();
        for n in 0..3_i64 {
            bytes.extend_from_slice(&5_i16.to_be_bytes());
            for field in [&n.to_be_bytes()[..], "é:1".as_bytes()] {
                bytes.extend_from_slice(&(field.len() as i32).to_be_bytes());
                bytes.extend_from_slice(field);
            }
            bytes.extend_from_slice(&(-1_i32).to_be_bytes());
            for field in [&[0, 0, 1, 2][..], &[0, 0, 0, 9, 0, 7]] {
                bytes.extend_from_slice(&(field.len() as i32).to_be_bytes());
                bytes.extend_from_slice(field);
            }
            let values = vec![Value::Text("é:1".into()), Value::Null];
            rows.push(Row { key: RowKey(vec![Value::Int(n)]), values, version: Some(0x102), slot: 7 });
        }
        bytes.extend_from_slice(&(-1_i16).to_be_bytes());
        (bytes, rows)
    }

    #[test]
    fn rows_come_out_however_messages_are_cut() {
        let (bytes, rows) = sent();
        for size in 1..=bytes.len() {
            let mut parser = Parser { columns: COLUMNS, begun: false, rest: Vec::new() };
            let mut got = Vec::new();
            bytes.chunks(size).for_each(|chunk| parser.feed(chunk, &mut got).unwrap());
            assert_eq!(got, rows, "in messages of {size} bytes");
            assert!(parser.rest.is_empty());
        }
    }

    #[test]
    fn other_columns_than_were_asked_for_are_refused() {
        let (bytes, _) = sent();
        let columns = Columns { system: false, ..COLUMNS };
        let mut parser = Parser { columns, begun: false, rest: Vec::new() };
        assert!(parser.feed(&bytes, &mut Vec::new()).is_err());
        let mut parser = Parser { columns: COLUMNS, begun: false, rest: Vec::new() };
        assert!(parser.feed(&bytes[1..], &mut Vec::new()).is_err());
    }
}
