//! `reseal keys generate`.

use reseal_app::keys::{GenerateRequest, GeneratedKey, KeyDestination};
use reseal_app::{Caller, Failure};
use serde_json::json;

use crate::args::GenerateArgs;
use crate::exit::{CLEAN, Done, Outcome};

/// Makes a key as the command line or the plan wants it.
pub(super) async fn generate(caller: &Caller, args: &GenerateArgs) -> Outcome {
    let request = GenerateRequest {
        plan: args.plan.clone(),
        keyset: args.keyset.clone(),
        id: args.id.clone(),
        bytes: args.bytes.map(usize::from),
        encoding: args.encoding.map(Into::into),
        to: destination(args)?,
    };
    Ok(match reseal_app::keys::generate(caller, &request).await? {
        GeneratedKey::File { file, bytes } => {
            let shown = file.display();
            let text = format!("{shown} holds a new key of {bytes} bytes; back it up before you use it");
            Done::new(CLEAN, json!({ "file": shown.to_string(), "bytes": bytes }), text)
        }
        GeneratedKey::Text { key, bytes } => {
            Done::new(CLEAN, json!({ "key": key.as_str(), "bytes": bytes }), key.as_str())
        }
    })
}

fn destination(args: &GenerateArgs) -> Result<KeyDestination, Failure> {
    match (&args.file, &args.age) {
        (Some(file), Some(recipient)) => {
            Ok(KeyDestination::AgeFile { file: file.clone(), recipient: recipient.clone() })
        }
        (Some(file), None) => Ok(KeyDestination::File(file.clone())),
        (None, _) if args.stdout => Ok(KeyDestination::Caller),
        (None, _) => Err(Failure::usage(
            "usage",
            "the destination of the key is missing",
            "pass `--file PATH` or `--stdout`",
        )),
    }
}
