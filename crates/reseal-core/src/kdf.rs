//! Key derivation.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384};

use crate::{Context, SecretBytes, Template, TemplateError};

/// The hash function under a derivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1, for PBKDF2 alone.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

/// How the bytes that are kept become the bytes that seal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kdf {
    /// SHA-256 of the key's bytes: 32 bytes.
    Sha256,
    /// HKDF (RFC 5869) with SHA-256 or SHA-384.
    Hkdf {
        /// SHA-256 or SHA-384.
        digest: Digest,
        /// The salt.
        salt: Template,
        /// The info.
        info: Template,
        /// Length of the derived key in bytes.
        length: usize,
    },
    /// PBKDF2 (RFC 8018 §5.2) with HMAC-SHA-1 or HMAC-SHA-256.
    Pbkdf2 {
        /// SHA-1 or SHA-256.
        digest: Digest,
        /// The salt.
        salt: Template,
        /// Iterations.
        rounds: u32,
        /// Length of the derived key in bytes.
        length: usize,
    },
    /// HMAC-SHA-256 of a message under the key's bytes: 32 bytes.
    HmacSha256 {
        /// The message.
        message: Template,
    },
}

impl Kdf {
    /// The templates of the derivation.
    #[must_use]
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Kdf::Sha256 => vec![],
            Kdf::Hkdf { salt, info, .. } => vec![salt, info],
            Kdf::Pbkdf2 { salt, .. } => vec![salt],
            Kdf::HmacSha256 { message } => vec![message],
        }
    }

    /// Length of the derived key in bytes.
    #[must_use]
    pub fn length(&self) -> usize {
        match self {
            Kdf::Sha256 | Kdf::HmacSha256 { .. } => 32,
            Kdf::Hkdf { length, .. } | Kdf::Pbkdf2 { length, .. } => *length,
        }
    }

    /// What the templates fill to: two cells with the same filling share the derived key.
    ///
    /// # Errors
    /// When a hole cannot be filled.
    pub fn filling(&self, context: &Context<'_>) -> Result<Vec<Vec<u8>>, TemplateError> {
        self.templates().into_iter().map(|template| template.fill(context)).collect()
    }

    /// Derives a key from the key's bytes and what [`Kdf::filling`] gave.
    #[must_use]
    pub fn derive(&self, material: &[u8], filling: &[Vec<u8>]) -> SecretBytes {
        let mut out = vec![0; self.length()];
        match (self, filling) {
            (Kdf::Hkdf { digest, .. }, [salt, info]) => {
                // `expand` refuses more than 255 blocks only; the plan bounds the length far below.
                let expanded = match digest {
                    Digest::Sha384 => Hkdf::<Sha384>::new(Some(salt), material).expand(info, &mut out),
                    _ => Hkdf::<Sha256>::new(Some(salt), material).expand(info, &mut out),
                };
                debug_assert!(expanded.is_ok());
            }
            (Kdf::Pbkdf2 { digest, rounds, .. }, [salt]) => match digest {
                Digest::Sha1 => pbkdf2::pbkdf2_hmac::<Sha1>(material, salt, *rounds, &mut out),
                _ => pbkdf2::pbkdf2_hmac::<Sha256>(material, salt, *rounds, &mut out),
            },
            (Kdf::HmacSha256 { .. }, [message]) => {
                let mut mac =
                    <Hmac<Sha256> as KeyInit>::new_from_slice(material).unwrap_or_else(|_| unreachable!());
                mac.update(message);
                out.copy_from_slice(&mac.finalize().into_bytes());
            }
            _ => out.copy_from_slice(&Sha256::digest(material)),
        }
        SecretBytes::new(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(kdf: &Kdf, material: &[u8]) -> String {
        let row = |_: &str| None;
        let context = Context { tenant: None, table: "t", field: "f", key: "k", row: &row };
        hex::encode(kdf.derive(material, &kdf.filling(&context).unwrap()).expose())
    }

    fn constant(text: &str) -> Template {
        Template::parse(text).unwrap()
    }

    /// RFC 5869 §A.3 (zero-length salt and info).
    #[test]
    fn hkdf_sha256_meets_rfc_5869() {
        let kdf = Kdf::Hkdf { digest: Digest::Sha256, salt: constant(""), info: constant(""), length: 42 };
        assert_eq!(
            derive(&kdf, &[0x0b; 22]),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
        );
    }

    /// RFC 6070, test vector 2.
    #[test]
    fn pbkdf2_sha1_meets_rfc_6070() {
        let kdf = Kdf::Pbkdf2 { digest: Digest::Sha1, salt: constant("salt"), rounds: 2, length: 20 };
        assert_eq!(derive(&kdf, b"password"), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
    }

    /// RFC 4231 §4.3.
    #[test]
    fn hmac_sha256_meets_rfc_4231() {
        let kdf = Kdf::HmacSha256 { message: constant("what do ya want for nothing?") };
        assert_eq!(derive(&kdf, b"Jefe"), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    /// FIPS 180-4 example "abc".
    #[test]
    fn sha256_meets_fips_180() {
        assert_eq!(
            derive(&Kdf::Sha256, b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
