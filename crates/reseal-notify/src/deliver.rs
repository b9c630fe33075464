//! Delivery: what is due goes out, channel by channel, and what became of it is noted.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use reseal_control::{ControlDatabase, ControlSession, LetterRow, Settled};
use reseal_core::audit::TrailHead;
use reseal_core::{Delivery, Message, Notice, NoticeKind, Notifier};
use reseal_plan::{Plan, ViaSpec};
use reseal_store::StoreError;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::trail;
use crate::wording::render;

/// The most letters in one delivery; the rest waits for the next.
const MOST: u64 = 200;
/// How long a letter is ours: longer than any attempt lasts. A process that is gone loses its letters at once.
const LEASE: Duration = Duration::from_secs(120);
/// What no notifier should need; one that does not keep its word is cut off here.
const ATTEMPT: Duration = Duration::from_secs(60);
/// Attempts until a letter is dead: over a day, with the pauses between them.
const ATTEMPTS: i64 = 16;
/// After so many in a row, what is wrong is the way and not the letter.
const FAILURES_IN_A_ROW: u32 = 3;

/// A plan's letters in the control database.
pub struct Outbox<'a> {
    /// The plan: its channels and wordings.
    pub plan: &'a Plan,
    /// The control database, with its tables.
    pub control: &'a ControlDatabase,
    /// From 0 to 1, another each time: spreads attempts of many letters over time.
    pub jitter: &'a (dyn Fn() -> f64 + Sync),
    /// Whether letters are tried that wait for a later time too: the mail server was mended.
    pub early: bool,
}

/// What a delivery came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Letters that were taken.
    pub sent: u64,
    /// Letters that are tried again later.
    pub later: u64,
    /// Letters that nobody tries again.
    pub dead: u64,
}

/// What the channels of one delivery share.
struct Round {
    session: Mutex<ControlSession>,
    /// In milliseconds since 1970.
    now: i64,
    /// When the last attempt may begin.
    until: Instant,
    /// Number and head of the audit trail.
    trail: Option<String>,
}

impl Outbox<'_> {
    /// Delivers what is due. Begins no attempt after `within`, and each attempt ends within a minute. `now` is in
    /// milliseconds since 1970. Several may deliver at once: each letter is taken by one.
    ///
    /// # Errors
    /// When the control database refuses. What a mail server does is no error, but noted with the letter.
    pub async fn deliver(&self, now: i64, within: Duration) -> Result<Delivered, StoreError> {
        let Some(notify) = &self.plan.notify else { return Ok(Delivered::default()) };
        let mut session = self.control.connect().await?;
        let by = if self.early { i64::MAX } else { now };
        let due = session.due_letters(&self.plan.name, by, MOST).await?;
        let mut channels: BTreeMap<String, Vec<LetterRow>> = BTreeMap::new();
        for row in due.into_iter().filter(is_free) {
            channels.entry(row.letter.via.clone()).or_default().push(row);
        }
        // Every notice carries number and head of the audit trail outside.
        let TrailHead { sequence, head } = session.trail_head().await?;
        let trail = (sequence > 0).then(|| format!("{sequence} {head}"));
        let round = Round { session: Mutex::new(session), now, until: Instant::now() + within, trail };
        // Side by side, so that a mail server that is gone holds back no webhook.
        let all = join_all(channels.into_iter().map(|(name, rows)| {
            let via = notify.via.iter().find(|via| via.name == name);
            self.deliver_channel(via, name, rows, &round)
        }));
        let mut sum = Delivered::default();
        for delivered in all.await {
            let delivered = delivered?;
            sum.sent += delivered.sent;
            sum.later += delivered.later;
            sum.dead += delivered.dead;
        }
        Ok(sum)
    }

    async fn deliver_channel(
        &self,
        via: Option<&ViaSpec>,
        name: String,
        rows: Vec<LetterRow>,
        round: &Round,
    ) -> Result<Delivered, StoreError> {
        // Built each time something is due: after a change of password nothing needs a restart.
        let notifier = match via {
            Some(via) => reseal_registry::notifier(via)
                .await
                .map_err(|error| format!("{}: {}", error.message, error.help)),
            None => Err(format!("the plan has no channel named {name} under `notify:`")),
        };
        let (mut sum, mut failures) = (Delivered::default(), 0);
        for row in rows {
            if Instant::now() >= round.until || failures == FAILURES_IN_A_ROW {
                break;
            }
            let holder = reseal_engine::holder();
            let lease = i64::try_from(LEASE.as_millis()).unwrap_or(i64::MAX);
            if !round.session.lock().await.take_letter(&row, &holder, lease).await? {
                continue;
            }
            let outcome = match &notifier {
                Ok(notifier) => self.attempt(notifier.as_ref(), &row, round).await,
                Err(why) => Delivery::Later(why.clone()),
            };
            let settled = settle(outcome, row.attempts + 1, round.now, (self.jitter)());
            match &settled {
                Settled::Sent => (sum.sent, failures) = (sum.sent + 1, 0),
                Settled::Later(_, why) => {
                    tracing::warn!(
                        kind = row.letter.kind,
                        via = name,
                        "a notification will be retried: {why}"
                    );
                    (sum.later, failures) = (sum.later + 1, failures + 1);
                }
                Settled::Dead(why) => {
                    tracing::error!(
                        kind = row.letter.kind,
                        via = name,
                        "a notification could not be delivered: {why}"
                    );
                    (sum.dead, failures) = (sum.dead + 1, 0);
                }
            }
            let mut session = round.session.lock().await;
            trail::settle(&mut session, self.plan, &row, &settled, round.now).await?;
        }
        Ok(sum)
    }

    async fn attempt(&self, notifier: &dyn Notifier, row: &LetterRow, round: &Round) -> Delivery {
        let Some(message) = self.message(row, round.trail.as_deref()) else {
            return Delivery::Refused(
                "this version of Reseal does not know this kind of notification".into(),
            );
        };
        match timeout(ATTEMPT, notifier.send(&message, round.now)).await {
            Ok(outcome) => outcome,
            Err(_) => Delivery::Later(format!("no response within {} s", ATTEMPT.as_secs())),
        }
    }

    fn message(&self, row: &LetterRow, trail: Option<&str>) -> Option<Message> {
        let letter = &row.letter;
        let notice = Notice {
            kind: NoticeKind::parse(&letter.kind)?,
            plan: letter.plan.clone(),
            subject: letter.subject.clone(),
            slot: letter.slot.clone(),
            fields: serde_json::from_str(&letter.fields).unwrap_or_default(),
            resolved: letter.resolved,
        };
        let rendered = render(&notice, self.plan.notify.as_ref()?, trail);
        Some(Message {
            id: letter.id.clone(),
            notice,
            to: letter.address.clone(),
            title: rendered.title,
            text: rendered.text,
            html: Some(rendered.html),
            posted_at: letter.posted_at,
        })
    }
}

