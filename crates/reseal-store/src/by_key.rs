//! Rows that are looked up by their keys.

use reseal_core::Value;

use crate::conditions::keys_at_once;
use crate::session::kinds;
use crate::{Row, RowKey, Session, Shape, StoreError};

impl Session {
    /// The rows with these keys, as far as they still exist, in no particular order.
    ///
    /// # Errors
    /// When the server refuses, or the connection is lost.
    pub async fn rows_by_key(&mut self, shape: &Shape, keys: &[RowKey]) -> Result<Vec<Row>, StoreError> {
        if let Some(numbers) = numbers(keys) {
            return self.rows_by_number(shape, numbers).await;
        }
        self.rows_of_list(shape, keys).await
    }

    async fn rows_of_list(&mut self, shape: &Shape, keys: &[RowKey]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(keys_at_once(&shape.key)) {
            let mut select = self.select_rows(shape);
            select.cond_where(self.scope(shape).add(self.any_of(&shape.key, keys)));
            rows.extend(self.fetch_rows(shape, &select).await?);
        }
        Ok(rows)
    }

    /// Rows whose keys are whole numbers. Where those lie close together, one walk along the index takes the place of a look
    /// into it for each.
    async fn rows_by_number(&mut self, shape: &Shape, numbers: Vec<i64>) -> Result<Vec<Row>, StoreError> {
        let mut select = self.select_rows(shape);
        if let Some(Ends { after, upto }) = Ends::of(&numbers) {
            select.cond_where(self.range(shape, Some(&key(after)), Some(&key(upto))));
        } else if let Some(among) = self.sql.driver.among(&shape.key[0], &numbers) {
            select.cond_where(self.scope(shape).add(among));
        } else {
            let keys: Vec<RowKey> = numbers.into_iter().map(key).collect();
            return self.rows_of_list(shape, &keys).await;
        }
        let statement = self.build_for_rows(&select).about(shape);
        let found = self.sql.driver.rows(statement, &kinds(shape), shape.key.len(), usize::MAX).await?;
        let wanted = |row: &Row| number(&row.key).is_some_and(|key| numbers.binary_search(&key).is_ok());
        Ok(found.decode()?.into_iter().filter(wanted).collect())
    }
}

/// The ends of a range of row keys.
#[derive(Debug, PartialEq, Eq)]
struct Ends {
    /// The number before the first one.
    after: i64,
    /// The last one.
    upto: i64,
}

impl Ends {
    /// How many rows are read at most for each that is wanted.
    const WIDEST: i128 = 2;

    /// The ends of sorted numbers; `None` where too much lies between them.
    fn of(numbers: &[i64]) -> Option<Ends> {
        let (first, last) = (*numbers.first()?, *numbers.last()?);
        let is_close = i128::from(last) - i128::from(first) <= Ends::WIDEST * numbers.len() as i128;
        Some(Ends { after: first.checked_sub(1)?, upto: last }).filter(|_| is_close)
    }
}

/// The numbers that these keys are, sorted; `None` where one of them is something else.
fn numbers(keys: &[RowKey]) -> Option<Vec<i64>> {
    let mut numbers: Vec<i64> = keys.iter().map(number).collect::<Option<_>>()?;
    numbers.sort_unstable();
    Some(numbers)
}

fn number(key: &RowKey) -> Option<i64> {
    match key.0[..] {
        [Value::Int(number)] => Some(number),
        _ => None,
    }
}

fn key(number: i64) -> RowKey {
    RowKey(vec![Value::Int(number)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_numbers_without_wide_gaps_are_read_as_a_range() {
        let ends = |after, upto| Some(Ends { after, upto });
        assert_eq!(Ends::of(&[5, 7, 9]), ends(4, 9));
        assert_eq!(Ends::of(&[-1, 1]), ends(-2, 1));
        assert_eq!(Ends::of(&[5, 12, 13]), None);
        assert_eq!(Ends::of(&[i64::MIN, i64::MAX]), None);
        assert_eq!(Ends::of(&[i64::MIN]), None);
        assert_eq!(Ends::of(&[i64::MAX]), ends(i64::MAX - 1, i64::MAX));
        assert_eq!(Ends::of(&[]), None);
    }

    #[test]
    fn keys_of_several_columns_are_no_numbers() {
        assert_eq!(numbers(&[key(3), key(-1)]), Some(vec![-1, 3]));
        assert_eq!(numbers(&[key(3), RowKey(vec![Value::Int(1), Value::Int(2)])]), None);
        assert_eq!(numbers(&[RowKey(vec![Value::Text("1".into())])]), None);
    }
}
