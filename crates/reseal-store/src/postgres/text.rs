//! Names, values and comparisons as PostgreSQL writes them.
//!
//! Where a plan has a condition, its statement looks for names where the connection looked: what is Reseal's own in it is
//! named with its schema, or is of the database's own types, which no other schema's function fits better.

use reseal_core::Value;
use sea_query::{BinOper, Expr, ExprTrait};

use crate::names::iden;
use crate::{Column, Kind, TableName};

/// How a column is read so that it decodes as its kind.
pub(super) fn read(column: &Column) -> Expr {
    let name = Expr::col(iden(&column.name));
    match column.kind {
        Kind::Binary | Kind::Uuid => name,
        Kind::Int => name.cast_as("bigint"),
        _ if column.foreign.is_some() => Expr::cust(written(&quote(&column.name))),
        Kind::Text | Kind::Json | Kind::Other => name.cast_as("pg_catalog.text"),
    }
}

/// What a column, as SQL names it, holds as its type's output function writes it; NULL for NULL. A cast is another function,
/// which whoever owns the type chooses.
pub(super) fn written(column: &str) -> String {
    format!("CASE WHEN {column} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {column}) END")
}

/// A column's size in bytes.
pub(super) fn size(column: &Column) -> Expr {
    let name = quote(&column.name);
    let bytes = match column.kind {
        Kind::Binary => name,
        _ if column.foreign.is_some() => written(&name),
        _ => format!("{name}::pg_catalog.text"),
    };
    Expr::cust(format!("coalesce(pg_catalog.octet_length({bytes}), 0)::bigint"))
}

/// A column as it is compared and ordered. Its collation is written as SQL has it.
pub(super) fn key(column: &Column) -> Expr {
    match &column.collation {
        Some(collation) => Expr::cust(format!("{} COLLATE {collation}", quote(&column.name))),
        None => Expr::col(iden(&column.name)),
    }
}

/// A value to compare a column with. Where the column's type is none of the database's own, it is cast to that: an operator
/// takes two values of one type.
pub(super) fn argument(column: &Column, value: &Value) -> Expr {
    let argument = plain(column.kind, value);
    match &column.foreign {
        Some(foreign) => argument.cast_as(foreign.name.clone()),
        None => argument,
    }
}

fn plain(kind: Kind, value: &Value) -> Expr {
    match value {
        Value::Null => Expr::cust("NULL"),
        Value::Int(n) => Expr::val(*n),
        Value::Bytes(bytes) => Expr::val(bytes.clone()),
        other => {
            let text = Expr::val(other.text().unwrap_or_default().into_owned());
            if kind == Kind::Uuid { text.cast_as("pg_catalog.uuid") } else { text }
        }
    }
}

pub(super) fn compared(first: &Column, operator: BinOper, left: Expr, right: Expr) -> Expr {
    let name = match operator {
        BinOper::GreaterThan => ">",
        BinOper::GreaterThanOrEqual => ">=",
        BinOper::SmallerThan => "<",
        BinOper::SmallerThanOrEqual => "<=",
        _ => "=",
    };
    Expr::cust_with_exprs(format!("$1 {} $2", operator_of(first, name)), [left, right])
}

pub(super) fn one_of(column: &Column, values: Vec<Expr>) -> Expr {
    // sea-query takes what stands between square brackets for a name.
    let places: Vec<String> = (1..=values.len()).map(|n| format!("(${n})")).collect();
    let values = Expr::cust_with_exprs(format!("ARRAY(VALUES {})", places.join(", ")), values);
    Expr::cust_with_exprs(format!("$1 {} ANY ($2)", operator_of(column, "=")), [key(column), values])
}

/// A column that is one of these numbers, as one constant: rows can then be copied, and the server plans no list.
pub(super) fn among(column: &Column, numbers: &[i64]) -> Option<Expr> {
    if column.kind != Kind::Int || column.foreign.is_some() {
        return None;
    }
    let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
    let numbers = Expr::cust(format!("'{{{}}}'::pg_catalog.int8[]", numbers.join(",")));
    let condition = format!("$1 {} ANY ($2)", operator_of(column, "="));
    Some(Expr::cust_with_exprs(condition, [key(column), numbers]))
}

/// The operator by which a column's type is compared, wherever the connection looks for names.
pub(super) fn operator_of(column: &Column, operator: &str) -> String {
    let schema = column.foreign.as_ref().map_or("pg_catalog", |foreign| &foreign.operators);
    format!("OPERATOR({}.{operator})", quote(schema))
}

/// A quoted identifier.
pub(super) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's quoted name, with its schema where it has one.
pub(super) fn full(table: &TableName) -> String {
    match &table.schema {
        Some(schema) => format!("{}.{}", quote(schema), quote(&table.name)),
        None => quote(&table.name),
    }
}
