//! Which rows of a table a query is about: those of a scope, of a range of row keys, or with one of these keys.

use reseal_core::Value;
use sea_query::{BinOper, Cond, Expr, Query};

use crate::names::{table_ref, within};
use crate::{Column, RowKey, Session, Shape, StoreError, TableName, Trouble};

/// How many row keys one statement names at most: those of one column are a list, others an expression as deep as there
/// are keys.
const KEYS_IN_LIST: usize = 500;
const KEYS_IN_EXPRESSION: usize = 200;

/// How many keys of these columns one statement names at most.
pub(crate) fn keys_at_once(columns: &[Column]) -> usize {
    if columns.len() == 1 { KEYS_IN_LIST } else { KEYS_IN_EXPRESSION }
}

impl Session {
    /// Has the server prepare a condition of the plan's, alone and as [`within`] writes it: what reaches beyond its end can
    /// stand in one of them only.
    ///
    /// # Errors
    /// When the server refuses one of them, or the condition has a parameter.
    pub async fn try_condition(&mut self, table: &TableName, condition: &str) -> Result<(), StoreError> {
        let select = Query::select().expr(Expr::cust("1")).from(table_ref(table)).to_owned();
        let select = self.build(&select).sql;
        for condition in [condition, &within(condition)] {
            if self.sql.driver.prepare(&format!("{select} WHERE {condition}")).await? > 0 {
                return Err(StoreError::new(Trouble::Other, "it holds a parameter"));
            }
        }
        Ok(())
    }

    /// Which rows belong to the shape at all.
    pub(crate) fn scope(&self, shape: &Shape) -> Cond {
        let mut all = Cond::all();
        if let Some(filter) = &shape.filter {
            all = all.add(Expr::cust(within(filter)));
        }
        if let Some((column, value)) = &shape.only {
            all = all.add(self.compared(column, value));
        }
        all
    }

    fn compared(&self, column: &Column, value: &Value) -> Expr {
        let driver = &self.sql.driver;
        let (name, argument) = (driver.key(column), driver.argument(column, value));
        driver.compared(column, BinOper::Equal, name, argument)
    }

    pub(crate) fn range(&self, shape: &Shape, after: Option<&RowKey>, upto: Option<&RowKey>) -> Cond {
        let mut all = self.scope(shape);
        if let Some(key) = after {
            all = all.add(self.beyond(&shape.key, key));
        }
        if let Some(key) = upto {
            // Not beyond the bound: written so that one comparison serves both ends.
            all = all.add(self.within(&shape.key, key));
        }
        all
    }

    /// One of these keys. A list of values is one look into an index for each, where servers plan a long OR for longer than
    /// they carry it out.
    pub(crate) fn any_of<'k>(&self, columns: &[Column], keys: impl IntoIterator<Item = &'k RowKey>) -> Cond {
        let keys = keys.into_iter();
        if let [column] = columns {
            let values = keys.filter_map(|key| key.0.first());
            let values = values.map(|value| self.sql.driver.argument(column, value));
            return Cond::all().add(self.sql.driver.one_of(column, values.collect()));
        }
        keys.fold(Cond::any(), |any, key| any.add(self.equals(columns, key)))
    }

    fn equals(&self, columns: &[Column], key: &RowKey) -> Cond {
        let mut all = Cond::all();
        for (column, value) in columns.iter().zip(&key.0) {
            all = all.add(self.compared(column, value));
        }
        all
    }

    /// `key > value`, by tuple where the database walks an index for it, else written out.
    fn beyond(&self, columns: &[Column], key: &RowKey) -> Cond {
        self.compare(columns, &key.0, false)
    }

    /// `key <= value`.
    fn within(&self, columns: &[Column], key: &RowKey) -> Cond {
        self.compare(columns, &key.0, true)
    }

    fn compare(&self, columns: &[Column], values: &[Value], upto: bool) -> Cond {
        let arguments: Vec<Expr> = columns
            .iter()
            .zip(values)
            .map(|(column, value)| self.sql.driver.argument(column, value))
            .collect();
        let names: Vec<Expr> = columns.iter().map(|column| self.sql.driver.key(column)).collect();
        // One operator compares a tuple, and it is of one schema.
        let operators = |column: &Column| column.foreign.as_ref().map(|foreign| foreign.operators.clone());
        let alike = columns.iter().all(|column| operators(column) == operators(&columns[0]));
        if names.len() == 1 || (alike && self.sql.driver.compares_tuples()) {
            let operator = if upto { BinOper::SmallerThanOrEqual } else { BinOper::GreaterThan };
            let (left, right) = (tuple(names), tuple(arguments));
            return Cond::all().add(self.sql.driver.compared(&columns[0], operator, left, right));
        }
        let sides: Vec<Side<'_>> = columns
            .iter()
            .zip(names.into_iter().zip(arguments))
            .map(|(column, (name, argument))| Side { column, name, argument })
            .collect();
        self.written_out(&sides, upto)
    }

    /// `(a, b) > (x, y)` as `a >= x AND (a > x OR b > y)`: MariaDB reads the whole index for the former
    /// and a range of it for the latter.
    fn written_out(&self, sides: &[Side<'_>], upto: bool) -> Cond {
        let compared = |operator| {
            let Side { column, name, argument } = &sides[0];
            self.sql.driver.compared(column, operator, name.clone(), argument.clone())
        };
        let (strictly, weakly) = match upto {
            true => (BinOper::SmallerThan, BinOper::SmallerThanOrEqual),
            false => (BinOper::GreaterThan, BinOper::GreaterThanOrEqual),
        };
        if sides.len() == 1 {
            return Cond::all().add(compared(if upto { weakly } else { strictly }));
        }
        let rest = self.written_out(&sides[1..], upto);
        Cond::all().add(compared(weakly)).add(Cond::any().add(compared(strictly)).add(rest))
    }
}

/// A column, as it is compared, and what with.
struct Side<'c> {
    column: &'c Column,
    name: Expr,
    argument: Expr,
}

fn tuple(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => Expr::tuple(parts),
    }
}
