//! Rows on their way from the database to whoever works on them.

use crate::{Row, StoreError};

/// Rows as the database sent them.
///
/// They are decoded by whoever works on them, where the driver can leave that to him: on the core that opens their cells
/// they are then in its cache, and nothing of them was copied before.
#[derive(Debug, Default)]
pub struct Rows(Form);

#[derive(Debug)]
enum Form {
    Decoded(Vec<Row>),
    Sent(Box<dyn Sent>),
}

impl Default for Form {
    fn default() -> Self {
        Form::Decoded(Vec::new())
    }
}

/// Rows in the form of one dialect.
pub(crate) trait Sent: Send + std::fmt::Debug {
    /// How many.
    fn len(&self) -> usize;

    /// How large they are.
    fn bytes(&self) -> usize;

    /// Takes out all from `at` on.
    fn split_off(&mut self, at: usize) -> Box<dyn Sent>;

    /// Decodes the one at this position, which is less than [`Sent::len`].
    fn decode(&self, at: usize) -> Result<Row, StoreError>;
}

impl Rows {
    pub(crate) fn sent(rows: impl Sent + 'static) -> Rows {
        Rows(Form::Sent(Box::new(rows)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Form::Decoded(rows) => rows.len(),
            Form::Sent(rows) => rows.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their size in bytes, as it counts against the bound of a page.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Form::Decoded(rows) => rows.iter().map(Row::size).sum(),
            Form::Sent(rows) => rows.bytes(),
        }
    }

    /// Takes out all from `at` on.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Rows {
        Rows(match &mut self.0 {
            Form::Decoded(rows) => Form::Decoded(rows.split_off(at)),
            Form::Sent(rows) => Form::Sent(rows.split_off(at)),
        })
    }

    /// All rows.
    ///
    /// # Errors
    /// When they were sent in a form that was not asked for.
    pub fn decode(self) -> Result<Vec<Row>, StoreError> {
        self.into_iter().collect()
    }

    /// The last of them; `None` where there is none.
    ///
    /// # Errors
    /// When it was sent in a form that was not asked for.
    pub fn last(&self) -> Result<Option<Row>, StoreError> {
        match &self.0 {
            Form::Decoded(rows) => Ok(rows.last().cloned()),
            Form::Sent(rows) => rows.len().checked_sub(1).map(|at| rows.decode(at)).transpose(),
        }
    }
}

impl IntoIterator for Rows {
    type Item = Result<Row, StoreError>;
    type IntoIter = EachRow;

    fn into_iter(self) -> EachRow {
        match self.0 {
            Form::Decoded(rows) => EachRow(Each::Decoded(rows.into_iter())),
            Form::Sent(rows) => EachRow(Each::Sent { rows, next: 0 }),
        }
    }
}

/// Rows one by one, each decoded when its turn comes: it is then worked on while it is in the core's cache, and gone
/// before the next one needs the room.
#[derive(Debug)]
pub struct EachRow(Each);

#[derive(Debug)]
enum Each {
    Decoded(std::vec::IntoIter<Row>),
    Sent { rows: Box<dyn Sent>, next: usize },
}

impl Iterator for EachRow {
    type Item = Result<Row, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.0 {
            Each::Decoded(rows) => rows.next().map(Ok),
            Each::Sent { rows, next } => {
                let at = *next;
                *next += 1;
                (at < rows.len()).then(|| rows.decode(at))
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = match &self.0 {
            Each::Decoded(rows) => rows.len(),
            Each::Sent { rows, next } => rows.len().saturating_sub(*next),
        };
        (left, Some(left))
    }
}

impl ExactSizeIterator for EachRow {}

impl From<Vec<Row>> for Rows {
    fn from(rows: Vec<Row>) -> Self {
        Rows(Form::Decoded(rows))
    }
}
