//! The client.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kms::Client;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use reseal_core::{Kek, KekContext, KekError, KekFault, KekSource, KeySourceError, SecretBytes, WrappedDek};

use crate::Named;

/// How long a connection, and an answer, may take.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(10);
/// The longest ciphertext that KMS takes (API reference, parameter CiphertextBlob).
const LONGEST: usize = 6144;

#[async_trait]
impl KekSource for Named {
    /// The environment says what the plan does not: credentials by the standard chain, the region, the endpoint
    /// (`AWS_ENDPOINT_URL_KMS`, `AWS_ENDPOINT_URL`). Nothing is asked of KMS yet.
    async fn open(&self, _: Option<SecretBytes>) -> Result<Arc<dyn Kek>, KeySourceError> {
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT).operation_attempt_timeout(ANSWER).build();
        let mut config = aws_config::defaults(BehaviorVersion::latest())
            // Whoever asks knows how long to go on, and says why the run waits.
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        if let Some(region) = self.region() {
            config = config.region(Region::new(region.to_owned()));
        }
        let config = config.load().await;
        let Some(region) = config.region() else {
            return Err(KeySourceError {
                message: format!("the region of {} is not known", self.key),
                help: "set AWS_REGION, add `region:` to the key, or use its ARN".into(),
            });
        };
        let realm = format!("aws-kms {region} ");
        let identity = format!("{realm}{}", self.key);
        Ok(Arc::new(KmsKey { client: Client::new(&config), key: self.key.clone(), realm, identity }))
    }
}

/// A key of KMS.
struct KmsKey {
    client: Client,
    key: String,
    /// KMS and region, with which every identity of the realm begins: an alias is a key of its region.
    realm: String,
    identity: String,
}

#[async_trait]
impl Kek for KmsKey {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn realm(&self) -> Option<&str> {
        Some(&self.realm)
    }

    async fn generate(
        &self,
        bytes: usize,
        context: &KekContext,
    ) -> Result<Option<(SecretBytes, Vec<u8>)>, KekError> {
        let ask = self.client.generate_data_key().key_id(&self.key).number_of_bytes(bytes as i32);
        let made =
            ask.set_encryption_context(entries(context)).send().await.map_err(|error| kek_error(&error))?;
        Ok(Some((SecretBytes::new(filled(made.plaintext)?), filled(made.ciphertext_blob)?)))
    }

    async fn wrap(&self, dek: &SecretBytes, context: &KekContext) -> Result<Vec<u8>, KekError> {
        let ask = self.client.encrypt().key_id(&self.key).plaintext(Blob::new(dek.expose()));
        let done =
            ask.set_encryption_context(entries(context)).send().await.map_err(|error| kek_error(&error))?;
        filled(done.ciphertext_blob)
    }

    async fn unwrap(&self, wrapped: &[u8], context: &KekContext) -> Result<SecretBytes, KekError> {
        fits(wrapped)?;
        let ask = self.client.decrypt().key_id(&self.key).ciphertext_blob(Blob::new(wrapped));
        let done =
            ask.set_encryption_context(entries(context)).send().await.map_err(|error| kek_error(&error))?;
        is_of(&self.key, done.key_id())?;
        filled(done.plaintext).map(SecretBytes::new)
    }

    async fn rewrap(&self, old: &WrappedDek<'_>, context: &KekContext) -> Result<Vec<u8>, KekError> {
        fits(old.bytes)?;
        let ask = self.client.re_encrypt().ciphertext_blob(Blob::new(old.bytes));
        let from = old.kek.strip_prefix(self.realm.as_str()).unwrap_or(old.kek);
        let ask = ask.source_key_id(from).set_source_encryption_context(entries(old.context));
        let ask = ask.destination_key_id(&self.key).set_destination_encryption_context(entries(context));
        let done = ask.send().await.map_err(|error| kek_error(&error))?;
        is_of(from, done.source_key_id())?;
        filled(done.ciphertext_blob)
    }
}

/// Whether KMS used the key that was named, by its answer; an alias does not tell.
fn is_of(named: &str, answered: Option<&str>) -> Result<(), KekError> {
    let answered = answered.unwrap_or_default();
    let is_alias = named.contains("alias/");
    match is_alias || answered == named || answered.ends_with(&format!("/{named}")) {
        true => Ok(()),
        false => Err(KekError::new(KekFault::Invalid, "it was wrapped under another key")),
    }
}

fn entries(context: &KekContext) -> Option<HashMap<String, String>> {
    let entries = context.0.iter().map(|(name, text)| (name.clone(), text.clone()));
    (!context.0.is_empty()).then(|| entries.collect())
}

/// What no ciphertext of KMS can be is not sent there: it would be refused like a request without permission.
fn fits(wrapped: &[u8]) -> Result<(), KekError> {
    match wrapped.len() {
        1..=LONGEST => Ok(()),
        _ => Err(KekError::new(KekFault::Invalid, "a wrapped DEK cannot have this length")),
    }
}

fn filled(blob: Option<Blob>) -> Result<Vec<u8>, KekError> {
    blob.map(Blob::into_inner)
        .ok_or_else(|| KekError::new(KekFault::Unavailable, "the response of KMS contains no key"))
}

/// What KMS's answer means. It holds no secret: KMS names keys, principals and what it refused.
fn kek_error<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E, HttpResponse>) -> KekError {
    let SdkError::ServiceError(service) = error else {
        let fault = match error {
            SdkError::ConstructionFailure(_) => KekFault::Refused,
            _ => KekFault::Unavailable,
        };
        return KekError::new(fault, deepest(error));
    };
    let code = service.err().code().unwrap_or("no code");
    let fault = match code {
        "InvalidCiphertextException" | "IncorrectKeyException" => KekFault::Invalid,
        "DependencyTimeoutException" | "KMSInternalException" | "KeyUnavailableException" => {
            KekFault::Unavailable
        }
        "ThrottlingException" | "LimitExceededException" | "RequestLimitExceeded" => KekFault::Throttled,
        _ if service.raw().status().as_u16() == 429 => KekFault::Throttled,
        _ if service.raw().status().is_server_error() => KekFault::Unavailable,
        _ => KekFault::Refused,
    };
    let message: String = service.err().message().unwrap_or_default().chars().take(300).collect();
    KekError::new(fault, format!("KMS returned {code}: {message}"))
}

/// The reason at the root of an error, such as a connection that was refused.
fn deepest(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    format!("{error}: {deepest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_tells_which_key_it_was() {
        let arn = "arn:aws:kms:eu-west-1:1:key/a-1";
        for named in [arn, "a-1", "alias/app", "arn:aws:kms:eu-west-1:1:alias/app"] {
            assert!(is_of(named, Some(arn)).is_ok(), "{named}");
        }
        for named in ["arn:aws:kms:eu-west-1:1:key/b-1", "b-1", "1"] {
            assert_eq!(is_of(named, Some(arn)).unwrap_err().fault, KekFault::Invalid, "{named}");
        }
        assert!(is_of(arn, None).is_err());
    }
}
