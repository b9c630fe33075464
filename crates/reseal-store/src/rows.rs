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

    /// Decodes them.
    fn decode(&self) -> Result<Vec<Row>, StoreError>;

    /// Decodes the last of them; `None` where there is none.
    fn last(&self) -> Result<Option<Row>, StoreError>;
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

    /// The rows.
    ///
    /// # Errors
    /// When they were sent in a form that was not asked for.
    pub fn decode(self) -> Result<Vec<Row>, StoreError> {
        match self.0 {
            Form::Decoded(rows) => Ok(rows),
            Form::Sent(rows) => rows.decode(),
        }
    }

    /// The last of them; `None` where there is none.
    ///
    /// # Errors
    /// When it was sent in a form that was not asked for.
    pub fn last(&self) -> Result<Option<Row>, StoreError> {
        match &self.0 {
            Form::Decoded(rows) => Ok(rows.last().cloned()),
            Form::Sent(rows) => rows.last(),
        }
    }
}

impl From<Vec<Row>> for Rows {
    fn from(rows: Vec<Row>) -> Self {
        Rows(Form::Decoded(rows))
    }
}
