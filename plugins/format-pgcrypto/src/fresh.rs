//! The random bytes of a new message.

use reseal_core::SealError;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::s2k::{Count, SALT};

/// All random bytes that a message may need, drawn at once.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Fresh {
    pub(crate) salt: [u8; SALT],
    #[zeroize(skip)]
    pub(crate) count: Count,
    /// One block; its last two bytes are written twice.
    pub(crate) prefix: [u8; 16],
    pub(crate) session: [u8; 32],
}

impl Fresh {
    pub(crate) fn draw() -> Result<Self, SealError> {
        let mut fresh = Fresh { salt: [0; SALT], count: Count(0), prefix: [0; 16], session: [0; 32] };
        let mut count = [0];
        for bytes in [&mut fresh.salt[..], &mut fresh.prefix, &mut fresh.session, &mut count] {
            getrandom::fill(bytes).map_err(|_| SealError::Random)?;
        }
        // pgcrypto lets the count float in the same range: 65,536 to 253,952 bytes.
        fresh.count = Count(96 + (count[0] & 31));
        Ok(fresh)
    }
}
