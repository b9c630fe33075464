//! Slots are forgotten after a time. The trail keeps that they fired.

use reseal_control::ControlSession;
use reseal_store::StoreError;

/// How long slots are kept that are over, in milliseconds: a yearly job's last one is there with the one before.
const KEPT: i64 = 400 * 86_400_000;

/// Forgets slots that are old at `now`, in milliseconds since 1970, and can fire no more; gives how many that were. Of this
/// clock and the server's the earlier one counts: one that runs ahead forgets nothing that is new.
///
/// # Errors
/// When the server refuses.
pub async fn prune_slots(control: &mut ControlSession, now: i64) -> Result<u64, StoreError> {
    let now = control.now_ms().await?.min(now);
    control.prune_firings(now - KEPT).await
}
