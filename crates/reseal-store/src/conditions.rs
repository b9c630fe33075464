//! Which rows of a table a query is about: those of a scope, of a range of row keys, or with one of these keys.

use reseal_core::Value;
use sea_query::{Cond, Expr, ExprTrait};

use crate::{Column, RowKey, Session, Shape};

/// How many row keys one statement names at the most: those of one column are a list, others an expression as deep as there
/// are keys.
const KEYS_IN_LIST: usize = 500;
const KEYS_IN_EXPRESSION: usize = 200;

/// How many keys of these columns one statement names at the most.
pub(crate) fn keys_at_once(columns: &[Column]) -> usize {
    if columns.len() == 1 { KEYS_IN_LIST } else { KEYS_IN_EXPRESSION }
}

impl Session {
    /// Which rows belong to the shape at all.
    pub(crate) fn scope(&self, shape: &Shape) -> Cond {
        let mut all = Cond::all();
        if let Some(filter) = &shape.filter {
            all = all.add(Expr::cust(format!("({filter})")));
        }
        if let Some((column, value)) = &shape.only {
            all = all.add(self.sql.driver.key(column).eq(self.sql.driver.argument(column.kind, value)));
        }
        all
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
            let values = values.map(|value| self.sql.driver.argument(column.kind, value));
            return Cond::all().add(self.sql.driver.key(column).is_in(values));
        }
        keys.fold(Cond::any(), |any, key| any.add(self.equals(columns, key)))
    }

    fn equals(&self, columns: &[Column], key: &RowKey) -> Cond {
        let mut all = Cond::all();
        for (column, value) in columns.iter().zip(&key.0) {
            all = all.add(self.sql.driver.key(column).eq(self.sql.driver.argument(column.kind, value)));
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
            .map(|(column, value)| self.sql.driver.argument(column.kind, value))
            .collect();
        let names: Vec<Expr> = columns.iter().map(|column| self.sql.driver.key(column)).collect();
        if names.len() == 1 || self.sql.driver.compares_tuples() {
            let (left, right) = (tuple(names), tuple(arguments));
            return Cond::all().add(if upto { left.lte(right) } else { left.gt(right) });
        }
        written_out(&names, &arguments, upto)
    }
}

/// `(a, b) > (x, y)` as `a >= x AND (a > x OR b > y)`: MariaDB reads the whole index for the former
/// and a range of it for the latter.
fn written_out(names: &[Expr], arguments: &[Expr], upto: bool) -> Cond {
    let (name, argument) = (names[0].clone(), arguments[0].clone());
    let strictly = |name: Expr, argument: Expr| if upto { name.lt(argument) } else { name.gt(argument) };
    if names.len() == 1 {
        return Cond::all().add(if upto { name.lte(argument) } else { name.gt(argument) });
    }
    let weakly = if upto { name.clone().lte(argument.clone()) } else { name.clone().gte(argument.clone()) };
    let rest = written_out(&names[1..], &arguments[1..], upto);
    Cond::all().add(weakly).add(Cond::any().add(strictly(name, argument)).add(rest))
}

fn tuple(mut parts: Vec<Expr>) -> Expr {
    match parts.len() {
        1 => parts.remove(0),
        _ => Expr::tuple(parts),
    }
}
