//! KEKs in a PKCS#11 token: a hardware security module, a smart card, SoftHSM2.
//!
//! The KEK is not extractable: the token wraps and unwraps. What a plan may say is checked in every build; the client is
//! in those with the cargo feature `pkcs11`.

#[cfg(feature = "pkcs11")]
mod token;

use reseal_core::{KekPlugin, KekSource, OptionError, OptionKind, OptionSpec, SourceArgs};

/// The plugin.
pub const PLUGIN: KekPlugin = KekPlugin {
    name: "pkcs11",
    summary: "An AES key in a PKCS#11 token.",
    options: &[
        OptionSpec {
            name: "module",
            kind: OptionKind::Path,
            doc: "Path of the PKCS#11 library.",
            required: true,
        },
        OptionSpec { name: "token", kind: OptionKind::Text, doc: "Label of the token.", required: true },
        OptionSpec { name: "key", kind: OptionKind::Text, doc: "Label of the key.", required: true },
        OptionSpec {
            name: "pin",
            kind: OptionKind::Source,
            doc: "Source of the user's PIN.",
            required: true,
        },
        OptionSpec {
            name: "wrap",
            kind: OptionKind::OneOf(&["aes-gcm", "aes-key-wrap"]),
            doc: "How a DEK is wrapped (default: aes-gcm). AES key wrap does not bind the encryption context.",
            required: false,
        },
    ],
    feature: Some("pkcs11"),
    available: cfg!(feature = "pkcs11"),
    build,
};

fn build(args: &SourceArgs) -> Result<Box<dyn KekSource>, OptionError> {
    let option = |name: &'static str| {
        let text = args.words.iter().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        text.filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| OptionError {
            option: Some(name),
            message: format!("`pkcs11` requires `{name}`"),
            help: Some(
                "for example pkcs11: { module: /usr/lib/softhsm/libsofthsm2.so, token: …, key: …, pin: { env: … } }"
                    .into(),
            ),
        })
    };
    let wrap = match option("wrap").as_deref() {
        Ok("aes-key-wrap") => Wrap::AesKeyWrap,
        _ => Wrap::AesGcm,
    };
    Ok(Box::new(Named { module: option("module")?, token: option("token")?, key: option("key")?, wrap }))
}

/// A key as the plan names it.
#[derive(Clone)]
#[cfg_attr(not(feature = "pkcs11"), allow(dead_code, reason = "there is no client to hand it to"))]
struct Named {
    module: String,
    token: String,
    key: String,
    wrap: Wrap,
}

/// How a DEK is wrapped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrap {
    /// `CKM_AES_GCM`: a nonce of 12 bytes, the sealed DEK, a tag of 16 bytes.
    AesGcm,
    /// `CKM_AES_KEY_WRAP` (RFC 3394).
    AesKeyWrap,
}

#[cfg(not(feature = "pkcs11"))]
#[async_trait::async_trait]
impl KekSource for Named {
    async fn open(
        &self,
        _: Option<reseal_core::SecretBytes>,
    ) -> Result<std::sync::Arc<dyn reseal_core::Kek>, reseal_core::KeySourceError> {
        Err(reseal_core::KeySourceError {
            message: "this build does not support pkcs11".into(),
            help: "build Reseal with pkcs11: `cargo build --release --features pkcs11`".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_token_and_key_have_to_be_named() {
        let words = ["module=/m.so", "token=t", "key=k", "wrap=aes-key-wrap"];
        let build = |words: Vec<&str>| {
            let words = words.into_iter().map(str::to_owned).collect();
            (PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() })
        };
        assert!(build(words.to_vec()).is_ok());
        for (at, name) in ["module", "token", "key"].into_iter().enumerate() {
            let mut words = words.to_vec();
            words.remove(at);
            assert_eq!(build(words).err().and_then(|error| error.option), Some(name));
        }
    }
}
