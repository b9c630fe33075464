//! Small plugins that stand in for the real ones: this crate knows none.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "every test takes its part of this module"
)]

use async_trait::async_trait;
use reseal_core::{
    BuiltFormat, Cell, Format, FormatPlugin, Identified, Kek, KekPlugin, KekSource, Key, KeyLength,
    KeySource, KeySourceError, KeySourcePlugin, Material, NotifierPlugin, OpenError, OptionError, OptionKind,
    OptionSpec, Part, PathWords, Plaintext, SealError, SecretBytes, SourceArgs,
};
use reseal_plan::Vocabulary;

/// All of them.
pub const VOCABULARY: Vocabulary<'static> = Vocabulary {
    formats: &[AES_GCM, FERNET, PGCRYPTO, CBC, PLAINTEXT],
    key_sources: &[ENV, FILE, COMMAND],
    keks: &[AWS_KMS, LOCAL],
    notifiers: &[SMTP, WEBHOOK, LOG],
    presets: &[],
};

const URL: OptionSpec =
    OptionSpec { name: "url", kind: OptionKind::Source, doc: "A source of the URL.", required: true };

/// Needs addresses.
const SMTP: NotifierPlugin = NotifierPlugin {
    name: "smtp",
    summary: "Mail.",
    options: &[URL, OptionSpec { name: "from", kind: OptionKind::Text, doc: "The sender.", required: true }],
    needs_address: true,
    check: |options| match options.text("from").is_some_and(|from| from.contains('@')) {
        true => Ok(()),
        false => Err(OptionError { option: Some("from"), ..complaint("this is no address of a sender") }),
    },
    address: |address| match address.contains('@') {
        true => Ok(()),
        false => Err("such as security@example.com".into()),
    },
    build: |_, _| Err(OptionError { option: None, message: String::new(), help: None }),
};

/// Takes an address or none.
const WEBHOOK: NotifierPlugin = NotifierPlugin {
    name: "webhook",
    summary: "An HTTP POST.",
    options: &[
        URL,
        OptionSpec {
            name: "shape",
            kind: OptionKind::OneOf(&["plain", "slack"]),
            doc: "What the JSON looks like.",
            required: false,
        },
    ],
    needs_address: false,
    check: |_| Ok(()),
    address: |_| Ok(()),
    ..SMTP
};

/// Takes none.
const LOG: NotifierPlugin = NotifierPlugin {
    name: "log",
    summary: "The log.",
    options: &[],
    address: |_| Err("the log takes no address: write `[]`".into()),
    ..WEBHOOK
};

const LAYOUT: OptionSpec =
    OptionSpec { name: "layout", kind: OptionKind::Text, doc: "How a cell is written.", required: false };

/// Authenticated; marked where its layout holds the key.
const AES_GCM: FormatPlugin = FormatPlugin {
    name: "aes-gcm",
    summary: "AES-GCM.",
    options: &[
        LAYOUT,
        OptionSpec { name: "key_bits", kind: OptionKind::Integer, doc: "128 or 256.", required: false },
    ],
    build: |options, parts| {
        let layout = options.text("layout").unwrap_or_default();
        if layout.is_empty() && !parts.contains(&Part::Nonce) {
            let message = "one column needs a layout that says where the nonce is".into();
            return Err(OptionError {
                option: None,
                message,
                help: Some("layout: \"{nonce}{ciphertext}\"".into()),
            });
        }
        check_layout(layout)?;
        if layout.contains("{nonce") && parts.contains(&Part::Nonce) {
            let message = "the nonce stands in the layout and in a column of its own".into();
            return Err(OptionError { option: None, message, help: None });
        }
        Ok(BuiltFormat { marked: layout.contains("{key"), ..built() })
    },
};

/// Authenticated.
const FERNET: FormatPlugin = FormatPlugin {
    name: "fernet",
    summary: "Fernet tokens.",
    options: &[LAYOUT],
    build: |options, _| {
        let layout = options.text("layout").unwrap_or("{token}");
        check_layout(layout)?;
        Ok(BuiltFormat { marked: layout.contains("{key"), ..built() })
    },
};

/// Takes a passphrase.
const PGCRYPTO: FormatPlugin = FormatPlugin {
    name: "pgcrypto",
    summary: "OpenPGP messages.",
    options: &[
        OptionSpec { name: "armor", kind: OptionKind::Boolean, doc: "As text.", required: false },
        OptionSpec {
            name: "cipher",
            kind: OptionKind::OneOf(&["aes128", "aes256"]),
            doc: "Cipher.",
            required: false,
        },
    ],
    build: |_, _| Ok(BuiltFormat { format: unbound(), key_length: KeyLength::Passphrase, ..built() }),
};

/// Not authenticated.
const CBC: FormatPlugin = FormatPlugin {
    name: "cbc",
    summary: "AES-CBC.",
    options: &[LAYOUT],
    build: |options, _| {
        let marked = options.text("layout").is_some_and(|layout| layout.contains("{key"));
        Ok(BuiltFormat { authenticated: false, marked, ..built() })
    },
};

