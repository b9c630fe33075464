//! From a notice to letters: one for each recipient that the plan names.

use reseal_control::{ControlSession, NewLetter};
use reseal_core::Notice;
use reseal_core::digest::Parts;
use reseal_plan::{NotifySpec, Plan};
use reseal_store::StoreError;

/// Posts a notice to each recipient that the plan names for it. Posted again, it is there once; in an open transaction of the
/// control database it is posted with that transaction or not at all.
///
/// # Errors
/// When the server refuses.
pub async fn post(
    control: &mut ControlSession,
    plan: &Plan,
    notice: &Notice,
    now: i64,
) -> Result<(), StoreError> {
    let Some(notify) = &plan.notify else { return Ok(()) };
    let letters = letters(notify, notice, now);
    match letters.is_empty() {
        true => Ok(()),
        false => control.post_letters(&letters).await,
    }
}

/// The letters that a notice makes.
#[must_use]
pub fn letters(notify: &NotifySpec, notice: &Notice, now: i64) -> Vec<NewLetter> {
    let fields = serde_json::json!(notice.fields).to_string();
    let recipients = notify.recipients(notice.kind).iter();
    recipients
        .filter_map(|recipient| {
            let via = notify.via.get(recipient.via)?.name.clone();
            Some(NewLetter {
                id: id(notice, &via, recipient.address.as_deref()),
                kind: notice.kind.name().to_owned(),
                plan: notice.plan.clone(),
                subject: notice.subject.clone(),
                slot: notice.slot.clone(),
                via,
                address: recipient.address.clone(),
                fields: fields.clone(),
                resolved: notice.resolved,
                posted_at: now,
            })
        })
        .collect()
}

/// What makes two letters the same: the notice, its slot and its recipient. The first half of a SHA-256.
fn id(notice: &Notice, via: &str, address: Option<&str>) -> String {
    let resolved = if notice.resolved { "resolved" } else { "" };
    let parts = [
        notice.kind.name(),
        &notice.plan,
        &notice.subject,
        &notice.slot,
        resolved,
        via,
        address.unwrap_or_default(),
    ];
    hex::encode(&Parts::of(parts)[..16])
}

#[cfg(test)]
mod tests {
    use reseal_core::NoticeKind;

    use super::*;

    #[test]
    fn ids_differ_in_every_part_and_only_then() {
        let notice = |subject: &str, slot: &str| Notice::new(NoticeKind::Remind, "clinic", subject, slot);
        let first = id(&notice("a", "b"), "mail", Some("x@example.com"));
        assert_eq!(first, "51d533e0ebd368798efb04cf90324057", "letters are waiting under such ids");
        assert_eq!(first, id(&notice("a", "b").with("due", "now"), "mail", Some("x@example.com")));
        let mut resolved = notice("a", "b");
        resolved.resolved = true;
        for other in [
            id(&notice("ab", ""), "mail", Some("x@example.com")),
            id(&notice("a", "c"), "mail", Some("x@example.com")),
            id(&notice("a", "b"), "mail", Some("y@example.com")),
            id(&notice("a", "b"), "chat", Some("x@example.com")),
            id(&resolved, "mail", Some("x@example.com")),
        ] {
            assert_ne!(first, other);
        }
    }
}
