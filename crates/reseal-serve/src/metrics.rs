//! Metrics, in the text format of Prometheus (version 0.0.4).

use std::fmt::{Display, Write as _};

use jiff::Timestamp;
use reseal_control::{ControlSession, FiringState, ScheduleRow};
use reseal_core::NoticeKind;
use reseal_store::StoreError;

use crate::key_times::KeyTimes;
use crate::{Served, State};

/// All metrics. What the database cannot be asked is left out, and `reseal_control_up` says so.
pub(crate) async fn text(state: &State) -> String {
    let (ticks, failures) = state.counts();
    let mut out = single(Metric::counter("reseal_ticks_total", "Scheduler ticks."), ticks);
    let help = "Scheduler ticks that failed because of the control database.";
    out += &single(Metric::counter("reseal_tick_failures_total", help), failures);
    if let Some(bytes) = resident() {
        out += &single(Metric::gauge("process_resident_memory_bytes", "Resident memory in bytes."), bytes);
    }
    let schedules = schedules(state).await;
    let up = Metric::gauge("reseal_control_up", "Whether the control database responds.");
    out += &single(up, u64::from(schedules.is_ok()));
    out + &schedules.unwrap_or_default()
}

/// A metric with its samples, as text.
struct Metric {
    name: &'static str,
    text: String,
}

impl Metric {
    fn gauge(name: &'static str, help: &str) -> Metric {
        Metric { name, text: format!("# HELP {name} {help}\n# TYPE {name} gauge\n") }
    }

    fn counter(name: &'static str, help: &str) -> Metric {
        Metric { name, text: format!("# HELP {name} {help}\n# TYPE {name} counter\n") }
    }

    /// Labels are given as they stand between name and value. Names of plans and jobs need no escaping: they are letters,
    /// digits, dots, hyphens and underscores.
    fn add(&mut self, labels: &str, value: impl Display) {
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }
}

/// A metric of one sample.
fn single(mut metric: Metric, value: u64) -> String {
    metric.add("", value);
    metric.text
}

/// What the control database knows of schedules.
struct Schedules {
    enabled: Metric,
    next: Metric,
    last: Metric,
    firings: Metric,
    claimed: Metric,
    alerts: Metric,
    notices: Metric,
}

async fn schedules(state: &State) -> Result<String, StoreError> {
    let mut control = state.setup.control.connect().await?;
    let now = state.setup.clock.now();
    let mut all = Schedules::new();
    for served in &state.setup.plans.all() {
        all.add_notices(&mut control, &served.plan.name).await?;
        all.add_jobs(&mut control, served, now).await?;
        all.add_firings(&mut control, served).await?;
    }
    let Schedules { enabled, next, last, firings, claimed, alerts, notices } = all;
    Ok([enabled, next, last, firings, claimed, alerts, notices].map(|metric| metric.text).concat())
}

impl Schedules {
    fn new() -> Schedules {
        let next = "Next time at which a job fires, in seconds since 1970.";
        let last = "Latest time for which a job was started, in seconds since 1970.";
        let firings = "Finished job executions by result.";
        Schedules {
            enabled: Metric::gauge("reseal_schedule_enabled", "Whether a scheduled job is enabled."),
            next: Metric::gauge("reseal_schedule_next_timestamp_seconds", next),
            last: Metric::gauge("reseal_schedule_last_timestamp_seconds", last),
            firings: Metric::counter("reseal_schedule_firings_total", firings),
            claimed: Metric::gauge("reseal_schedule_claimed", "Job executions in progress or waiting."),
            alerts: Metric::gauge("reseal_alerts", "Active alerts by kind."),
            notices: Metric::gauge("reseal_notices", "Notifications by delivery state."),
        }
    }

    async fn add_notices(&mut self, control: &mut ControlSession, plan: &str) -> Result<(), StoreError> {
        let letters = control.letter_counts(Some(plan)).await?;
        for (state, count) in [("waiting", letters.waiting), ("sent", letters.sent), ("dead", letters.dead)] {
            self.notices.add(&format!("{{plan=\"{plan}\",state=\"{state}\"}}"), count);
        }
        // Causes are ids of runs and the like: counted, and not labels that never end.
        let on = control.alerts(plan).await?;
        for kind in NoticeKind::ALL {
            let count = on.iter().filter(|alert| alert.kind == kind.name()).count();
            if count > 0 {
                self.alerts.add(&format!("{{plan=\"{plan}\",kind=\"{kind}\"}}"), count);
            }
        }
        Ok(())
    }

    async fn add_jobs(
        &mut self,
        control: &mut ControlSession,
        served: &Served,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let known = control.schedules(&served.plan.name).await?;
        let key_times = KeyTimes::read(control, served).await?;
        for job in &served.schedule.jobs {
            let on = is_enabled(served, &known, &job.name);
            let labels = format!("{{{}}}", labels(&served.plan.name, &job.name));
            self.enabled.add(&labels, u8::from(on));
            let slot = key_times.next(control, served, job, now).await?;
            if let Some(slot) = slot.filter(|_| on) {
                self.next.add(&labels, slot.as_second());
            }
        }
        Ok(())
    }

    async fn add_firings(&mut self, control: &mut ControlSession, served: &Served) -> Result<(), StoreError> {
        let counts = control.firing_counts(&served.plan.name).await?;
        for job in &served.schedule.jobs {
            let labels = labels(&served.plan.name, &job.name);
            let mine: Vec<_> = counts.iter().filter(|(name, ..)| *name == job.name).collect();
            let of =
                |state| mine.iter().find(|(_, of, ..)| *of == state).map_or(0, |(_, _, count, _)| *count);
            for state in [FiringState::Done, FiringState::Failed] {
                self.firings.add(&format!("{{{labels},state=\"{}\"}}", state.name()), of(state));
            }
            self.claimed.add(&format!("{{{labels}}}"), of(FiringState::Claimed));
            if let Some(slot) = mine.iter().map(|(.., slot)| *slot).max() {
                self.last.add(&format!("{{{labels}}}"), slot / 1000);
            }
        }
        Ok(())
    }
}

fn labels(plan: &str, job: &str) -> String {
    format!("plan=\"{plan}\",job=\"{job}\"")
}

/// Whether a job may fire: the plan's switch is on, and nobody paused it.
pub(crate) fn is_enabled(served: &Served, known: &[ScheduleRow], job: &str) -> bool {
    served.on && known.iter().find(|row| row.job == job).is_none_or(|row| row.paused_by.is_none())
}

/// Resident memory (proc(5), field 2 of statm), in bytes.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * rustix::param::page_size() as u64)
}
