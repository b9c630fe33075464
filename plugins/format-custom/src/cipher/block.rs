//! Block ciphers over whole blocks: CBC, and ECB where a producer has it.

use aes::cipher::array::Array;
use aes::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, BlockSizeUser, KeyInit,
    KeyIvInit,
};
use aes::{Aes128, Aes192, Aes256};
use des::Des;

/// CBC in place, by the length of the key. `None` for a length that does not fit.
pub(super) fn cbc(key: &[u8], iv: &[u8], text: &mut [u8], seal: bool) -> Option<()> {
    match key.len() {
        8 => cbc_of::<Des>(key, iv, text, seal),
        16 => cbc_of::<Aes128>(key, iv, text, seal),
        24 => cbc_of::<Aes192>(key, iv, text, seal),
        32 => cbc_of::<Aes256>(key, iv, text, seal),
        _ => None,
    }
}

fn cbc_of<C>(key: &[u8], iv: &[u8], text: &mut [u8], seal: bool) -> Option<()>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + KeyInit,
{
    let blocks = blocks::<C>(text)?;
    match seal {
        true => cbc::Encryptor::<C>::new_from_slices(key, iv).ok()?.encrypt_blocks(blocks),
        false => cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?.decrypt_blocks(blocks),
    }
    Some(())
}

/// ECB in place, by the length of the key. `None` for a length that does not fit.
pub(super) fn ecb(key: &[u8], text: &mut [u8], seal: bool) -> Option<()> {
    match key.len() {
        16 => ecb_of::<Aes128>(key, text, seal),
        24 => ecb_of::<Aes192>(key, text, seal),
        32 => ecb_of::<Aes256>(key, text, seal),
        _ => None,
    }
}

fn ecb_of<C>(key: &[u8], text: &mut [u8], seal: bool) -> Option<()>
where
    C: BlockCipherEncrypt + BlockCipherDecrypt + KeyInit,
{
    let blocks = blocks::<C>(text)?;
    let cipher = C::new_from_slice(key).ok()?;
    match seal {
        true => cipher.encrypt_blocks(blocks),
        false => cipher.decrypt_blocks(blocks),
    }
    Some(())
}

/// A text as blocks; `None` where it is none or does not fill its last one.
fn blocks<C: BlockSizeUser>(text: &mut [u8]) -> Option<&mut [Array<u8, C::BlockSize>]> {
    let (blocks, rest) = Array::slice_as_chunks_mut(text);
    (rest.is_empty() && !blocks.is_empty()).then_some(blocks)
}
