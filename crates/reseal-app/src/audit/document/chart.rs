//! Charts as inline SVG: no script, no font, no colour that a black-and-white printer loses.

use std::fmt::Write as _;
use std::ops::Range;

use minijinja::HtmlEscape;

use super::DAY_MS;
use super::history::{Key, Run};
use super::text::{date, thousands};

const WIDTH: f64 = 720.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 12.0;

/// Dashes that tell lines apart without colour.
const DASHES: [&str; 5] = ["", "7 3", "2 3", "9 3 2 3", "1 5"];

/// The age of each key over time, against the limit. Empty where no key's age is known.
pub(super) fn key_ages(keys: &[&Key], range: Range<i64>, limit_days: Option<u64>) -> String {
    let lines: Vec<Line> = keys.iter().filter_map(|key| Line::of(key, &range)).collect();
    if lines.is_empty() || range.is_empty() {
        return String::new();
    }
    let oldest = lines.iter().map(|line| line.age(line.to)).fold(1.0, f64::max);
    let most = oldest.max(limit_days.unwrap_or(0) as f64);
    let step = step(most);
    let axes = Axes { range, top: (most / step).ceil() * step };
    let mut svg = opening(HEIGHT, "Age of keys in days over time");
    svg += &axes.grid(step);
    svg += &axes.dates();
    if let Some(limit) = limit_days {
        let at = axes.y(limit as f64);
        let _ = write!(
            svg,
            r#"<line class="limit" x1="{LEFT}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}"/><text class="end limit" x="{:.1}" y="{:.1}">limit {limit} d</text>"#,
            WIDTH - RIGHT,
            WIDTH - RIGHT,
            at - 5.0
        );
    }
    for (at, line) in lines.iter().enumerate() {
        svg += &axes.line(line, DASHES[at % DASHES.len()]);
    }
    svg + "</svg>"
}

const HEIGHT: f64 = 210.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 26.0;

fn days(ms: i64) -> f64 {
    ms as f64 / DAY_MS as f64
}

/// A key, and the time for which its age is drawn.
struct Line<'a> {
    key: &'a Key,
    from: i64,
    to: i64,
}

impl Line<'_> {
    fn of<'a>(key: &'a Key, range: &Range<i64>) -> Option<Line<'a>> {
        let from = key.since?.max(range.start);
        let to = key.replaced.unwrap_or(range.end).min(range.end);
        (from < to).then_some(Line { key, from, to })
    }

    /// The key's age at a time, in days.
    fn age(&self, at: i64) -> f64 {
        days(at - self.key.since.unwrap_or(at))
    }
}

/// Where times and ages lie on the page.
struct Axes {
    range: Range<i64>,
    /// The age at the upper edge, in days.
    top: f64,
}

impl Axes {
    fn x(&self, at: i64) -> f64 {
        let Range { start, end } = self.range;
        LEFT + (WIDTH - LEFT - RIGHT) * days(at - start) / days(end - start)
    }

    fn y(&self, age: f64) -> f64 {
        TOP + (HEIGHT - TOP - BOTTOM) * (1.0 - age / self.top)
    }

    /// Lines across the page, `step` days apart.
    fn grid(&self, step: f64) -> String {
        let (mut svg, mut mark) = (String::new(), 0.0);
        while mark <= self.top {
            let at = self.y(mark);
            let _ = write!(
                svg,
                r#"<line class="grid" x1="{LEFT}" y1="{at:.1}" x2="{:.1}" y2="{at:.1}"/><text class="end" x="{:.1}" y="{:.1}">{mark:.0} d</text>"#,
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0
            );
            mark += step;
        }
        svg
    }

