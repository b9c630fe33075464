//! Where notices go.

use async_trait::async_trait;
use reseal_control::ControlSession;
use reseal_core::Notice;
use reseal_plan::Plan;
use reseal_store::StoreError;

/// Where notices go. Of one kind, plan, subject and slot there is one notice, however often it is posted.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Takes a notice of a plan, in the transaction that is open on the control database: it is there if that commits.
    ///
    /// # Errors
    /// When the database refuses.
    async fn post(
        &self,
        control: &mut ControlSession,
        plan: &Plan,
        notice: &Notice,
    ) -> Result<(), StoreError>;
}

/// Writes notices to the log, where nothing else was set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct LogNotices;

#[async_trait]
impl Notices for LogNotices {
    async fn post(&self, control: &mut ControlSession, _: &Plan, notice: &Notice) -> Result<(), StoreError> {
        let Notice { kind, plan, subject, slot, fields, .. } = notice;
        let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // What goes out carries number and head of the trail, which can be checked against them later.
        let trail = control.trail_head().await?;
        tracing::warn!(
            trail_sequence = trail.sequence,
            trail_head = %trail.head,
            "notification {kind}: plan {plan}, {subject}, due {slot}: {}",
            fields.join(", ")
        );
        Ok(())
    }
}
