//! ASCII armor (RFC 4880 §6), as pgcrypto's `armor()` writes it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reseal_core::Broken;

const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";
const END: &str = "-----END PGP MESSAGE-----";

/// How pgcrypto lays armor out.
pub(crate) const PGCRYPTO: Armor<'static> = Armor {
    head: "-----BEGIN PGP MESSAGE-----\n\n",
    newline: "\n",
    tail: "\n-----END PGP MESSAGE-----\n",
    width: 76,
};

/// Everything about an armored text but the message inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Armor<'a> {
    /// The first line, headers, and the empty line.
    head: &'a str,
    /// The line end.
    newline: &'a str,
    /// What follows the checksum.
    tail: &'a str,
    /// Characters on a full line.
    width: usize,
}

const BROKEN: Broken = Broken("armor");

impl<'a> Armor<'a> {
    /// Takes the armor off; `None` where the text has none.
    pub(crate) fn strip(text: &'a str) -> Result<Option<(Vec<u8>, Self)>, Broken> {
        let Some(after) = text.strip_prefix(BEGIN) else { return Ok(None) };
        let newline = if after.starts_with("\r\n") { "\r\n" } else { "\n" };
        let mut at = BEGIN.len();
        // Header lines up to the first empty one.
        let body = loop {
            let end = text[at..].find(newline).ok_or(BROKEN)? + at;
            let line = &text[at..end];
            let first = at == BEGIN.len();
            at = end + newline.len();
            match line {
                "" if first => {}
                "" => break at,
                header if !first && header.contains(": ") => {}
                _ => return Err(BROKEN),
            }
        };
        let end = text[body..].find(END).ok_or(BROKEN)? + body;
        if !text[end + END.len()..].trim().is_empty() {
            return Err(BROKEN);
        }
        let lines = text[body..end].strip_suffix(newline).ok_or(BROKEN)?;
        let (lines, checksum) = lines.rsplit_once(newline).ok_or(BROKEN)?;
        let checksum = checksum.strip_prefix('=').ok_or(BROKEN)?;
        // A lone line says nothing about the width of full ones.
        let width = match lines.split_once(newline) {
            None => PGCRYPTO.width.max(lines.len()),
            Some(("", _)) => return Err(BROKEN),
            Some((first, _)) => first.len(),
        };
        let message = STANDARD.decode(lines.replace(newline, "")).map_err(|_| BROKEN)?;
        let expected = STANDARD.decode(checksum).map_err(|_| BROKEN)?;
        if expected != crc24(&message) {
            return Err(Broken("armor-checksum"));
        }
        let tail = &text[end - newline.len()..];
        Ok(Some((message, Armor { head: &text[..body], newline, tail, width })))
    }

    /// Puts the armor around another message.
    pub(crate) fn wrap(&self, message: &[u8]) -> String {
        let encoded = STANDARD.encode(message);
        let lines = encoded.len() / self.width + 2;
        let mut text =
            String::with_capacity(self.head.len() + encoded.len() + lines * 2 + 8 + self.tail.len());
        text.push_str(self.head);
        let mut rest = encoded.as_str();
        while !rest.is_empty() {
            let (line, after) = rest.split_at(rest.len().min(self.width));
            text.push_str(line);
            text.push_str(self.newline);
            rest = after;
        }
        text.push('=');
        text.push_str(&STANDARD.encode(crc24(message)));
        text.push_str(self.tail);
        text
    }
}

/// The checksum of armor (RFC 4880 §6.1).
fn crc24(bytes: &[u8]) -> [u8; 3] {
    let crc = bytes
        .iter()
        .fold(0x00b7_04ce, |crc, byte| (crc << 8) ^ CRC24_STEPS[usize::from((crc >> 16) as u8 ^ *byte)]);
    let [_, crc @ ..] = crc.to_be_bytes();
    crc
}

/// What one byte does to the checksum.
const CRC24_STEPS: [u32; 256] = {
    let mut steps = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 16;
        let mut bit = 0;
        while bit < 8 {
            crc <<= 1;
            if crc & 0x0100_0000 != 0 {
                crc ^= 0x0186_4cfb;
            }
            bit += 1;
        }
        steps[byte] = crc;
        byte += 1;
    }
    steps
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_strips() {
        for length in [1, 56, 57, 58, 113, 114, 115, 4000] {
            let message = vec![0xa5; length];
            let text = PGCRYPTO.wrap(&message);
            let (stripped, armor) = Armor::strip(&text).unwrap().unwrap();
            assert_eq!((stripped, armor.wrap(&message)), (message, text));
        }
    }

    #[test]
    fn a_foreign_layout_stays() {
        let text = PGCRYPTO.wrap(&[9; 100]).replace("\n\n", "\nComment: by hand\n\n").replace('\n', "\r\n");
        let text = text.trim_end();
        let (message, armor) = Armor::strip(text).unwrap().unwrap();
        assert_eq!(armor.wrap(&message), text);
    }

    #[test]
    fn damage_is_noticed() {
        let text = PGCRYPTO.wrap(b"a message");
        assert_eq!(Armor::strip("hello"), Ok(None));
        assert_eq!(Armor::strip(&text[..text.len() - 5]).unwrap_err(), BROKEN);
        assert_eq!(Armor::strip(&format!("{text}more")).unwrap_err(), BROKEN);
        assert_eq!(Armor::strip(&text.replace('\n', "")).unwrap_err(), BROKEN);
        let flipped = text.replace("YSBt", "YSBu");
        assert_eq!(Armor::strip(&flipped).unwrap_err(), Broken("armor-checksum"));
    }
}
