//! Ciphers that give as many bytes as they get.

use aes::cipher::{BlockCipherEncrypt, BlockSizeUser, KeyInit, KeyIvInit, StreamCipher, consts::U16};
use aes::{Aes128, Aes192, Aes256};
use chacha20::XChaCha20;

/// CTR with a counter of 128 bits, big-endian; a nonce of 12 bytes is followed by a counter that starts at 0.
pub(super) fn ctr(key: &[u8], nonce: &[u8], text: &mut [u8]) -> Option<()> {
    let mut start = [0; 16];
    start.get_mut(..nonce.len())?.copy_from_slice(nonce);
    match key.len() {
        16 => apply::<ctr::Ctr128BE<Aes128>>(key, &start, text),
        24 => apply::<ctr::Ctr128BE<Aes192>>(key, &start, text),
        32 => apply::<ctr::Ctr128BE<Aes256>>(key, &start, text),
        _ => None,
    }
}

pub(super) fn xchacha20(key: &[u8], nonce: &[u8], text: &mut [u8]) -> Option<()> {
    apply::<XChaCha20>(key, nonce, text)
}

fn apply<C: StreamCipher + KeyIvInit>(key: &[u8], nonce: &[u8], text: &mut [u8]) -> Option<()> {
    C::new_from_slices(key, nonce).ok()?.try_apply_keystream(text).ok()
}

/// CFB with segments of a whole block (CFB-128).
pub(super) fn cfb(key: &[u8], iv: &[u8], text: &mut [u8], seal: bool) -> Option<()> {
    match key.len() {
        16 => cfb_of::<Aes128>(key, iv, text, seal),
        24 => cfb_of::<Aes192>(key, iv, text, seal),
        32 => cfb_of::<Aes256>(key, iv, text, seal),
        _ => None,
    }
}

fn cfb_of<C>(key: &[u8], iv: &[u8], text: &mut [u8], seal: bool) -> Option<()>
where
    C: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16> + KeyInit,
{
    match seal {
        true => cfb_mode::Encryptor::<C>::new_from_slices(key, iv).ok()?.encrypt(text),
        false => cfb_mode::Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt(text),
    }
    Some(())
}
