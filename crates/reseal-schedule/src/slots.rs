//! Slots: the times of a wall clock as instants.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};
use reseal_plan::Timing;

const DAY: Duration = Duration::from_secs(86_400);

/// What the slots of a job follow from, beside its timing.
#[derive(Clone, Copy, Debug)]
pub struct Calendar<'c> {
    /// The zone of the schedule.
    pub zone: &'c TimeZone,
    /// When the key became active from which a rotation counts; without it, a rotation that counts from there has no slots.
    pub key_since: Option<Timestamp>,
}

impl<'c> Calendar<'c> {
    /// For jobs that count from no key.
    #[must_use]
    pub fn without_key(zone: &'c TimeZone) -> Calendar<'c> {
        Calendar { zone, key_since: None }
    }
}

/// The slots of a timing after an instant, in order, each once; without end, but for what a calendar can hold.
///
/// Every time of the wall clock is one slot. A time that the clock jumps over in spring is the first instant after the
/// jump, and several of them are one slot. A time that the clock shows twice in autumn is the first of the two.
///
/// A rotation that counts from its key has a slot each time that the key is older by the interval. The slots behind the first
/// are for a key that was not replaced.
pub fn slots<'t>(
    timing: &'t Timing,
    calendar: Calendar<'t>,
    after: Timestamp,
) -> Box<dyn Iterator<Item = Timestamp> + 't> {
    let zone = calendar.zone;
    match timing {
        Timing::Cron(line) => {
            let mut time = Some(local(zone, after));
            let times = std::iter::from_fn(move || {
                time = line.next_after(time?);
                time
            });
            Box::new(instants(times, zone, after))
        }
        Timing::Every { interval, from } => match whole_days(*interval) {
            Some(days) => Box::new(instants(daily(days, *from, local(zone, after), 0), zone, after)),
            None => match instant(*from, zone) {
                Some(from) => Box::new(passing(*interval, from, after, 0)),
                None => Box::new(std::iter::empty()),
            },
        },
        Timing::KeyAge { interval } => {
            // A slot is a whole second.
            let since = calendar.key_since.and_then(|since| Timestamp::from_second(since.as_second()).ok());
            match (since, whole_days(*interval)) {
                (Some(since), Some(days)) => {
                    let times = daily(days, local(zone, since), local(zone, after), 1);
                    Box::new(instants(times, zone, after))
                }
                (Some(since), None) => Box::new(passing(*interval, since, after, 1)),
                (None, _) => Box::new(std::iter::empty()),
            }
        }
    }
}

/// How many days an interval is, if it is whole days.
fn whole_days(interval: Duration) -> Option<i64> {
    let is_whole = interval.as_millis().is_multiple_of(DAY.as_millis());
    is_whole.then(|| i64::try_from(interval.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX))
}

/// Times at a distance of days on the wall clock, from one that is not later than `after`, and from the `first` of them on.
fn daily(days: i64, from: DateTime, after: DateTime, first: i64) -> impl Iterator<Item = DateTime> {
    let passed = from.until((jiff::Unit::Day, after));
    let begin = passed.map_or(0, |span| i64::from(span.get_days()) / days).max(first);
    (begin..).map_while(move |n| {
        let span = Span::new().try_days(n.checked_mul(days)?).ok()?;
        from.checked_add(span).ok()
    })
}

/// Instants at a distance of time that passes, those after `after`, and from the `first` of them on.
fn passing(
    interval: Duration,
    from: Timestamp,
    after: Timestamp,
    first: i64,
) -> impl Iterator<Item = Timestamp> {
    let seconds = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX).max(1);
    let passed = after.duration_since(from).as_secs() / seconds;
    let all = (passed.max(first)..).map_while(move |n| {
        let passed = seconds.checked_mul(n)?;
        from.checked_add(SignedDuration::from_secs(passed)).ok()
    });
    all.filter(move |slot| *slot > after)
}

/// Times of the wall clock as instants after `after`. What the clock jumps over falls together.
fn instants(
    times: impl Iterator<Item = DateTime>,
    zone: &TimeZone,
    after: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let mut last = after;
    times.map_while(|time| instant(time, zone)).filter(move |slot| {
        let later = *slot > last;
        last = last.max(*slot);
        later
    })
}

fn local(zone: &TimeZone, at: Timestamp) -> DateTime {
    zone.to_datetime(at)
}

/// The instant at which the wall clock first shows a time, or is first past it.
fn instant(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|transition| transition.timestamp())
        }
        _ => ambiguous.earlier().ok(),
    }
}
