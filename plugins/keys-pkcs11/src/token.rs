//! The client. PKCS#11 calls block, so each runs on a thread for blocking work.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::aead::GcmParams;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use reseal_core::{Kek, KekContext, KekError, KekFault, KekSource, KeySourceError, SecretBytes};

use crate::{Named, Wrap};

const NONCE_BYTES: usize = 12;
const TAG_BITS: u64 = 128;

#[async_trait]
impl KekSource for Named {
    async fn open(&self, secret: Option<SecretBytes>) -> Result<Arc<dyn Kek>, KeySourceError> {
        let named = self.clone();
        let opened = tokio::task::spawn_blocking(move || named.connect(secret.as_ref()));
        match opened.await {
            Ok(opened) => opened.map(|kek| -> Arc<dyn Kek> { Arc::new(kek) }),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Named {
    fn connect(&self, pin: Option<&SecretBytes>) -> Result<TokenKey, KeySourceError> {
        let wrong = |what: String, help: &str| KeySourceError { message: what, help: help.to_owned() };
        let failed = |what: &str, error: &Error| {
            wrong(format!("{what}: {}", reason(error)), "check the token with its own tools")
        };
        let module = Pkcs11::new(&self.module).map_err(|_| {
            wrong(format!("{} is not a PKCS#11 library", self.module), "check the path in `module:`")
        })?;
        // The library is loaded once for the process, and so is its state.
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(failed("cannot initialize the library", &error)),
        }
        let slots =
            module.get_slots_with_token().map_err(|error| failed("cannot list the tokens", &error))?;
        let labelled = |slot: &cryptoki::slot::Slot| {
            module.get_token_info(*slot).is_ok_and(|token| token.label().trim_end() == self.token)
        };
        let slot = slots.into_iter().find(labelled).ok_or_else(|| {
            wrong(format!("there is no token with the label {}", self.token), "check the label in `token:`")
        })?;
        let session =
            module.open_rw_session(slot).map_err(|error| failed("cannot open a session", &error))?;
        let pin = pin.and_then(|pin| std::str::from_utf8(pin.expose()).ok()).unwrap_or_default();
        let pin = AuthPin::new(pin.trim_end_matches(['\r', '\n']).into());
        match session.login(UserType::User, Some(&pin)) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                return Err(wrong(
                    format!("cannot log in to the token: {}", reason(&error)),
                    "check the PIN",
                ));
            }
        }
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Label(self.key.clone().into_bytes()),
        ];
        let found =
            session.find_objects(&template).map_err(|error| failed("cannot search for keys", &error))?;
        match found.as_slice() {
            [key] => {
                let identity = format!("pkcs11 {} {} {}", self.module, self.token, self.key);
                Ok(TokenKey {
                    inner: Arc::new(Inner { session: Mutex::new(session), key: *key, wrap: self.wrap }),
                    identity,
                })
            }
            [] => Err(wrong(
                format!("token {} has no AES key with the label {}", self.token, self.key),
                "check the label in `key:`",
            )),
            several => Err(wrong(
                format!("token {} has {} AES keys with the label {}", self.token, several.len(), self.key),
                "give each key its own label",
            )),
        }
    }
}

/// A key in a token.
struct TokenKey {
    inner: Arc<Inner>,
    identity: String,
}

struct Inner {
    /// A session does one thing at a time.
    session: Mutex<Session>,
    key: ObjectHandle,
    wrap: Wrap,
}

#[async_trait]
impl Kek for TokenKey {
    fn identity(&self) -> &str {
        &self.identity
    }

    fn nonce_bytes(&self) -> usize {
        if self.inner.wrap == Wrap::AesGcm { NONCE_BYTES } else { 0 }
    }

    fn binds_context(&self) -> bool {
        self.inner.wrap == Wrap::AesGcm
    }

    async fn wrap(&self, dek: &SecretBytes, context: &KekContext) -> Result<Vec<u8>, KekError> {
        let (dek, context) = (dek.clone(), context.bytes());
        self.blocking(move |inner, session| match inner.wrap {
            Wrap::AesGcm => inner.gcm_wrap(session, &dek, &context),
            Wrap::AesKeyWrap => inner.key_wrap(session, &dek),
        })
        .await
    }

    async fn unwrap(&self, wrapped: &[u8], context: &KekContext) -> Result<SecretBytes, KekError> {
        let (wrapped, context) = (wrapped.to_vec(), context.bytes());
        self.blocking(move |inner, session| match inner.wrap {
            Wrap::AesGcm => inner.gcm_unwrap(session, &wrapped, &context),
            Wrap::AesKeyWrap => inner.key_unwrap(session, &wrapped),
        })
        .await
    }
}

