//! Secrets in environment variables.

use std::ffi::OsString;

use async_trait::async_trait;
use reseal_core::{
    KeySource, KeySourceError, KeySourcePlugin, Material, OptionError, PathWords, SecretBytes, SourceArgs,
    is_variable_name, looks_like_key,
};

/// The plugin.
pub const PLUGIN: KeySourcePlugin = KeySourcePlugin {
    name: "env",
    summary: "The value of an environment variable.",
    paths: PathWords::None,
    build,
};

fn build(args: &SourceArgs) -> Result<Box<dyn KeySource>, OptionError> {
    match args.words.as_slice() {
        [name] if is_variable_name(name) && !looks_like_key(name) => Ok(Box::new(Variable(name.clone()))),
        _ => Err(OptionError {
            option: None,
            message: "`env` requires the name of one variable".into(),
            help: Some("for example { env: ENCRYPTION_KEY }".into()),
        }),
    }
}

/// The name as a message may show it. Whoever writes the secret where its variable belongs mostly writes small letters.
fn shown(name: &str) -> &str {
    let is_usual = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    if is_usual { name } else { "*** named in the plan (not shown, because it may be the secret itself)" }
}

struct Variable(String);

#[async_trait]
impl KeySource for Variable {
    async fn read(&self) -> Result<Material, KeySourceError> {
        material(&self.0, std::env::var_os(&self.0))
    }
}

fn material(name: &str, value: Option<OsString>) -> Result<Material, KeySourceError> {
    let name = shown(name);
    let wrong = |message| {
        Err(KeySourceError {
            message,
            help: format!("set {name} in the environment of Reseal; in a shell, use `export`"),
        })
    };
    match value {
        None => wrong(format!("the variable {name} is not set")),
        Some(value) if value.is_empty() => wrong(format!("the variable {name} is empty")),
        Some(value) => Ok(Material { bytes: SecretBytes::new(value.into_encoded_bytes()), warnings: vec![] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(words: &[&str]) -> Result<Box<dyn KeySource>, OptionError> {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        (PLUGIN.build)(&SourceArgs { words, ..SourceArgs::default() })
    }

    /// Cargo sets this one for the tests that it runs.
    #[tokio::test]
    async fn a_variable_is_read_as_it_is() {
        let read = source(&["CARGO_PKG_NAME"]).unwrap().read().await.unwrap();
        assert_eq!(read.bytes.expose(), b"keys-env");
        let spaced = material("X", Some(" a\n".into())).unwrap();
        assert_eq!(spaced.bytes.expose(), b" a\n");
    }

    #[tokio::test]
    async fn unset_and_empty_are_named() {
        let unset = source(&["RESEAL_NO_SUCH_VARIABLE"]).unwrap().read().await.unwrap_err();
        assert_eq!(unset.message, "the variable RESEAL_NO_SUCH_VARIABLE is not set");
        assert!(unset.help.contains("RESEAL_NO_SUCH_VARIABLE"));
        assert_eq!(material("X", Some("".into())).unwrap_err().message, "the variable X is empty");
    }

    #[test]
    fn only_one_name_will_do() {
        for words in [&[][..], &["A", "B"], &[""], &["A=B"], &["A\0"]] {
            assert!(source(words).is_err(), "{words:?}");
        }
    }

    /// Watches that a secret in the place of a name is told nobody.
    #[tokio::test]
    async fn what_may_be_the_secret_itself_is_not_shown() {
        for secret in
            ["q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ", "hunter 2", "p@ss", "0123456789abcdef0123456789abcdef"]
        {
            let error = source(&[secret]).err().unwrap();
            assert!(!error.to_string().contains(secret), "{error}");
        }
        let error = source(&["hunter2"]).unwrap().read().await.unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
        assert!(source(&["my.app-key"]).is_ok());
    }
}
