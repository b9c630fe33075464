//! Slots: the times of a wall clock as instants.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};
use reseal_plan::Timing;

const DAY: Duration = Duration::from_secs(86_400);

/// The slots of a timing after an instant, in order, each once; without end, but for what a calendar can hold.
///
/// Every time of the wall clock is one slot. A time that the clock jumps over in spring is the first instant after the
/// jump, and several of them are one slot. A time that the clock shows twice in autumn is the first of the two.
pub fn slots<'t>(
    timing: &'t Timing,
    zone: &'t TimeZone,
    after: Timestamp,
) -> Box<dyn Iterator<Item = Timestamp> + 't> {
    match timing {
        Timing::Cron(line) => {
            let mut time = Some(local(zone, after));
            let times = std::iter::from_fn(move || {
                time = line.next_after(time?);
                time
            });
            Box::new(instants(times, zone, after))
        }
        Timing::Every { interval, from } if interval.as_millis().is_multiple_of(DAY.as_millis()) => {
            let days = i64::try_from(interval.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX);
            let passed = from.until((jiff::Unit::Day, local(zone, after)));
            let first = passed.map_or(0, |span| i64::from(span.get_days()) / days).max(0);
            let times = (first..).map_while(move |n| {
                let span = Span::new().try_days(n.checked_mul(days)?).ok()?;
                from.checked_add(span).ok()
            });
            Box::new(instants(times, zone, after))
        }
        Timing::Every { interval, from } => {
            let Ok(interval) = SignedDuration::try_from(*interval) else {
                return Box::new(std::iter::empty());
            };
            let Some(anchor) = instant(*from, zone) else { return Box::new(std::iter::empty()) };
            let passed = after.duration_since(anchor).as_secs() / interval.as_secs().max(1);
            let times = (passed.max(0)..).map_while(move |n| {
                let seconds = interval.as_secs().checked_mul(n)?;
                anchor.checked_add(SignedDuration::from_secs(seconds)).ok()
            });
            Box::new(times.filter(move |slot| *slot > after))
        }
    }
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
