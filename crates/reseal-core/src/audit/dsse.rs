//! DSSE envelopes: a payload, what kind of payload it is, and an Ed25519 signature over both.
//!
//! What is signed follows the [DSSE protocol 1.0.0](https://github.com/secure-systems-lab/dsse/blob/master/protocol.md),
//! the JSON follows the [DSSE envelope](https://github.com/secure-systems-lab/dsse/blob/master/envelope.md).

use base64_simd::STANDARD;
use serde_json::{Value as Json, json};

use super::{PublicKey, Signer};

/// A signed payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// What kind of payload it is: a media type or a URI.
    pub payload_type: String,
    /// The payload.
    pub payload: Vec<u8>,
    /// The key that signed.
    pub key: PublicKey,
    /// The signature over [`pae`] of type and payload.
    pub signature: Vec<u8>,
}

impl Envelope {
    /// Signs a payload together with its type.
    #[must_use]
    pub fn sign(payload_type: &str, payload: Vec<u8>, signer: &Signer) -> Envelope {
        let signature = signer.signature(&pae(payload_type, &payload));
        Envelope { payload_type: payload_type.to_owned(), payload, key: signer.public(), signature }
    }

    /// The envelope as JSON. `keyid` is the public key: DSSE calls it a hint, and verifiers must not trust it.
    #[must_use]
    pub fn json(&self) -> Json {
        json!({
            "payload": STANDARD.encode_to_string(&self.payload),
            "payloadType": self.payload_type,
            "signatures": [{
                "keyid": self.key.to_string(),
                "sig": STANDARD.encode_to_string(&self.signature),
            }],
        })
    }
}

/// The bytes that a signature covers, the pre-authentication encoding of DSSE: no part can run over into the next.
#[must_use]
pub fn pae(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), body.len()).into_bytes();
    out.extend_from_slice(body);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SecretBytes;

    /// The example of the DSSE protocol.
    #[test]
    fn the_bytes_that_are_signed_are_those_of_the_specification() {
        let signed = pae("http://example.com/HelloWorld", b"hello world");
        assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
    }

    /// RFC 8032 signatures have no randomness, so the whole envelope is known. Its signature was made with Python's
    /// `cryptography`.
    #[test]
    fn an_envelope_is_signed_over_type_and_payload() {
        let signer = Signer::parse(&SecretBytes::new(b"07".repeat(32))).unwrap();
        let envelope = Envelope::sign("http://example.com/HelloWorld", b"hello world".to_vec(), &signer);
        let expected = json!({
            "payload": "aGVsbG8gd29ybGQ=",
            "payloadType": "http://example.com/HelloWorld",
            "signatures": [{
                "keyid": "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c",
                "sig": "x8C42/OkU4z37LDC5pamTcQZTQfPyTXZ3TA7/ZdCmyoiJJmF0LSYTZNSyG/fVxKWqjpw4Jevlqk8rCoETixLDA==",
            }],
        });
        assert_eq!(envelope.json(), expected);
    }
}