    /// Dates along the lower edge.
    fn dates(&self) -> String {
        let mut svg = String::new();
        for part in 0..=4 {
            let at = self.range.start + (self.range.end - self.range.start) / 4 * part;
            let anchor = ["start", "mid", "mid", "mid", "end"][part as usize];
            let (x, y) = (self.x(at), HEIGHT - 8.0);
            let _ = write!(svg, r#"<text class="{anchor}" x="{x:.1}" y="{y}">{}</text>"#, date(at));
        }
        svg
    }

    /// A key's line, with a dot and its name where it ends.
    fn line(&self, line: &Line, dashes: &str) -> String {
        let (x1, y1) = (self.x(line.from), self.y(line.age(line.from)));
        let (x2, y2) = (self.x(line.to), self.y(line.age(line.to)));
        // A name on the right would leave the page.
        let (anchor, x, y) = match x2 > WIDTH - 120.0 {
            true => ("end", x2 - 4.0, y2 - 8.0),
            false => ("start", x2 + 7.0, y2 + 4.0),
        };
        let name = format!("{} {}", line.key.keyset, line.key.key);
        format!(
            r#"<line class="key" stroke-dasharray="{dashes}" x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}"/><circle class="dot" cx="{x2:.1}" cy="{y2:.1}" r="3"/><text class="{anchor}" x="{x:.1}" y="{y:.1}">{}</text>"#,
            HtmlEscape(&name)
        )
    }
}

/// Round numbers of days between the lines of the grid.
fn step(days: f64) -> f64 {
    let steps = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 90.0, 180.0, 365.0, 730.0, 1825.0];
    steps.into_iter().find(|step| days / step <= 6.0).unwrap_or(3650.0)
}

/// Where the cells of each run were before and after it.
pub(super) fn cells(runs: &[&Run]) -> String {
    const ROW: f64 = 46.0;
    let shown: Vec<&&Run> = runs.iter().filter(|run| total(run) > 0).collect();
    if shown.is_empty() {
        return String::new();
    }
    let most = shown.iter().map(|run| total(run)).max().unwrap_or(1) as f64;
    let bar = LEFT + 74.0;
    let scale = (WIDTH - bar - RIGHT - 64.0) / most;
    let mut svg = opening(ROW * shown.len() as f64 + 8.0, "Cells by key before and after each run");
    for (at, run) in shown.iter().enumerate() {
        let y = 6.0 + ROW * at as f64;
        let _ = write!(svg, r#"<text class="start" x="0" y="{:.1}">{}</text>"#, y + 20.0, date(run.began));
        let left = run.cells_old + run.cells_quarantined;
        let before = [("old", run.cells_rotated + left), ("new", run.cells_current)];
        let after = [
            ("new", run.cells_current + run.cells_rotated),
            ("old", run.cells_old),
            ("bad", run.cells_quarantined),
        ];
        for (line, (word, parts)) in [("before", &before[..]), ("after", &after[..])].into_iter().enumerate()
        {
            let y = y + 18.0 * line as f64;
            let _ =
                write!(svg, r#"<text class="end" x="{:.1}" y="{:.1}">{word}</text>"#, bar - 6.0, y + 11.0);
            let mut x = bar;
            for (class, cells) in parts.iter().filter(|(_, cells)| *cells > 0) {
                // A few cells among millions are drawn too: they are what the chart is about.
                let width = (*cells as f64 * scale).max(2.0);
                let _ = write!(
                    svg,
                    r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="14"/>"#
                );
                x += width;
            }
            if line == 1 {
                let _ = write!(
                    svg,
                    r#"<text class="start" x="{:.1}" y="{:.1}">{}</text>"#,
                    x + 6.0,
                    y + 11.0,
                    thousands(total(run).unsigned_abs())
                );
            }
        }
    }
    svg + "</svg>"
}

fn total(run: &Run) -> i64 {
    run.cells_rotated + run.cells_current + run.cells_old + run.cells_quarantined
}

fn opening(height: f64, title: &str) -> String {
    format!(
        r#"<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}" xmlns="http://www.w3.org/2000/svg">"#
    )
}
