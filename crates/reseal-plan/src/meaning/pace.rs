//! How fast and when a run works.

use std::time::Duration;

use reseal_core::quantity;

use super::Meaning;
use crate::plan::{Batch, Emergency, Pace, Throttle};
use crate::raw;
use crate::window::{Window, WindowError};

impl Meaning<'_> {
    /// The pace; `path` is the section that holds it.
    pub(super) fn pace(
        &mut self,
        batch: &raw::Batch,
        throttle: &raw::Throttle,
        windows: &[String],
        workers: Option<u32>,
        path: &[&str],
    ) -> Pace {
        Pace {
            batch: self.batch(batch, Batch::default(), &[path, &["batch"]].concat()),
            throttle: self.throttle(throttle, &[path, &["throttle"]].concat()),
            windows: self.windows(windows, &[path, &["windows"]].concat()),
            workers,
        }
    }

    /// What `--emergency` lays over the plan's pace: what the section names, and the rest as it was.
    pub(super) fn emergency(&mut self, raw: raw::Emergency, usual: &Pace) -> Emergency {
        let batch = raw.batch.map(|batch| self.batch(&batch, usual.batch, &["emergency", "batch"]));
        let throttle = raw.throttle.map(|throttle| match throttle {
            raw::OrNone::None(_) => Throttle::default(),
            raw::OrNone::Some(throttle) => self.throttle(&throttle, &["emergency", "throttle"]),
        });
        let windows = raw.windows.map(|windows| match windows {
            raw::OrNone::None(_) => Vec::new(),
            raw::OrNone::Some(windows) => self.windows(&windows, &["emergency", "windows"]),
        });
        let pace = Pace {
            batch: batch.unwrap_or(usual.batch),
            throttle: throttle.unwrap_or_else(|| usual.throttle.clone()),
            windows: windows.unwrap_or_else(|| usual.windows.clone()),
            workers: raw.workers.or(usual.workers),
        };
        let deadline = raw.deadline.and_then(|text| self.duration(&text, &["emergency", "deadline"]));
        Emergency { pace, deadline }
    }

    fn batch(&mut self, raw: &raw::Batch, usual: Batch, path: &[&str]) -> Batch {
        let target = raw.target.as_ref().and_then(|text| self.duration(text, &[path, &["target"]].concat()));
        let bytes = raw.bytes.as_ref().and_then(|text| self.bytes(text, &[path, &["bytes"]].concat()));
        Batch {
            rows: match raw.rows {
                None => usual.rows,
                Some(raw::Rows::Auto(_)) => None,
                Some(raw::Rows::Count(rows)) => Some(rows),
            },
            target: target.unwrap_or(usual.target),
            bytes: bytes.unwrap_or(usual.bytes),
        }
    }

    fn throttle(&mut self, raw: &raw::Throttle, path: &[&str]) -> Throttle {
        Throttle {
            rows_per_second: raw.rows_per_second,
            max_lag: raw
                .max_lag
                .as_ref()
                .and_then(|text| self.duration(text, &[path, &["max_lag"]].concat())),
            pause_file: raw
                .pause_file
                .as_ref()
                .map(|file| self.input_path(file, &[path, &["pause_file"]].concat())),
        }
    }

    fn windows(&mut self, raw: &[String], path: &[&str]) -> Vec<Window> {
        let windows = raw.iter().enumerate();
        windows
            .filter_map(|(at, text)| {
                let (message, help) = match Window::parse(text) {
                    Ok(window) => return Some(window),
                    Err(WindowError::Form) => (
                        "a window needs hours and a time zone",
                        "for example \"Mon-Fri 22:00-06:00 Europe/Berlin\"",
                    ),
                    Err(WindowError::Day) => {
                        ("the days of this window are not valid", "for example Mon-Fri or Sat,Sun")
                    }
                    Err(WindowError::Hours) => {
                        ("the hours of this window are not valid", "for example 22:00-06:00")
                    }
                    Err(WindowError::Empty) => {
                        ("this window ends at its start time", "use 00:00-24:00 for the whole day")
                    }
                    Err(WindowError::Zone) => {
                        ("unknown time zone", "use an IANA name, for example Europe/Berlin or UTC")
                    }
                };
                self.find_help(
                    "bad-window",
                    &[path, &[&at.to_string()]].concat(),
                    message,
                    Some(help.into()),
                );
                None
            })
            .collect()
    }

    pub(super) fn duration(&mut self, text: &str, path: &[&str]) -> Option<Duration> {
        let duration = quantity::parse_duration(text);
        if duration.is_none() {
            let help = "use a positive integer and a unit (ms, s, m, h or d), for example 500ms, 30m or 90d";
            self.find_help("bad-duration", path, "this is not a valid duration", Some(help.into()));
        }
        duration
    }

    fn bytes(&mut self, text: &str, path: &[&str]) -> Option<u64> {
        let bytes = quantity::parse_bytes(text);
        if bytes.is_none() {
            let help = "use a positive integer and a unit (B, KiB, MiB or GiB), for example 8MiB";
            self.find_help("bad-size", path, "this is not a valid size", Some(help.into()));
        }
        bytes
    }
}
