//! Durations, sizes and counts as plans write them and as people read them.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Reads `500ms`, `2s`, `30m`, `24h`, `90d`. Zero is no duration that a plan could mean.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 1_000 * MINUTE,
        "h" => 1_000 * HOUR,
        "d" => 1_000 * DAY,
        _ => return None,
    };
    number.checked_mul(millis).filter(|n| *n > 0).map(Duration::from_millis)
}

/// Milliseconds between two times; none where the later one comes first, as after a step of the clock.
#[must_use]
pub fn millis(between: i64) -> Duration {
    Duration::from_millis(u64::try_from(between).unwrap_or(0))
}

/// Reads `512B`, `64KiB`, `8MiB`, `1GiB`.
#[must_use]
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).filter(|n| *n > 0)
}

fn split(text: &str) -> Option<(u64, &str)> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    Some((text[..unit].parse().ok()?, text[unit..].trim_start_matches(' ')))
}

/// A duration as a plan writes it, in the largest unit that is exact: `90d`, `1h`, `500ms`.
#[must_use]
pub fn exact(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (1, "s")];
    let units = units.map(|(seconds, name)| (u128::from(seconds) * 1_000, name));
    let exact = units.into_iter().find(|(unit, _)| millis.is_multiple_of(*unit));
    exact.map_or_else(|| format!("{millis}ms"), |(unit, name)| format!("{}{name}", millis / unit))
}

/// A duration in the two largest units that people read: `75 s`, `5 min 0 s`, `2 h 1 min`, `2 days 2 h`.
#[must_use]
pub fn readable(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7_199 => format!("{} min {} s", seconds / MINUTE, seconds % MINUTE),
        seconds @ 7_200..=172_799 => format!("{} h {} min", seconds / HOUR, seconds % HOUR / MINUTE),
        seconds => format!("{} days {} h", seconds / DAY, seconds % DAY / HOUR),
    }
}

/// A duration in its largest unit alone: `14 d`, below a day `23 h`, below an hour `59 min`.
#[must_use]
pub fn coarse(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ DAY.. => format!("{} d", seconds / DAY),
        seconds @ HOUR.. => format!("{} h", seconds / HOUR),
        seconds => format!("{} min", seconds / MINUTE),
    }
}

/// A number with its thousands apart: `1,234,567`.
#[must_use]
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_exact() {
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(parse_duration("90d"), Some(Duration::from_secs(90 * DAY)));
        assert_eq!(parse_bytes("8MiB"), Some(8 * 1024 * 1024));
        for wrong in
            ["", "5", "s", "-1s", "1.5s", "1M", "0s", "99999999999999999999s", "18446744073709551615d"]
        {
            assert_eq!(parse_duration(wrong), None, "{wrong}");
        }
        for wrong in ["8", "8MB", "8mib", "0B", "99999999999GiB"] {
            assert_eq!(parse_bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_a_plan_writes_is_read_back() {
        for text in ["76d", "1h", "90s", "2m", "500ms"] {
            assert_eq!(parse_duration(text).map(exact).as_deref(), Some(text));
        }
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(
            [0, 75, 119, 120, 300, 7_260, 172_799, 180_000].map(|n| readable(Duration::from_secs(n))),
            ["0 s", "75 s", "119 s", "2 min 0 s", "5 min 0 s", "2 h 1 min", "47 h 59 min", "2 days 2 h"]
        );
        assert_eq!(readable(millis(-5)), "0 s");
        let ages = [0, 59, 3_599, 3_600, 86_399, 86_400, 14 * DAY].map(|n| coarse(Duration::from_secs(n)));
        assert_eq!(ages, ["0 min", "0 min", "59 min", "1 h", "23 h", "1 d", "14 d"]);
    }

    #[test]
    fn thousands_are_apart() {
        assert_eq!([0, 999, 1000, 1234567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
