//! `reseal audit archive`: moving events before a time to a file.

use reseal_app::Caller;
use reseal_app::audit::ArchiveRequest;
use serde_json::json;

use super::report::moment;
use crate::args::ArchiveArgs;
use crate::exit::{CLEAN, Done, Outcome};
use crate::output::number;

/// Moves events before a time to a file.
pub(super) async fn archive(caller: &Caller, args: &ArchiveArgs) -> Outcome {
    let before = moment(&args.before, "before", false)?;
    let request = ArchiveRequest { before, out: args.out.clone(), key: args.key.clone() };
    let archived = reseal_app::audit::archive(caller, &request).await?;
    let shown = args.out.display().to_string();
    let (events, key) = (archived.events, archived.key.map(|key| key.to_string()));
    let document = json!({
        "file": key.is_some().then_some(&shown),
        "events": events,
        "kept": archived.kept,
        "through": archived.at.sequence,
        "head": archived.at.head.to_string(),
        "signed_by": key,
    });
    let text = match key {
        None => "no event is older than `--before`: nothing was archived and no file was written".to_owned(),
        Some(key) => format!(
            "{shown} holds {} events, up to event {}; the control database still holds {} of them\n  signed by {key}",
            number(events as u64),
            number(archived.at.sequence),
            number(archived.kept),
        ),
    };
    Ok(Done::new(CLEAN, document, text))
}
