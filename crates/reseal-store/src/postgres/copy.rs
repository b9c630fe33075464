//! Rows by `COPY … TO STDOUT (FORMAT binary)`: the server sends them as it would the rows of a query, and the driver hands
//! them on without making an object of each, which costs it as much as all else that is done to read them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use reseal_core::Value;
use sqlx::postgres::PgConnection;

use super::Postgres;
use super::decode::decode_bytes;
use super::line::Line;
use super::trouble::failed;
use crate::driver::Statement;
use crate::rows::Sent;
use crate::{Kind, Row, RowKey, StoreError, Trouble};

/// What binary output begins with (PostgreSQL documentation, COPY, "Binary Format"): a signature, flags, and the length
/// of an extension, both of which are 0 in all versions.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What it ends with: a row of -1 fields.
const TRAILER: &[u8] = &(-1_i16).to_be_bytes();

/// What the columns of a copied row are.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) kinds: Arc<[Kind]>,
    /// How many leading columns are the row key.
    pub(super) key_width: usize,
    /// Whether `xmin` and `ctid` stand behind the others.
    pub(super) system: bool,
}

/// The rows of a query as they come in.
pub(super) struct Copy<'c> {
    messages: BoxStream<'c, Result<Bytes, sqlx::Error>>,
    begun: bool,
}

/// Begins to read a query without arguments. After an error, or if what is given is dropped before the end, the connection
/// is good for nothing but to be closed.
pub(super) async fn begin<'c>(connection: &'c mut PgConnection, query: &str) -> Result<Copy<'c>, StoreError> {
    let copy = format!("COPY ({query}) TO STDOUT (FORMAT binary)");
    let messages = connection.copy_out_raw(&copy).await.map_err(|error| failed(&error))?;
    Ok(Copy { messages, begun: false })
}

impl Copy<'_> {
    /// The next row; `None` at the end. Messages are "always one per row" (PostgreSQL documentation, "COPY Operations"
    /// in the message flow); the header comes with the first of them, or alone, and the trailer alone.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        while let Some(mut message) = self.messages.try_next().await.map_err(|error| failed(&error))? {
            if !std::mem::replace(&mut self.begun, true) {
                if !message.starts_with(HEADER) {
                    return Err(wrong());
                }
                let _ = message.split_to(HEADER.len());
            }
            if !message.is_empty() && message != TRAILER {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }
}

/// Rows that came by copy, as they were sent, behind each other: the driver's own buffer is free for the next ones.
pub(super) struct Copied {
    columns: Columns,
    bytes: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
}

impl Copied {
    pub(super) fn of(columns: &Columns) -> Copied {
        Copied { columns: columns.clone(), bytes: Vec::new(), ends: Vec::new() }
    }

    pub(super) fn push(&mut self, row: &[u8]) {
        self.bytes.extend_from_slice(row);
        self.ends.push(self.bytes.len());
    }

    /// Where the row at this position begins.
    fn start(&self, at: usize) -> usize {
        at.checked_sub(1).map_or(0, |before| self.ends[before])
    }
}

/// Says how many rows there are, not what they hold.
impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").field("rows", &self.ends.len()).finish_non_exhaustive()
    }
}

impl Sent for Copied {
    fn bytes(&self) -> usize {
        self.bytes.len()
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn split_off(&mut self, at: usize) -> Box<dyn Sent> {
        let start = self.start(at);
        let mut ends = self.ends.split_off(at);
        ends.iter_mut().for_each(|end| *end -= start);
        Box::new(Copied { columns: self.columns.clone(), bytes: self.bytes.split_off(start), ends })
    }

    fn decode(&self, at: usize) -> Result<Row, StoreError> {
        decoded(&self.bytes[self.start(at)..self.ends[at]], &self.columns).ok_or_else(wrong)
    }
}

/// One row; `None` where it is not what was asked for.
fn decoded(mut row: &[u8], columns: &Columns) -> Option<Row> {
    let Columns { kinds, key_width, system } = columns;
    let fields = usize::try_from(i16::from_be_bytes(take(&mut row)?)).ok()?;
    if fields != kinds.len() + if *system { 2 } else { 0 } {
        return None;
    }
    let (mut key, mut values) = (Vec::with_capacity(*key_width), Vec::with_capacity(kinds.len() - key_width));
    for (at, kind) in kinds.iter().enumerate() {
        let value = field(&mut row)?.map_or(Some(Value::Null), |bytes| decode_bytes(bytes, *kind))?;
        if at < *key_width { key.push(value) } else { values.push(value) }
    }
    let (mut version, mut slot) = (None, 0);
    if *system {
        version = Some(super::version(field(&mut row)??)?);
        slot = super::line_pointer(field(&mut row)??);
    }
    row.is_empty().then_some(Row { key: RowKey(key), values, version, slot })
}

/// The next field: `Some(None)` for NULL, `None` where it is not whole.
fn field<'b>(rest: &mut &'b [u8]) -> Option<Option<&'b [u8]>> {
    let Ok(length) = usize::try_from(i32::from_be_bytes(take(rest)?)) else { return Some(None) };
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
    StoreError::new(Trouble::Other, "the server sent rows in an unexpected format")
}

