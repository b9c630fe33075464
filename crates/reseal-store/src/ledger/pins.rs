//! Pins: which bytes a key id stood for when it was first used.

use sea_query::{Expr, ExprTrait, Query};

use super::guarded::Guarded;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError};

/// The fingerprint of a key, as it was when its id was first used in a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The keyset.
    pub keyset: String,
    /// The key's id.
    pub key_id: String,
    /// How the fingerprint was made: `sha256` or `argon2id`.
    pub method: String,
    /// Its salt, hexadecimal.
    pub salt: String,
    /// The fingerprint, hexadecimal.
    pub fingerprint: String,
}

impl Session {
    /// The pins of a plan.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn pins(&mut self, plan: &str) -> Result<Vec<Pin>, StoreError> {
        let select = Query::select()
            .columns(["keyset", "key_id", "method", "salt", "fingerprint"])
            .from(self.ledger("pin"))
            .and_where(Expr::col("plan").eq(plan))
            .to_owned();
        let rows = self.query(&select, &[Kind::Text; 5]).await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut take = Taker::new(row);
                Pin {
                    keyset: take.text(),
                    key_id: take.text(),
                    method: take.text(),
                    salt: take.text(),
                    fingerprint: take.text(),
                }
            })
            .collect())
    }
}

impl Guarded<'_> {
    /// Pins a key id that the plan has not used before.
    ///
    /// # Errors
    /// When the id is pinned already, or the server refuses.
    pub async fn pin(&mut self, plan: &str, pin: &Pin) -> Result<(), StoreError> {
        let insert = Query::insert()
            .into_table(self.session.ledger("pin"))
            .columns(["plan", "keyset", "key_id", "method", "salt", "fingerprint", "created_at"])
            .values_panic([
                plan.into(),
                pin.keyset.as_str().into(),
                pin.key_id.as_str().into(),
                pin.method.as_str().into(),
                pin.salt.as_str().into(),
                pin.fingerprint.as_str().into(),
                self.session.now(),
            ])
            .to_owned();
        self.run(&insert).await.map(drop)
    }
}
