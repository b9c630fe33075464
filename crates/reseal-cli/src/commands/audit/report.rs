//! `reseal audit report`: what the trail shows of a time, for those who audit.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use reseal_app::Failure;
use reseal_app::audit::ReportRequest;

use crate::args::ReportArgs;
use crate::exit::{CLEAN, Done, Outcome, REMAIN};

/// Writes the report: a page to `--out` or stdout; with `--json` the document goes to stdout.
pub(super) async fn report(args: &ReportArgs) -> Outcome {
    let range = moment(&args.from, "from", false)?..moment(&args.to, "to", true)?;
    if range.is_empty() {
        return Err(Failure::usage(
            "audit-range",
            "`--to` is earlier than `--from`",
            "pass the earlier day as `--from`",
        ));
    }
    let (plans, out, archives) = (args.plans.paths()?, args.out.clone(), args.archives.clone());
    let request = ReportRequest { plans, standard: args.standard.into(), range, out, archives };
    let report = reseal_app::audit::report(&request).await?;
    // A report about a broken trail is written all the same, and says so at its head.
    let code = if report.fault.is_some() { REMAIN } else { CLEAN };
    let mut document = report.document;
    let Some(path) = &args.out else { return Ok(Done::new(code, document, report.page)) };
    let shown = path.display();
    document["report"] = shown.to_string().into();
    let text = match &report.fault {
        None => format!("the report is in {shown}"),
        Some(fault) => format!("the report is in {shown}, but the trail is broken: {}", fault.message),
    };
    Ok(Done::new(code, document, text))
}

/// A day in UTC, or a moment; the end of a range is the end of its day.
pub(super) fn moment(text: &str, name: &str, end: bool) -> Result<i64, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    let bad = || {
        Failure::usage(
            "audit-range",
            format!("`--{name} {text}` is not a day or time"),
            "pass a value such as 2026-01-31 or 2026-01-31T06:00:00Z",
        )
    };
    let day: Date = text.parse().map_err(|_| bad())?;
    let day = if end { day.checked_add(1.day()).map_err(|_| bad())? } else { day };
    let start = day.to_zoned(TimeZone::UTC).map_err(|_| bad())?;
    Ok(start.timestamp().as_millisecond())
}
