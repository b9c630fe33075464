//! Windows: the hours in which a run may work.

use jiff::civil::{Time, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

/// Weekly hours in a time zone: `Mon-Fri 22:00-06:00 Europe/Berlin`.
///
/// A window that ends before it begins goes on past midnight and belongs to the day on which it began.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Monday to Sunday.
    days: [bool; 7],
    /// Minutes since midnight.
    from: u16,
    /// Minutes since midnight, up to 24:00.
    to: u16,
    zone: TimeZone,
}

/// Why a text is no window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WindowError {
    Form,
    Day,
    Hours,
    Empty,
    Zone,
}

impl Window {
    /// Reads `[DAYS] HH:MM-HH:MM ZONE`; days are `Mon`, `Mon-Fri` or `Sat,Sun`, and every day where none is named.
    pub(crate) fn parse(text: &str) -> Result<Window, WindowError> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let (days, hours, zone) = match words.as_slice() {
            [days, hours, zone] => (parse_days(days).ok_or(WindowError::Day)?, *hours, *zone),
            [_, hours] if hours.contains(':') => return Err(WindowError::Form),
            [hours, zone] => ([true; 7], *hours, *zone),
            _ => return Err(WindowError::Form),
        };
        let (from, to) = hours.split_once('-').ok_or(WindowError::Hours)?;
        let from = parse_time(from).filter(|at| *at < 24 * 60).ok_or(WindowError::Hours)?;
        let to = parse_time(to).ok_or(WindowError::Hours)?;
        if from == to {
            return Err(WindowError::Empty);
        }
        let zone = TimeZoneDatabase::bundled().get(zone).map_err(|_| WindowError::Zone)?;
        Ok(Window { days, from, to, zone })
    }

    /// Whether the window is open at an instant.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        let local = now.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let today = local.weekday();
        if self.from < self.to {
            return self.on(today) && (self.from..self.to).contains(&minute);
        }
        (self.on(today) && minute >= self.from) || (self.on(today.previous()) && minute < self.to)
    }

    /// When the window closes that is open at an instant; `None` where it is not open.
    #[must_use]
    pub fn closes(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.is_open(now) {
            return None;
        }
        let local = now.to_zoned(self.zone.clone());
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        let began_today = self.on(local.weekday()) && minute >= self.from;
        let day =
            if self.from > self.to && began_today { local.date().tomorrow().ok()? } else { local.date() };
        // 24:00 is the next day's midnight.
        let end = day.to_datetime(Time::midnight()).checked_add(SignedDuration::from_mins(self.to.into()));
        self.zone.to_timestamp(end.ok()?).ok()
    }

    fn on(&self, day: Weekday) -> bool {
        usize::try_from(day.to_monday_zero_offset()).is_ok_and(|at| self.days[at])
    }
}

fn parse_days(text: &str) -> Option<[bool; 7]> {
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?, day(last)?);
        // Sat-Mon goes round the end of the week.
        let length = (last + 7 - first) % 7;
        (0..=length).for_each(|step| days[(first + step) % 7] = true);
    }
    Some(days)
}

fn day(text: &str) -> Option<usize> {
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].iter().position(|name| *name == text)
}

fn parse_time(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    if [hour, minute].iter().any(|part| part.len() != 2 || !part.bytes().all(|b| b.is_ascii_digit())) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (minute < 60 && hour * 60 + minute <= 24 * 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(window: &str, at: &str) -> bool {
        Window::parse(window).unwrap().is_open(at.parse().unwrap())
    }

    #[test]
    fn a_night_belongs_to_the_day_it_began_on() {
        let nights = "Mon-Fri 22:00-06:00 Europe/Berlin";
        // 2026-11-20 is a Friday; Berlin is at UTC+1.
        assert!(open(nights, "2026-11-20T21:00:00Z"));
        assert!(open(nights, "2026-11-21T04:59:00Z"));
        assert!(!open(nights, "2026-11-21T05:00:00Z"));
        assert!(!open(nights, "2026-11-21T21:30:00Z"));
        assert!(!open(nights, "2026-11-20T20:59:00Z"));
    }

    #[test]
    fn days_can_be_left_out_and_go_round_the_week() {
        assert!(open("00:00-24:00 UTC", "2026-11-22T23:59:00Z"));
        assert!(open("Sat-Mon 10:00-11:00 UTC", "2026-11-22T10:30:00Z"));
        assert!(!open("Sat-Mon 10:00-11:00 UTC", "2026-11-24T10:30:00Z"));
    }

    #[test]
    fn a_window_closes_on_the_day_that_its_hours_end() {
        let closes = |window: &str, at: &str| {
            let end = Window::parse(window).unwrap().closes(at.parse().unwrap());
            end.map(|end| end.to_string())
        };
        let nights = "Mon-Fri 22:00-06:00 Europe/Berlin";
        assert_eq!(closes(nights, "2026-11-20T21:00:00Z").as_deref(), Some("2026-11-21T05:00:00Z"));
        assert_eq!(closes(nights, "2026-11-21T04:59:00Z").as_deref(), Some("2026-11-21T05:00:00Z"));
        assert_eq!(closes(nights, "2026-11-21T05:00:00Z"), None);
        assert_eq!(
            closes("00:00-24:00 UTC", "2026-11-22T23:59:00Z").as_deref(),
            Some("2026-11-23T00:00:00Z")
        );
    }

    #[test]
    fn mistakes_are_told_apart() {
        let error = |text| Window::parse(text).unwrap_err();
        assert_eq!(error("22:00-06:00"), WindowError::Form);
        assert_eq!(error("Mon 22:00-06:00"), WindowError::Form);
        assert_eq!(error("Mo 22:00-06:00 UTC"), WindowError::Day);
        assert_eq!(error("Mon 25:00-06:00 UTC"), WindowError::Hours);
        assert_eq!(error("Mon 6-8 UTC"), WindowError::Hours);
        assert_eq!(error("Mon 06:00-06:00 UTC"), WindowError::Empty);
        assert_eq!(error("Mon 22:00-06:00 Europe/Berln"), WindowError::Zone);
    }
}
