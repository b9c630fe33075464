//! `reseal audit certificate`: a signed statement on a rotation.

use reseal_app::Caller;
use reseal_app::audit::CertificateRequest;
use serde_json::json;

use crate::args::CertificateArgs;
use crate::exit::{CLEAN, Done, Outcome};
use crate::output::number;

/// Writes the certificate to `--out` or stdout; with `--json`, the statement stands beside it.
pub(super) async fn certificate(caller: &Caller, args: &CertificateArgs) -> Outcome {
    let CertificateArgs { plan, run, key, out } = args.clone();
    let request = CertificateRequest { plan: plan.path()?, run, key, out };
    let certificate = reseal_app::audit::certificate(caller, &request).await?;
    let (envelope, public) = (certificate.envelope.json(), certificate.envelope.key);
    let mut document = json!({
        "statement": certificate.statement,
        "envelope": envelope,
        "public_key": public.to_string(),
        "sha256": certificate.sha256,
        "event": certificate.recorded.sequence,
    });
    let Some(path) = &args.out else {
        return Ok(Done::json_lines(CLEAN, document, format!("{envelope}\n")));
    };
    let shown = path.display().to_string();
    let event = number(certificate.recorded.sequence);
    let text = format!(
        "the certificate is in {shown}; verify it with this public key:\n{public}\nevent {event} of the audit trail has its SHA-256:\n{}",
        certificate.sha256
    );
    document["file"] = shown.into();
    Ok(Done::new(CLEAN, document, text))
}
