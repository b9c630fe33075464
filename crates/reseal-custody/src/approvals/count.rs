//! Counting agreements: signatures are held against public keys, and each person counts once.

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_control::{ApprovalRequest, ControlSession};

use super::keys::Approver;
use super::statement;
use crate::error::CustodyError;

/// Those whose agreement counts, and why that of others does not. One key counts once, whatever names it goes by, and
/// where two are needed nobody agrees to what he asked for himself, by no name that his key goes by.
pub(super) async fn count(
    control: &mut ControlSession,
    request: &ApprovalRequest,
    known: &[Approver],
    needed: u32,
    operator: &str,
) -> Result<(Vec<Approver>, Vec<String>), CustodyError> {
    let statement = statement(request);
    let asked_by = request.asked_by();
    let claims = asked_by.as_ref().and_then(|who| who.claims.as_deref());
    let name = asked_by.as_ref().map_or(request.operator.as_str(), |who| &who.name);
    let asked = |approver: &&Approver| [Some(name), claims, Some(operator)].contains(&Some(&approver.name));
    let own_keys: Vec<&[u8]> = known.iter().filter(asked).map(|own| own.public_key.as_slice()).collect();
    let (mut valid, mut not_counted): (Vec<Approver>, Vec<String>) = Default::default();
    for approval in control.approvals(&request.id).await? {
        let name = &approval.approver;
        let Some(approver) = known.iter().find(|approver| approver.name == *name) else {
            not_counted.push(format!("{name} is not an approver"));
            continue;
        };
        let signature = STANDARD.decode(&approval.signature).unwrap_or_default();
        let key = UnparsedPublicKey::new(&ED25519, &approver.public_key);
        if key.verify(&statement, &signature).is_err() {
            not_counted
                .push(format!("the signature of {name} is for another request or was made with another key"));
        } else if valid.iter().any(|other| other.public_key == approver.public_key) {
            not_counted.push(format!("{name} uses the key of another approver"));
        } else if needed >= 2 && own_keys.contains(&approver.public_key.as_slice()) {
            not_counted.push(format!("{name} made the request"));
        } else {
            valid.push(approver.clone());
        }
    }
    Ok((valid, not_counted))
}