impl TokenKey {
    async fn blocking<T: Send + 'static>(
        &self,
        with: impl FnOnce(&Inner, &Session) -> Result<T, KekError> + Send + 'static,
    ) -> Result<T, KekError> {
        let inner = self.inner.clone();
        let done = tokio::task::spawn_blocking(move || {
            let session = inner.session.lock().unwrap_or_else(PoisonError::into_inner);
            with(&inner, &session)
        });
        match done.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

impl Inner {
    fn gcm_wrap(&self, session: &Session, dek: &SecretBytes, aad: &[u8]) -> Result<Vec<u8>, KekError> {
        let mut nonce = [0; NONCE_BYTES];
        session.generate_random_slice(&mut nonce).map_err(|error| trouble(&error))?;
        let mut iv = nonce;
        let params = GcmParams::new(&mut iv, aad, TAG_BITS.into()).map_err(|error| trouble(&error))?;
        let sealed = session.encrypt(&Mechanism::AesGcm(params), self.key, dek.expose());
        let sealed = sealed.map_err(|error| trouble(&error))?;
        Ok([&nonce[..], &sealed].concat())
    }

    fn gcm_unwrap(&self, session: &Session, wrapped: &[u8], aad: &[u8]) -> Result<SecretBytes, KekError> {
        let Some((nonce, sealed)) = wrapped.split_at_checked(NONCE_BYTES) else { return Err(invalid()) };
        if sealed.len() <= 16 {
            return Err(invalid());
        }
        let mut iv = nonce.to_vec();
        let params = GcmParams::new(&mut iv, aad, TAG_BITS.into()).map_err(|error| trouble(&error))?;
        let opened = session.decrypt(&Mechanism::AesGcm(params), self.key, sealed);
        opened.map(SecretBytes::new).map_err(|error| of_unwrapping(&error))
    }

    /// AES key wrap is for objects: the DEK is one for as long as it takes.
    fn key_wrap(&self, session: &Session, dek: &SecretBytes) -> Result<Vec<u8>, KekError> {
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
            Attribute::Value(dek.expose().to_vec()),
        ];
        let object = session.create_object(&template).map_err(|error| trouble(&error))?;
        let wrapped = session.wrap_key(&Mechanism::AesKeyWrap, self.key, object);
        session.destroy_object(object).map_err(|error| trouble(&error))?;
        wrapped.map_err(|error| trouble(&error))
    }

    fn key_unwrap(&self, session: &Session, wrapped: &[u8]) -> Result<SecretBytes, KekError> {
        // RFC 3394: at least two blocks of 8 bytes, and one for the check. Tokens answer other lengths in many ways.
        if wrapped.len() < 24 || !wrapped.len().is_multiple_of(8) {
            return Err(invalid());
        }
        let template = [
            Attribute::Class(ObjectClass::SECRET_KEY),
            Attribute::KeyType(KeyType::AES),
            Attribute::Token(false),
            Attribute::Private(true),
            Attribute::Sensitive(false),
            Attribute::Extractable(true),
        ];
        let object = session.unwrap_key(&Mechanism::AesKeyWrap, self.key, wrapped, &template);
        let object = object.map_err(|error| of_unwrapping(&error))?;
        let attributes = session.get_attributes(object, &[AttributeType::Value]);
        session.destroy_object(object).map_err(|error| trouble(&error))?;
        match attributes.map_err(|error| trouble(&error))?.pop() {
            Some(Attribute::Value(dek)) => Ok(SecretBytes::new(dek)),
            _ => Err(KekError::new(KekFault::Refused, "the token does not return the unwrapped key")),
        }
    }
}

fn invalid() -> KekError {
    KekError::new(KekFault::Invalid, "not wrapped under this KEK, or damaged")
}

/// What an answer to unwrapping means. Tokens have no one code for a tag that does not fit: SoftHSM2 says
/// `CKR_ENCRYPTED_DATA_INVALID`, or `CKR_GENERAL_ERROR` where its library does not tell why.
fn of_unwrapping(error: &Error) -> KekError {
    match error {
        Error::Pkcs11(
            RvError::EncryptedDataInvalid
            | RvError::EncryptedDataLenRange
            | RvError::WrappedKeyInvalid
            | RvError::WrappedKeyLenRange
            | RvError::GeneralError,
            _,
        ) => invalid(),
        error => trouble(error),
    }
}

fn trouble(error: &Error) -> KekError {
    let fault = match error {
        Error::Pkcs11(
            RvError::DeviceError
            | RvError::DeviceMemory
            | RvError::DeviceRemoved
            | RvError::TokenNotPresent
            | RvError::SessionClosed
            | RvError::SessionHandleInvalid
            | RvError::GeneralError
            | RvError::FunctionFailed
            | RvError::HostMemory,
            _,
        ) => KekFault::Unavailable,
        _ => KekFault::Refused,
    };
    KekError::new(fault, reason(error))
}

/// An error by its code alone.
fn reason(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("the token returned {code:?} for {function:?}"),
        _ => "the token's library does not support this operation".to_owned(),
    }
}
