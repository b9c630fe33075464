//! The time that a report is about.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use reseal_plan::Period;

/// The time that a report is about which is due at `slot`: from the first instant up to the second, which is none of it.
/// Months, quarters and years are those of the wall clock. `None` where the calendar ends.
#[must_use]
pub fn period(period: Period, slot: Timestamp, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    let months = match period {
        Period::Last(length) => {
            let length = SignedDuration::try_from(length).ok()?;
            return Some((slot.checked_sub(length).ok()?, slot));
        }
        Period::Month => 1,
        Period::Quarter => 3,
        Period::Year => 12,
    };
    let today = zone.to_datetime(slot).date();
    let first = (today.month() - 1) / months * months + 1;
    let end = date(today.year(), first, 1);
    let start = end.checked_sub(i32::from(months).months()).ok()?;
    Some((midnight(start, zone)?, midnight(end, zone)?))
}

fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(day.to_zoned(zone.clone()).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::tz::TimeZoneDatabase;

    use super::*;

    /// Watches both ends: a report that begins a day late leaves out a rotation.
    #[test]
    fn a_report_is_about_what_is_over() {
        let zone = TimeZoneDatabase::bundled().get("Asia/Jerusalem").unwrap_or(TimeZone::UTC);
        let days = Period::Last(Duration::from_secs(90 * 86_400));
        for (of, slot, from, to) in [
            (Period::Year, "2026-10-01T09:00+03:00", "2025-01-01T00:00+02:00", "2026-01-01T00:00+02:00"),
            (Period::Quarter, "2026-10-01T09:00+03:00", "2026-07-01T00:00+03:00", "2026-10-01T00:00+03:00"),
            (Period::Quarter, "2026-01-01T00:00+02:00", "2025-10-01T00:00+03:00", "2026-01-01T00:00+02:00"),
            (Period::Quarter, "2026-12-31T23:59+02:00", "2026-07-01T00:00+03:00", "2026-10-01T00:00+03:00"),
            (Period::Month, "2028-03-31T12:00+03:00", "2028-02-01T00:00+02:00", "2028-03-01T00:00+02:00"),
            (days, "2026-04-01T00:00Z", "2026-01-01T00:00Z", "2026-04-01T00:00Z"),
        ] {
            let found = slot.parse().ok().and_then(|slot| period(of, slot, &zone));
            assert_eq!(found, from.parse().ok().zip(to.parse().ok()), "{of:?} at {slot}");
        }
    }
}
