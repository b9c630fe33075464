//! KEKs in AWS KMS.
//!
//! A DEK is wrapped by KMS itself (`GenerateDataKey`, `Encrypt`) and unwrapped by it (`Decrypt`), and it moves from one
//! key to another inside KMS (`ReEncrypt`), so that nobody sees it. What a plan may say is checked in every build; the
//! client is in those with the cargo feature `aws-kms`.

#[cfg(feature = "aws-kms")]
mod kms;

use reseal_core::{KekPlugin, KekSource, OptionError, OptionKind, OptionSpec, SourceArgs};

/// The plugin.
pub const PLUGIN: KekPlugin = KekPlugin {
    name: "aws-kms",
    summary: "A symmetric key of AWS KMS.",
    options: &[
        OptionSpec {
            name: "key",
            kind: OptionKind::Text,
            doc: "ARN, ID or alias of the key.",
            required: true,
        },
        OptionSpec {
            name: "region",
            kind: OptionKind::Text,
            doc: "Region of the key, if neither the ARN nor the environment contains it.",
            required: false,
        },
    ],
    feature: Some("aws-kms"),
    available: cfg!(feature = "aws-kms"),
    build,
};

fn build(args: &SourceArgs) -> Result<Box<dyn KekSource>, OptionError> {
    let option = |name: &str| args.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let named = Named {
        key: option("key").unwrap_or_default().to_owned(),
        region: option("region").map(str::to_owned),
    };
    // KMS takes ids of up to 2048 characters (API reference, parameter KeyId).
    let fits = |text: &str| !text.is_empty() && text.len() <= 2048 && !text.contains(char::is_whitespace);
    if !fits(&named.key) {
        return Err(OptionError {
            option: Some("key"),
            message: "a KMS key must be an ARN, an ID or an alias".into(),
            help: Some("for example arn:aws:kms:eu-west-1:123456789012:key/…, or alias/app".into()),
        });
    }
    Ok(Box::new(named))
}

/// A key as the plan names it.
#[cfg_attr(not(feature = "aws-kms"), allow(dead_code, reason = "there is no client to hand it to"))]
struct Named {
    key: String,
    region: Option<String>,
}

impl Named {
    /// The region: said, or part of the ARN (`arn:aws:kms:REGION:ACCOUNT:key/ID`).
    #[cfg_attr(not(feature = "aws-kms"), allow(dead_code, reason = "as above"))]
    fn region(&self) -> Option<&str> {
        let of_arn = || self.key.strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty());
        self.region.as_deref().or_else(of_arn)
    }
}

#[cfg(not(feature = "aws-kms"))]
#[async_trait::async_trait]
impl KekSource for Named {
    async fn open(
        &self,
        _: Option<reseal_core::SecretBytes>,
    ) -> Result<std::sync::Arc<dyn reseal_core::Kek>, reseal_core::KeySourceError> {
        Err(reseal_core::KeySourceError {
            message: "this build does not support aws-kms".into(),
            help: "build Reseal with aws-kms: `cargo build --release --features aws-kms`".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(words: &[&str]) -> Result<Box<dyn KekSource>, OptionError> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        (PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() })
    }

    #[test]
    fn a_key_has_to_be_named() {
        assert!(named(&["key=alias/app", "region=eu-west-1"]).is_ok());
        for words in [&[][..], &["key="], &["key=a b"], &["region=eu-west-1"]] {
            assert_eq!(named(words).err().and_then(|error| error.option), Some("key"), "{words:?}");
        }
    }

    #[test]
    fn an_arn_says_its_region() {
        let region = |key: &str, region: Option<&str>| {
            let named = Named { key: key.into(), region: region.map(str::to_owned) };
            named.region().map(str::to_owned)
        };
        let arn = "arn:aws:kms:eu-central-1:123456789012:key/1";
        assert_eq!(region(arn, None).as_deref(), Some("eu-central-1"));
        assert_eq!(region(arn, Some("us-east-1")).as_deref(), Some("us-east-1"));
        assert_eq!(region("alias/app", None), None);
    }
}
