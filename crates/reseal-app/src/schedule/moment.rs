//! Moments as people write them.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::Failure;

/// Which of two moments a time of the wall clock means that there is twice, or not at all.
#[derive(Clone, Copy)]
pub(super) enum Side {
    Earlier,
    Later,
}

/// A moment: RFC 3339, or a date or time of the wall clock in the schedule's zone. Where clocks change, a range becomes
/// longer by that and never shorter: a slot that is there is shown.
pub(super) fn moment(text: &str, zone: &TimeZone, option: &str, side: Side) -> Result<Timestamp, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let bad = || Failure::usage("time", format!("{option} {text}: not a time"), "2026-01-01, or RFC 3339");
    let civil: DateTime = text.parse().map_err(|_| bad())?;
    let both = zone.to_ambiguous_timestamp(civil);
    match side {
        Side::Earlier => both.earlier(),
        Side::Later => both.later(),
    }
    .map_err(|_| bad())
}
