//! Letters are forgotten after a time. The trail keeps that they went out.
//!
//! What posts a notice again and again counts on its letter being there: it must be kept for longer than its cause lasts.

use reseal_control::{ControlSession, LetterState};
use reseal_core::NoticeKind;
use reseal_store::StoreError;

const DAY: i64 = 86_400_000;
/// How long letters that were taken are kept.
const SENT: i64 = 90 * DAY;
/// How long dead letters are kept: somebody may want to send them after all.
const DEAD: i64 = 365 * DAY;
/// How long those are kept whose cause may last for long: a warning half a year before a key expires.
const LASTING: i64 = 730 * DAY;
/// Runs that have not moved for this long give no more notices, as the letters about them may be forgotten.
pub(crate) const OLD_NEWS: i64 = 60 * DAY;

/// Forgets what is old at `now`, in milliseconds since 1970; gives how many letters that were.
///
/// # Errors
/// When the server refuses.
pub async fn prune(control: &mut ControlSession, now: i64) -> Result<u64, StoreError> {
    let lasts = |kind: &NoticeKind| {
        matches!(kind, NoticeKind::KeyExpiring | NoticeKind::TooManyKeys | NoticeKind::Announced)
    };
    let (lasting, others): (Vec<NoticeKind>, Vec<NoticeKind>) = NoticeKind::ALL.into_iter().partition(lasts);
    let (lasting, others) = (lasting.iter().map(|kind| kind.name()), others.iter().map(|kind| kind.name()));
    let (lasting, others): (Vec<_>, Vec<_>) = (lasting.collect(), others.collect());
    let mut pruned = 0;
    for (state, kinds, age) in [
        (LetterState::Sent, &others, SENT),
        (LetterState::Dead, &others, DEAD),
        (LetterState::Sent, &lasting, LASTING),
        (LetterState::Dead, &lasting, LASTING),
    ] {
        pruned += control.prune_letters(state, kinds, now - age).await?;
    }
    Ok(pruned)
}
