//! A KEK for development: AES-GCM under a key that Reseal reads, as it stands in for a KMS on a developer's machine.
//!
//! A wrapped DEK is a nonce of 12 bytes, the sealed DEK, and a tag of 16 bytes; the encryption context is its additional
//! data, written as [`KekContext::bytes`] says.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use reseal_core::{
    Kek, KekContext, KekError, KekFault, KekPlugin, KekSource, KeySourceError, OptionError, OptionKind,
    OptionSpec, SecretBytes, SourceArgs,
};
use sha2::{Digest, Sha256};

/// The plugin.
pub const PLUGIN: KekPlugin = KekPlugin {
    name: "local",
    summary: "A KEK for development: AES-GCM with a key that Reseal reads.",
    options: &[OptionSpec {
        name: "key",
        kind: OptionKind::Source,
        doc: "Source of the KEK's 16 or 32 bytes.",
        required: true,
    }],
    feature: None,
    available: true,
    build,
};

const NONCE_BYTES: usize = 12;

fn build(_: &SourceArgs) -> Result<Box<dyn KekSource>, OptionError> {
    Ok(Box::new(Local))
}

struct Local;

#[async_trait]
impl KekSource for Local {
    async fn open(&self, secret: Option<SecretBytes>) -> Result<Arc<dyn Kek>, KeySourceError> {
        let key = secret.as_ref().map_or(&[][..], SecretBytes::expose);
        let algorithm = if key.len() == 16 { &AES_128_GCM } else { &AES_256_GCM };
        let cipher = UnboundKey::new(algorithm, key).map_err(|_| KeySourceError {
            message: format!("a local KEK must have 16 or 32 bytes; this one has {} bytes", key.len()),
            help: "check its `encoding`".into(),
        })?;
        // A digest, not the key: caches and pins tell KEKs apart by it.
        let identity =
            hex::encode(Sha256::new().chain_update(b"reseal local kek").chain_update(key).finalize());
        let is_guessable = reseal_core::is_guessable(key);
        Ok(Arc::new(LocalKek { cipher: LessSafeKey::new(cipher), identity, is_guessable }))
    }
}

struct LocalKek {
    cipher: LessSafeKey,
    identity: String,
    is_guessable: bool,
}

#[async_trait]
impl Kek for LocalKek {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn is_guessable(&self) -> bool {
        self.is_guessable
    }

    fn nonce_bytes(&self) -> usize {
        NONCE_BYTES
    }

    async fn wrap(&self, dek: &SecretBytes, context: &KekContext) -> Result<Vec<u8>, KekError> {
        let mut nonce = [0; NONCE_BYTES];
        let failed = |what: &str| KekError::new(KekFault::Unavailable, what);
        aws_lc_rs::rand::fill(&mut nonce)
            .map_err(|_| failed("the operating system returned no random bytes"))?;
        let mut sealed = dek.expose().to_vec();
        let aad = Aad::from(context.bytes());
        self.cipher
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| failed("the DEK is too long to wrap"))?;
        Ok([&nonce[..], &sealed].concat())
    }

    async fn unwrap(&self, wrapped: &[u8], context: &KekContext) -> Result<SecretBytes, KekError> {
        let invalid = || KekError::new(KekFault::Invalid, "not wrapped under this KEK, or damaged");
        let (nonce, sealed) = wrapped.split_at_checked(NONCE_BYTES).ok_or_else(invalid)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| invalid())?;
        let mut dek = sealed.to_vec();
        let aad = Aad::from(context.bytes());
        let length = self.cipher.open_in_place(nonce, aad, &mut dek).map_err(|_| invalid())?.len();
        dek.truncate(length);
        Ok(SecretBytes::new(dek))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn kek_of(bytes: Vec<u8>) -> Arc<dyn Kek> {
        let source = (PLUGIN.build)(&SourceArgs::default()).unwrap();
        source.open(Some(SecretBytes::new(bytes))).await.unwrap()
    }

    async fn kek(byte: u8, bytes: usize) -> Arc<dyn Kek> {
        kek_of(vec![byte; bytes]).await
    }

    fn context(text: &str) -> KekContext {
        KekContext([("tenant".to_owned(), text.to_owned())].into())
    }

    #[tokio::test]
    async fn what_is_wrapped_unwraps_under_the_same_key_and_context_alone() {
        for bytes in [16, 32] {
            let (one, two) = (kek(1, bytes).await, kek(2, bytes).await);
            assert_ne!(one.identity(), two.identity());
            let dek = SecretBytes::new(vec![7; 32]);
            let wrapped = one.wrap(&dek, &context("a")).await.unwrap();
            assert_eq!(wrapped.len(), one.nonce_bytes() + 32 + 16);
            assert_eq!(one.unwrap(&wrapped, &context("a")).await.unwrap().expose(), dek.expose());
            let mut damaged = wrapped.clone();
            damaged[20] ^= 1;
            let tried = [
                (&two, &wrapped, context("a")),
                (&one, &wrapped, context("b")),
                (&one, &wrapped, KekContext::default()),
                (&one, &damaged, context("a")),
                (&one, &wrapped[..5].to_vec(), context("a")),
            ];
            for (kek, wrapped, context) in tried {
                assert_eq!(kek.unwrap(wrapped, &context).await.unwrap_err().fault, KekFault::Invalid);
            }
        }
    }

    /// Watches what a fingerprint of the digest that tells KEKs apart must be made by.
    #[tokio::test]
    async fn a_kek_that_may_have_been_typed_is_guessable() {
        let drawn: Vec<u8> = (0..32u32).map(|n| (n.wrapping_mul(0x9e37_79b1) >> 13) as u8).collect();
        assert!(!kek_of(drawn).await.is_guessable());
        let typed = kek_of(b"correct horse battery staple, 32".to_vec()).await;
        assert!(typed.is_guessable());
        assert!(reseal_core::Key::of_kek("k1", typed).is_guessable(), "its fingerprint would be a fast hash");
    }

    #[tokio::test]
    async fn other_lengths_are_refused() {
        for bytes in [0, 15, 24, 33] {
            let source = (PLUGIN.build)(&SourceArgs::default()).unwrap();
            let opened = source.open(Some(SecretBytes::new(vec![1; bytes]))).await;
            assert!(opened.is_err_and(|error| error.message.contains(&bytes.to_string())));
        }
    }
}