/// Whether nobody tries the letter now.
fn is_free(row: &LetterRow) -> bool {
    row.lease_left_ms <= 0 || row.holder.as_ref().is_none_or(reseal_engine::is_dead)
}

fn settle(outcome: Delivery, attempt: i64, now: i64, jitter: f64) -> Settled {
    match outcome {
        Delivery::Sent => Settled::Sent,
        Delivery::Refused(why) => Settled::Dead(why),
        Delivery::Later(why) if attempt >= ATTEMPTS => {
            Settled::Dead(format!("no success after {attempt} attempts: {why}"))
        }
        Delivery::Later(why) => {
            let pause = i64::try_from(backoff(attempt, jitter).as_millis()).unwrap_or(i64::MAX);
            Settled::Later(now.saturating_add(pause), why)
        }
    }
}

/// The pause after an attempt (from 1): half a minute, doubled each time up to four hours, and of that at least half,
/// by `jitter` from 0 to 1.
#[must_use]
pub fn backoff(attempt: i64, jitter: f64) -> Duration {
    const FIRST: Duration = Duration::from_secs(30);
    const LONGEST: Duration = Duration::from_secs(4 * 3600);
    let attempts = u32::try_from(attempt.max(1)).unwrap_or(u32::MAX);
    reseal_core::backoff(attempts, FIRST, LONGEST).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        let seconds = |attempt, jitter| backoff(attempt, jitter).as_secs();
        assert_eq!(
            [1, 2, 3, 10, 16, i64::MAX].map(|n| seconds(n, 1.0)),
            [30, 60, 120, 14_400, 14_400, 14_400]
        );
        assert_eq!([seconds(1, 0.0), seconds(1, 0.5), seconds(1, 7.0)], [15, 22, 30]);
        let whole: u64 = (1..ATTEMPTS).map(|attempt| seconds(attempt, 0.0)).sum();
        assert!(whole > 12 * 3600, "a letter outlives a night without a mail server: {whole} s");
    }

    #[test]
    fn refusals_are_final_and_the_rest_is_not_for_ever() {
        let later = || Delivery::Later("x".into());
        assert_eq!(settle(Delivery::Sent, 1, 0, 0.0), Settled::Sent);
        assert!(matches!(settle(Delivery::Refused("x".into()), 1, 0, 0.0), Settled::Dead(_)));
        assert_eq!(settle(later(), 1, 1_000, 1.0), Settled::Later(31_000, "x".into()));
        assert!(matches!(settle(later(), ATTEMPTS, 0, 0.0), Settled::Dead(_)));
    }
}
