//! Cron lines: times of the wall clock.

use std::fmt;

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::civil::{DateTime, date};

/// A cron line of five fields: minute, hour, day of month, month, day of week.
///
/// A line that restricts both days fires where either matches, as cron does. It tells times of the wall clock; which
/// instants those are is the business of whoever knows the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronLine {
    text: String,
    // Boxed, since it takes hundreds of bytes.
    cron: Box<Cron>,
}

/// The fields of a line, and what each takes.
const FIELDS: [(&str, &str); 5] = [
    ("minute", "from 0 to 59"),
    ("hour", "from 0 to 23"),
    ("day of the month", "from 1 to 31"),
    ("month", "from 1 to 12, or JAN to DEC"),
    ("day of the week", "from 0 (Sunday) to 7, or SUN to SAT"),
];

/// Why a text is no cron line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronError {
    /// It does not have the form of one.
    Form,
    /// No day is meant by it: 30 February.
    Never,
}

impl CronLine {
    /// Reads a cron line.
    ///
    /// # Errors
    /// When it is none, or when it never fires.
    pub fn parse(text: &str) -> Result<CronLine, CronError> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cron = parser.parse(&text).map_err(|_| CronError::Form)?;
        let line = CronLine { text, cron: Box::new(cron) };
        match line.next_after(date(2000, 1, 1).at(0, 0, 0, 0)) {
            Some(_) => Ok(line),
            None => Err(CronError::Never),
        }
    }

    /// Of a text that is no cron line: the first field that is wrong, and what it takes. `None` where it does not have five.
    pub(crate) fn wrong_field(text: &str) -> Option<(&'static str, &'static str)> {
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let fields: Vec<&str> = text.split_whitespace().collect();
        if fields.len() != FIELDS.len() {
            return None;
        }
        let wrong = |at: &usize| {
            let mut alone = ["*"; FIELDS.len()];
            alone[*at] = fields[*at];
            parser.parse(&alone.join(" ")).is_err()
        };
        (0..FIELDS.len()).find(wrong).map(|at| FIELDS[at])
    }

    /// The next time of the line after a time of the wall clock.
    #[must_use]
    pub fn next_after(&self, time: DateTime) -> Option<DateTime> {
        self.cron.find_next_occurrence(&time, false).ok()
    }
}

impl fmt::Display for CronLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_five_fields_and_name_a_day_that_comes() {
        let next = |line: &str, after: DateTime| CronLine::parse(line).unwrap().next_after(after).unwrap();
        let begin = date(2026, 2, 1).at(0, 0, 0, 0);
        assert_eq!(next("0 4 1 1,4,7,10 *", begin), date(2026, 4, 1).at(4, 0, 0, 0));
        assert_eq!(next(" 0  6 1 */3 * ", begin), date(2026, 4, 1).at(6, 0, 0, 0));
        assert_eq!(next("30 2 29 2 *", begin), date(2028, 2, 29).at(2, 30, 0, 0));
        assert_eq!(next("0 0 13 * FRI", begin), date(2026, 2, 6).at(0, 0, 0, 0), "either day");
        assert_eq!(next("0 0 * * *", begin), date(2026, 2, 2).at(0, 0, 0, 0), "strictly after");
        for form in ["", "0 4 1 1", "0 0 4 1 1 *", "60 4 1 1 *", "0 4 1 13 *", "daily", "0 4 * * MOO"] {
            assert_eq!(CronLine::parse(form), Err(CronError::Form), "{form}");
        }
        assert_eq!(CronLine::parse("0 4 30 2 *"), Err(CronError::Never));
    }

    #[test]
    fn the_field_that_is_wrong_is_named() {
        for (line, field) in [
            ("60 4 1 1 *", Some("minute")),
            ("0 25 * * *", Some("hour")),
            ("0 4 0 1 *", Some("day of the month")),
            ("0 4 * 1-13 *", Some("month")),
            ("0 4 * * MOO", Some("day of the week")),
            ("0 4 * *", None),
            ("0 0 4 * * *", None),
        ] {
            assert_eq!(CronLine::wrong_field(line).map(|(name, _)| name), field, "{line}");
        }
    }
}
