//! `keys forget-pin`.

use reseal_core::audit::{Event, EventKind};
use reseal_custody::ForgetPin;
use reseal_store::Pin;

use super::lifecycle::KeyRequest;
use crate::caller::Caller;
use crate::{Failure, open, trail};

/// A pin that is to be forgotten.
#[derive(Clone, Debug)]
pub struct ForgetPinRequest {
    /// The key.
    pub key: KeyRequest,
    /// The key's id, as whoever asks typed it.
    pub confirm: Option<String>,
}

/// Forgets the pin of a key. No key is read.
///
/// # Errors
/// When it is not confirmed, there is no such pin, or a run still relies on the pinned bytes.
pub async fn forget_pin(caller: &Caller, request: &ForgetPinRequest) -> Result<Pin, Failure> {
    let KeyRequest { plan, key, reason, .. } = &request.key;
    let plan = open::plan(plan)?;
    let database = open::database(&plan).await?;
    let (confirm, reason) = (request.confirm.as_deref(), reason.as_deref());
    let asked = ForgetPin { plan: &plan, key, confirm, operator: &caller.operator, reason };
    match reseal_custody::forget_pin(&database, asked).await {
        Ok(pin) => {
            trail::note(&caller.operator, EventKind::PinForgotten, |event| {
                about(event, &pin, reason).of_plan(&plan.name, &plan.digest)
            })
            .await;
            Ok(pin)
        }
        Err(error) => Err(trail::refused(&caller.operator, "keys forget-pin", &plan, error.into()).await),
    }
}

fn about(event: Event, pin: &Pin, reason: Option<&str>) -> Event {
    let digest = format!("{}:{}:{}", pin.method, pin.salt, pin.fingerprint);
    event.with("reason", reason.unwrap_or_default()).of_key(&pin.keyset, &pin.key_id, &digest)
}