/// No ciphertext at all.
const PLAINTEXT: FormatPlugin = FormatPlugin {
    name: "plaintext",
    summary: "Cells that are not sealed.",
    options: &[],
    build: |_, _| Ok(BuiltFormat { plaintext: true, key_length: KeyLength::None, ..built() }),
};

const ENV: KeySourcePlugin = KeySourcePlugin {
    paths: PathWords::None,
    name: "env",
    summary: "An environment variable.",
    build: |args| {
        let is_name = |word: &String| word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        match args.words.as_slice() {
            [name] if is_name(name) => Ok(Box::new(Nowhere)),
            [name] => Err(complaint(&format!("{name} is no name of a variable"))),
            _ => Err(complaint("one variable, not several")),
        }
    },
};

const FILE: KeySourcePlugin = KeySourcePlugin {
    name: "file",
    summary: "A file.",
    paths: PathWords::All,
    build: |_: &SourceArgs| Ok(Box::new(Nowhere)),
};

const COMMAND: KeySourcePlugin = KeySourcePlugin {
    paths: PathWords::Program,
    name: "command",
    summary: "A program that prints it.",
    build: |_| Ok(Box::new(Nowhere)),
};

/// Only in builds with a feature, which this is not.
const AWS_KMS: KekPlugin = KekPlugin {
    name: "aws-kms",
    summary: "A key of AWS KMS.",
    options: &[OptionSpec { name: "key", kind: OptionKind::Text, doc: "Its ARN.", required: true }],
    feature: Some("aws-kms"),
    available: false,
    build: |args| match args.words.as_slice() {
        [key] if key != "key=none" => Ok(Box::new(Nowhere)),
        _ => Err(OptionError { option: Some("key"), message: "none is no key".into(), help: None }),
    },
};

const LOCAL: KekPlugin = KekPlugin {
    name: "local",
    summary: "A KEK for development.",
    options: &[OptionSpec { name: "key", kind: OptionKind::Source, doc: "Its bytes.", required: true }],
    feature: None,
    available: true,
    build: |_| Ok(Box::new(Nowhere)),
};

fn check_layout(layout: &str) -> Result<(), OptionError> {
    let unknown = layout.split('{').skip(1).find_map(|hole| {
        let name = hole.split(['}', '|']).next().unwrap_or_default();
        (!["key", "nonce", "tag", "ciphertext", "token"].contains(&name)).then(|| name.to_owned())
    });
    match unknown {
        None => Ok(()),
        Some(name) => Err(OptionError {
            option: Some("layout"),
            message: format!("a layout has no part {{{name}}}"),
            help: Some("parts are key, nonce, tag, ciphertext and token".into()),
        }),
    }
}

fn complaint(message: &str) -> OptionError {
    OptionError { option: None, message: message.into(), help: None }
}

fn built() -> BuiltFormat {
    BuiltFormat {
        format: std::sync::Arc::new(Never { binds_aad: true }),
        authenticated: true,
        marked: false,
        key_length: KeyLength::OneOf(&[32]),
        binary: false,
        plaintext: false,
        max_seals: None,
    }
}

fn unbound() -> std::sync::Arc<dyn Format> {
    std::sync::Arc::new(Never { binds_aad: false })
}

/// A format that no test asks to do anything.
struct Never {
    binds_aad: bool,
}

impl Format for Never {
    fn binds_aad(&self) -> bool {
        self.binds_aad
    }

    fn identify<'c>(&self, _: &'c Cell) -> Identified<'c> {
        Identified::NotMine
    }

    fn open(&self, _: &Cell, _: &Key, _: &[u8]) -> Result<Plaintext, OpenError> {
        Err(OpenError::NotThisKey)
    }

    fn seal(&self, _: &Plaintext, _: &Key, _: &[u8], _: Option<&Cell>) -> Result<Cell<'static>, SealError> {
        Err(SealError::Random)
    }
}

/// A source that is never read.
struct Nowhere;

#[async_trait]
impl KeySource for Nowhere {
    async fn read(&self) -> Result<Material, KeySourceError> {
        Ok(Material { bytes: SecretBytes::new(vec![]), warnings: vec![] })
    }
}

#[async_trait]
impl KekSource for Nowhere {
    async fn open(&self, _: Option<SecretBytes>) -> Result<std::sync::Arc<dyn Kek>, KeySourceError> {
        Err(KeySourceError { message: "no test opens it".into(), help: String::new() })
    }
}

/// A YAML file of a folder beside the tests, with its name.
pub fn plans(folder: &str) -> Vec<(std::path::PathBuf, String)> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut plans: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"))
        .map(|path| (path.clone(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    plans.sort();
    assert!(!plans.is_empty(), "{} holds no plans", folder.display());
    plans
}
