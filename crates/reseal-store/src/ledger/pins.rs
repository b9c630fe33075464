//! Pins: which bytes a key id stood for when it was first used.

use sea_query::{Cond, Condition, Expr, ExprTrait, Query};

use super::guarded::Guarded;
use crate::taker::Taker;
use crate::{Kind, Session, StoreError, Trouble};

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

/// A pin that somebody has forgotten, and why.
#[derive(Clone, Debug)]
pub struct ForgottenPin {
    /// The pin.
    pub pin: Pin,
    /// Who has it forgotten.
    pub operator: String,
    /// Why, where that was said.
    pub reason: Option<String>,
}

impl Session {
    /// Forgets a pin, and keeps what it said and who had it forgotten. `false` where it is not there any more.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn forget_pin(&mut self, plan: &str, forgotten: &ForgottenPin) -> Result<bool, StoreError> {
        self.begin().await?;
        let done = self.move_pin(plan, forgotten).await;
        self.sql.end(done).await
    }

    async fn move_pin(&mut self, plan: &str, forgotten: &ForgottenPin) -> Result<bool, StoreError> {
        let ForgottenPin { pin, operator, reason } = forgotten;
        let pinned = Query::select()
            .columns(["plan", "keyset", "key_id", "method", "salt", "fingerprint", "created_at"])
            .expr(self.now())
            .expr(Expr::val(operator.as_str()))
            .expr(Expr::val(reason.clone()))
            .from(self.ledger("pin"))
            .cond_where(is_pin(plan, pin))
            .to_owned();
        let mut keep = Query::insert();
        keep.into_table(self.ledger("forgotten_pin")).columns([
            "plan",
            "keyset",
            "key_id",
            "method",
            "salt",
            "fingerprint",
            "pinned_at",
            "forgotten_at",
            "operator",
            "reason",
        ]);
        let keep = keep.select_from(pinned).map_err(|error| {
            StoreError::new(Trouble::Other, format!("cannot record the removal of a pin: {error}"))
        })?;
        if self.run(keep).await? == 0 {
            return Ok(false);
        }
        let delete = Query::delete().from_table(self.ledger("pin")).cond_where(is_pin(plan, pin)).to_owned();
        self.run(&delete).await.map(|deleted| deleted > 0)
    }
}

fn is_pin(plan: &str, pin: &Pin) -> Condition {
    let of = |column: &'static str, value: &str| Expr::col(column).eq(value.to_owned());
    Cond::all()
        .add(of("plan", plan))
        .add(of("keyset", &pin.keyset))
        .add(of("key_id", &pin.key_id))
        .add(of("salt", &pin.salt))
}

impl Guarded<'_> {
    /// Pins a key id that the plan has not used before.
    ///
    /// # Errors
    /// When the id has another pin already, or the server refuses.
    pub async fn pin(&mut self, plan: &str, pin: &Pin) -> Result<(), StoreError> {
        // A transaction whose outcome nobody learned may have written it.
        if self.session.pins(plan).await?.contains(pin) {
            return Ok(());
        }
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