impl Postgres {
    /// Reads a query to its end, or until `most_bytes` have come. Whoever wants no more of an answer can but close the
    /// connection, so that there is a new one then.
    pub(super) async fn copied(
        &mut self,
        query: &Statement,
        columns: Columns,
        most_bytes: usize,
    ) -> Result<Copied, StoreError> {
        self.whole(query.names).await?;
        self.cut_off = true;
        let mut rows = Copied::of(&columns);
        let mut copy = begin(self.line.anyhow(), &query.sql).await?;
        while rows.bytes() < most_bytes {
            match copy.next().await? {
                Some(row) => rows.push(&row),
                None => {
                    self.cut_off = false;
                    return Ok(rows);
                }
            }
        }
        drop(copy);
        // Where there is no other to be had, what is asked next finds this one lost, and the rows are good all the same.
        if let Ok(new) = Line::connect(&self.options).await {
            self.line = new;
            self.cut_off = false;
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::Rows;

    fn columns(system: bool) -> Columns {
        Columns { kinds: [Kind::Int, Kind::Text, Kind::Binary].into(), key_width: 1, system }
    }

    fn row(n: i64) -> (Vec<u8>, Row) {
        let mut bytes = 5_i16.to_be_bytes().to_vec();
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
        (bytes, Row { key: RowKey(vec![Value::Int(n)]), values, version: Some(0x102), slot: 7 })
    }

    async fn read(messages: Vec<Vec<u8>>) -> Result<Rows, StoreError> {
        let messages = messages.into_iter().map(|message| Ok(Bytes::from(message)));
        let messages = Box::pin(stream::iter(messages));
        let (mut copy, mut rows) = (Copy { messages, begun: false }, Copied::of(&columns(true)));
        while let Some(row) = copy.next().await? {
            rows.push(&row);
        }
        Ok(Rows::sent(rows))
    }

    #[tokio::test]
    async fn rows_come_out_wherever_the_header_is() {
        let rows = [row(0), row(1), row(2)];
        let all = rows.iter().map(|(_, row)| row.clone()).collect::<Vec<_>>();
        let sent = |first: &[u8]| {
            let mut messages = vec![first.to_vec()];
            messages.extend(rows[1..].iter().map(|(bytes, _)| bytes.clone()));
            messages.push(TRAILER.to_vec());
            messages
        };
        let together = read(sent(&[HEADER, &rows[0].0].concat())).await.unwrap();
        assert!(format!("{together:?}").contains("Copied { rows: 3, .. }"), "{together:?}");
        assert_eq!(together.last().unwrap().as_ref(), all.last());
        assert_eq!(together.decode().unwrap(), all);
        let mut alone = sent(&rows[0].0);
        alone.insert(0, HEADER.to_vec());
        let mut alone = read(alone).await.unwrap();
        let tail = alone.split_off(1);
        assert_eq!((alone.decode().unwrap(), tail.decode().unwrap()), (all[..1].to_vec(), all[1..].to_vec()));
        for nothing in [vec![HEADER.to_vec(), TRAILER.to_vec()], vec![[HEADER, TRAILER].concat()]] {
            let none = read(nothing).await.unwrap();
            assert_eq!((none.len(), none.last().unwrap()), (0, None));
        }
    }

    #[tokio::test]
    async fn what_was_not_asked_for_is_refused() {
        let (bytes, _) = row(1);
        assert!(decoded(&bytes, &columns(false)).is_none());
        for cut in 0..bytes.len() {
            assert!(decoded(&bytes[..cut], &columns(true)).is_none(), "{cut} bytes");
        }
        assert!(decoded(&[&bytes[..], &bytes].concat(), &columns(true)).is_none());
        assert!(read(vec![bytes]).await.is_err());
    }
}
