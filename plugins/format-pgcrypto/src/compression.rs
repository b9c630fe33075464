//! Compressed packets (RFC 4880 §5.6).

use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};
use reseal_core::Broken;
use zeroize::Zeroizing;

/// Nothing may inflate beyond this: some hundred bytes can be made to hold gigabytes.
const INFLATED_MAX: usize = 64 << 20;

/// The level that was used is not written down. At this one, short texts come out as long as from zlib at pgcrypto's
/// default `compress-level` of 6.
const LEVEL: flate2::Compression = flate2::Compression::new(9);

/// pgcrypto's option `compress-algo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    /// 0: no compressed packet.
    None,
    /// 1: raw deflate (RFC 1951).
    Zip,
    /// 2: zlib (RFC 1950).
    Zlib,
}

/// What a compressed packet held.
pub(crate) struct Inflated {
    pub(crate) compression: Compression,
    pub(crate) packets: Zeroizing<Vec<u8>>,
}

impl Compression {
    pub(crate) fn from_id(id: u8) -> Option<Self> {
        match id {
            0 => Some(Compression::None),
            1 => Some(Compression::Zip),
            2 => Some(Compression::Zlib),
            _ => None,
        }
    }

    pub(crate) fn id(self) -> u8 {
        match self {
            Compression::None => 0,
            Compression::Zip => 1,
            Compression::Zlib => 2,
        }
    }

    /// Inflates the body of a compressed packet. One that says it is not compressed after all (pgcrypto reads such
    /// packets and never writes them) is passed through.
    pub(crate) fn inflate(body: &[u8]) -> Result<Inflated, Broken> {
        let (id, data) = body.split_first().ok_or(Broken("truncated"))?;
        let compression = Compression::from_id(*id).ok_or(Broken("unknown-compression"))?;
        let packets = match compression {
            Compression::None => Zeroizing::new(data.to_vec()),
            Compression::Zip | Compression::Zlib => inflate(data, compression == Compression::Zlib)?,
        };
        Ok(Inflated { compression, packets })
    }

    /// The body of a compressed packet that holds these packets; `None` where there is to be none.
    pub(crate) fn deflate(self, packets: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if self == Compression::None {
            return None;
        }
        let mut deflater = Compress::new(LEVEL, self == Compression::Zlib);
        let mut body = Zeroizing::new(vec![self.id()]);
        loop {
            // Room for what cannot be compressed, so that one round is the rule.
            grow(&mut body, packets.len() + packets.len() / 1000 + 64);
            let rest = &packets[deflater.total_in() as usize..];
            match deflater.compress_vec(rest, &mut body, FlushCompress::Finish) {
                Ok(Status::StreamEnd) => return Some(body),
                Ok(_) => {}
                Err(_) => unreachable!("deflating has no error but a missing dictionary"),
            }
        }
    }
}

/// Inflates one whole stream, with nothing before or after it.
fn inflate(data: &[u8], zlib: bool) -> Result<Zeroizing<Vec<u8>>, Broken> {
    let mut inflater = Decompress::new(zlib);
    let mut out = Zeroizing::new(Vec::new());
    loop {
        // One byte more than may be, so that it shows.
        let spare = (data.len() * 4).max(out.len()).max(4096).min(INFLATED_MAX + 1 - out.len());
        grow(&mut out, spare);
        let (before_in, before_out) = (inflater.total_in(), out.len());
        let status = inflater
            .decompress_vec(&data[before_in as usize..], &mut out, FlushDecompress::None)
            .map_err(|_| Broken("compressed-data"))?;
        if out.len() > INFLATED_MAX {
            return Err(Broken("inflates-beyond-64-mib"));
        }
        if status == Status::StreamEnd {
            let whole = inflater.total_in() == data.len() as u64;
            return if whole { Ok(out) } else { Err(Broken("trailing-bytes")) };
        }
        if inflater.total_in() == before_in && out.len() == before_out {
            return Err(Broken("truncated"));
        }
    }
}

/// Makes room as `reserve` does, but wipes what it moves out of.
fn grow(bytes: &mut Zeroizing<Vec<u8>>, spare: usize) {
    if bytes.capacity() - bytes.len() < spare {
        let mut larger = Zeroizing::new(Vec::with_capacity(bytes.len() + spare));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deflated_inflates() {
        let texts = [vec![], b"hello".to_vec(), vec![0; 3_000_000], (0..=255).cycle().take(70_000).collect()];
        for text in texts {
            for compression in [Compression::Zip, Compression::Zlib] {
                let body = compression.deflate(&text).unwrap();
                let inflated = Compression::inflate(&body).unwrap();
                assert_eq!((inflated.compression, &*inflated.packets), (compression, &text));
            }
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let bomb = Compression::Zip.deflate(&vec![0; INFLATED_MAX + 1]).unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(Compression::inflate(&bomb).err(), Some(Broken("inflates-beyond-64-mib")));
    }

    #[test]
    fn nothing_may_follow_and_nothing_may_miss() {
        let mut body = Compression::Zip.deflate(b"hello hello hello").unwrap();
        assert_eq!(Compression::inflate(&body[..body.len() - 1]).err(), Some(Broken("truncated")));
        body.push(0);
        assert_eq!(Compression::inflate(&body).err(), Some(Broken("trailing-bytes")));
        assert_eq!(Compression::inflate(&[3, 0]).err(), Some(Broken("unknown-compression")));
    }
}
