//! Progress on a terminal, plain lines without one.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reseal_engine::{Phase, Progress};
use tokio::task::JoinHandle;

use crate::output::{duration, logs_json, note, number, plain};

/// How often a terminal is redrawn.
const REDRAW: Duration = Duration::from_millis(200);
/// How often a line is written where there is no terminal.
const LINE: Duration = Duration::from_secs(10);

/// Shows progress on stderr until dropped.
pub(crate) struct View {
    task: JoinHandle<()>,
    bar: Option<ProgressBar>,
}

impl View {
    pub(crate) fn start(progress: &Arc<Progress>) -> View {
        let progress = progress.clone();
        if !std::io::stderr().is_terminal() || logs_json() {
            let task = tokio::spawn(async move { lines(&progress).await });
            return View { task, bar: None };
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let drawn = bar.clone();
        let task = tokio::spawn(async move { draw(&progress, &drawn).await });
        View { task, bar: Some(bar) }
    }
}

impl Drop for View {
    fn drop(&mut self) {
        self.task.abort();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Rate and time left of the phase that is under way.
struct Pace {
    phase: Phase,
    begun: Instant,
    first: u64,
}

impl Pace {
    fn new(progress: &Progress) -> Self {
        Pace { phase: progress.phase(), begun: Instant::now(), first: progress.rows().0 }
    }

    fn text(&mut self, progress: &Progress) -> String {
        if progress.phase() != self.phase {
            *self = Pace::new(progress);
        }
        let (done, total) = progress.rows();
        // A rollback goes by the cells that were kept.
        let unit = if self.phase == Phase::Rollback { "cells" } else { "rows" };
        let mut text = match progress.waiting() {
            Some(why) => format!("waiting: {}", plain(&why)),
            None => self.phase.name().to_owned(),
        };
        if total > 0 {
            text += &format!("  {} / {} {unit}", number(done.min(total)), number(total));
        }
        let rate = (done - self.first.min(done)) as f64 / self.begun.elapsed().as_secs_f64().max(0.001);
        let mut left = 0.0;
        if rate >= 1.0 && done < total {
            left = (total - done) as f64 / rate;
            text += &format!("  {}/s  {} left", number(rate as u64), duration(left));
        }
        if let Some(deadline) = progress.deadline() {
            text += &format!("  {}", to_deadline(deadline - jiff::Timestamp::now().as_millisecond(), left));
        }
        text
    }
}

/// A deadline that is this near is warned of.
const NEAR: f64 = 3600.0;

/// How far off the deadline of an emergency run is, with a warning where it is near or will be missed.
fn to_deadline(left_ms: i64, work_left: f64) -> String {
    match left_ms as f64 / 1000.0 {
        ..=0.0 => "WARNING: the deadline has passed".to_owned(),
        left if left < work_left => {
            format!("WARNING: deadline in {}, missed at this rate", duration(left))
        }
        left if left < NEAR => format!("WARNING: deadline in {}", duration(left)),
        left => format!("deadline in {}", duration(left)),
    }
}

async fn draw(progress: &Progress, bar: &ProgressBar) {
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let mut pace = Pace::new(progress);
    loop {
        // One change, one drawing: of several within a moment only the first is drawn, beside what the others were before.
        bar.set_message(format!("{} {}", drawn(progress), pace.text(progress)));
        tokio::time::sleep(REDRAW).await;
    }
}

/// The share that is done, in a width that leaves room for the text on a terminal of 80 columns.
fn drawn(progress: &Progress) -> String {
    const WIDTH: usize = 10;
    let (done, total) = progress.rows();
    let filled = match total {
        0 => 0,
        total => usize::try_from(done.min(total) * WIDTH as u64 / total).unwrap_or(WIDTH),
    };
    format!("[{:<WIDTH$}]", "=".repeat(filled))
}

async fn lines(progress: &Progress) {
    let mut pace = Pace::new(progress);
    loop {
        tokio::time::sleep(LINE).await;
        note(&pace.text(progress));
    }
}
