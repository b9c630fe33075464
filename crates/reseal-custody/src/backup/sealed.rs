//! age files (age-encryption.org/v1), where this build can write them.

use zeroize::Zeroizing;

use crate::error::{CopyError, CustodyError};

/// Encrypts to recipients (`age1…`).
///
/// # Errors
/// When one of them is no recipient, or there is none.
#[cfg(feature = "age")]
pub fn encrypt(text: &[u8], recipients: &[String]) -> Result<Vec<u8>, CustodyError> {
    use std::io::Write;
    let known: Vec<age::x25519::Recipient> = recipients
        .iter()
        .zip(1..)
        .map(|(recipient, number)| recipient.parse().map_err(|_| CopyError::Recipient { number }))
        .collect::<Result<_, _>>()?;
    let as_dyn = known.iter().map(|recipient| recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(as_dyn).map_err(|_| CopyError::NoRecipient)?;
    let broken = |_| CopyError::NotEncrypted;
    let mut out = Vec::new();
    let mut writer = encryptor.wrap_output(&mut out).map_err(broken)?;
    writer.write_all(text).map_err(broken)?;
    writer.finish().map_err(broken)?;
    Ok(out)
}

/// Decrypts with the identities in a file of `age-keygen`.
///
/// # Errors
/// When the file holds none that fits, or the encrypted one was damaged.
#[cfg(feature = "age")]
pub(super) fn decrypt(encrypted: &[u8], identity: &[u8]) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    use std::io::Read;
    let text = std::str::from_utf8(identity).unwrap_or_default();
    let identities: Vec<age::x25519::Identity> =
        text.lines().filter_map(|line| line.trim().parse().ok()).collect();
    if identities.is_empty() {
        return Err(CopyError::NoIdentity.into());
    }
    let decryptor = age::Decryptor::new(encrypted).map_err(|_| CopyError::NoAgeFile)?;
    let as_dyn = identities.iter().map(|identity| identity as &dyn age::Identity);
    let mut reader = decryptor.decrypt(as_dyn).map_err(|_| CopyError::OtherIdentity)?;
    let mut out = Zeroizing::new(Vec::with_capacity(encrypted.len()));
    reader.read_to_end(&mut out).map_err(|_| CopyError::Damaged)?;
    Ok(out)
}

/// Refused: this build was made without age.
///
/// # Errors
/// Always.
#[cfg(not(feature = "age"))]
pub fn encrypt(_: &[u8], _: &[String]) -> Result<Vec<u8>, CustodyError> {
    Err(CopyError::NoAge.into())
}

/// Refused: this build was made without age.
///
/// # Errors
/// Always.
#[cfg(not(feature = "age"))]
pub(super) fn decrypt(_: &[u8], _: &[u8]) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
    Err(CopyError::NoAge.into())
}
