//! Arrays whose elements are written already.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Encode, Postgres, Type};

use crate::Kind;
use crate::columns::Elements;

/// The types that columns travel as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ArrayType {
    Bigint,
    Bytea,
    Uuid,
    Text,
}

impl ArrayType {
    pub(super) fn of(kind: Kind) -> Self {
        match kind {
            Kind::Int => ArrayType::Bigint,
            Kind::Binary => ArrayType::Bytea,
            Kind::Uuid => ArrayType::Uuid,
            Kind::Text | Kind::Json | Kind::Other => ArrayType::Text,
        }
    }

    /// The type's name in the catalogue.
    pub(super) fn name(self) -> &'static str {
        match self {
            ArrayType::Bigint => "int8[]",
            ArrayType::Bytea => "bytea[]",
            ArrayType::Uuid => "uuid[]",
            ArrayType::Text => "text[]",
        }
    }

    /// The element type's number, which no version changes (PostgreSQL's `pg_type.dat`).
    fn element(self) -> u32 {
        match self {
            ArrayType::Bigint => 20,
            ArrayType::Bytea => 17,
            ArrayType::Uuid => 2950,
            ArrayType::Text => 25,
        }
    }

    fn info(self) -> PgTypeInfo {
        match self {
            ArrayType::Bigint => <Vec<i64> as Type<Postgres>>::type_info(),
            ArrayType::Bytea => <Vec<Vec<u8>> as Type<Postgres>>::type_info(),
            ArrayType::Uuid => <Vec<uuid::Uuid> as Type<Postgres>>::type_info(),
            ArrayType::Text => <Vec<String> as Type<Postgres>>::type_info(),
        }
    }
}

/// An array of one dimension from elements in several parts.
pub(super) struct ArrayOf<'e> {
    pub(super) of: ArrayType,
    pub(super) rows: usize,
    pub(super) parts: Vec<&'e Elements>,
}

impl Type<Postgres> for ArrayOf<'_> {
    fn type_info() -> PgTypeInfo {
        ArrayType::Text.info()
    }
}

impl Encode<'_, Postgres> for ArrayOf<'_> {
    /// As `array_recv` in PostgreSQL's `arrayfuncs.c` reads it: dimensions, whether there are NULLs, the element type;
    /// for each dimension its length and where it begins; then the elements.
    fn encode_by_ref(&self, out: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let has_null = self.parts.iter().any(|part| part.has_null);
        out.extend_from_slice(&1_i32.to_be_bytes());
        out.extend_from_slice(&i32::from(has_null).to_be_bytes());
        out.extend_from_slice(&self.of.element().to_be_bytes());
        out.extend_from_slice(&i32::try_from(self.rows)?.to_be_bytes());
        out.extend_from_slice(&1_i32.to_be_bytes());
        self.parts.iter().for_each(|part| out.extend_from_slice(&part.bytes));
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(self.of.info())
    }

    fn size_hint(&self) -> usize {
        20 + self.parts.iter().map(|part| part.bytes.len()).sum::<usize>()
    }
}
