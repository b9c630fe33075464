//! The ciphers and digests that pgcrypto knows, by their OpenPGP numbers (RFC 4880 §9.2 and §9.4).

use cfb_mode::cipher::{BlockCipherEncrypt, InnerIvInit, InvalidLength, KeyInit};
use cfb_mode::{Decryptor, Encryptor};
use md5::Md5;
use ripemd::Ripemd160;
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

/// A block cipher; OpenPGP uses each in CFB mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// `3des`
    TripleDes,
    /// `cast5`
    Cast5,
    /// `bf`
    Blowfish,
    /// `aes128`, pgcrypto's default
    Aes128,
    /// `aes192`
    Aes192,
    /// `aes256`
    Aes256,
}

impl Cipher {
    const ALL: [Cipher; 6] =
        [Cipher::TripleDes, Cipher::Cast5, Cipher::Blowfish, Cipher::Aes128, Cipher::Aes192, Cipher::Aes256];

    pub(crate) fn from_id(id: u8) -> Option<Self> {
        Cipher::ALL.into_iter().find(|cipher| cipher.id() == id)
    }

    pub(crate) fn id(self) -> u8 {
        match self {
            Cipher::TripleDes => 2,
            Cipher::Cast5 => 3,
            Cipher::Blowfish => 4,
            Cipher::Aes128 => 7,
            Cipher::Aes192 => 8,
            Cipher::Aes256 => 9,
        }
    }

    /// Length of the key in bytes.
    pub(crate) fn key_length(self) -> usize {
        match self {
            Cipher::Cast5 | Cipher::Blowfish | Cipher::Aes128 => 16,
            Cipher::TripleDes | Cipher::Aes192 => 24,
            Cipher::Aes256 => 32,
        }
    }

    /// Length of a block in bytes.
    pub(crate) fn block_length(self) -> usize {
        match self {
            Cipher::TripleDes | Cipher::Cast5 | Cipher::Blowfish => 8,
            Cipher::Aes128 | Cipher::Aes192 | Cipher::Aes256 => 16,
        }
    }

    /// Encrypts in place, in CFB mode. Key and `iv` have this cipher's lengths.
    pub(crate) fn encrypt(self, key: &[u8], iv: &[u8], data: &mut [u8]) {
        self.cfb(key, iv, data, Direction::Encrypt);
    }

    /// Decrypts in place, in CFB mode. Key and `iv` have this cipher's lengths.
    pub(crate) fn decrypt(self, key: &[u8], iv: &[u8], data: &mut [u8]) {
        self.cfb(key, iv, data, Direction::Decrypt);
    }

    fn cfb(self, key: &[u8], iv: &[u8], data: &mut [u8], direction: Direction) {
        match self {
            Cipher::TripleDes => cfb::<des::TdesEde3>(key, iv, data, direction),
            Cipher::Cast5 => cfb::<cast5::Cast5>(key, iv, data, direction),
            Cipher::Blowfish => cfb::<blowfish::Blowfish>(key, iv, data, direction),
            Cipher::Aes128 => cfb::<aes::Aes128>(key, iv, data, direction),
            Cipher::Aes192 => cfb::<aes::Aes192>(key, iv, data, direction),
            Cipher::Aes256 => cfb::<aes::Aes256>(key, iv, data, direction),
        }
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Encrypt,
    Decrypt,
}

fn cfb<C: BlockCipherEncrypt + KeyInit>(key: &[u8], iv: &[u8], data: &mut [u8], direction: Direction) {
    let cipher = C::new_from_slice(key).unwrap_or_else(wrong_length);
    match direction {
        Direction::Encrypt => {
            Encryptor::inner_iv_slice_init(cipher, iv).unwrap_or_else(wrong_length).encrypt(data);
        }
        Direction::Decrypt => {
            Decryptor::inner_iv_slice_init(cipher, iv).unwrap_or_else(wrong_length).decrypt(data);
        }
    }
}

fn wrong_length<T>(_: InvalidLength) -> T {
    unreachable!("key and IV have the cipher's own lengths")
}

/// A hash function under the derivation of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Digest {
    /// `md5`
    Md5,
    /// `sha1`, pgcrypto's default
    Sha1,
    /// `ripemd160`
    Ripemd160,
    /// `sha256`
    Sha256,
    /// `sha384`
    Sha384,
    /// `sha512`
    Sha512,
}

impl Digest {
    const ALL: [Digest; 6] =
        [Digest::Md5, Digest::Sha1, Digest::Ripemd160, Digest::Sha256, Digest::Sha384, Digest::Sha512];

    pub(crate) fn from_id(id: u8) -> Option<Self> {
        Digest::ALL.into_iter().find(|digest| digest.id() == id)
    }

    pub(crate) fn id(self) -> u8 {
        match self {
            Digest::Md5 => 1,
            Digest::Sha1 => 2,
            Digest::Ripemd160 => 3,
            Digest::Sha256 => 8,
            Digest::Sha384 => 9,
            Digest::Sha512 => 10,
        }
    }

    /// The hash of `zeros` zero bytes followed by `total` bytes of `buffer` over and over.
    pub(crate) fn of_repeated(self, zeros: usize, buffer: &[u8], total: usize) -> Zeroizing<Vec<u8>> {
        match self {
            Digest::Md5 => of_repeated::<Md5>(zeros, buffer, total),
            Digest::Sha1 => of_repeated::<Sha1>(zeros, buffer, total),
            Digest::Ripemd160 => of_repeated::<Ripemd160>(zeros, buffer, total),
            Digest::Sha256 => of_repeated::<Sha256>(zeros, buffer, total),
            Digest::Sha384 => of_repeated::<Sha384>(zeros, buffer, total),
            Digest::Sha512 => of_repeated::<Sha512>(zeros, buffer, total),
        }
    }
}

fn of_repeated<D: sha2::Digest>(zeros: usize, buffer: &[u8], total: usize) -> Zeroizing<Vec<u8>> {
    let mut hash = D::new();
    for _ in 0..zeros {
        hash.update([0]);
    }
    for _ in 0..total / buffer.len() {
        hash.update(buffer);
    }
    hash.update(&buffer[..total % buffer.len()]);
    Zeroizing::new(hash.finalize().to_vec())
}
