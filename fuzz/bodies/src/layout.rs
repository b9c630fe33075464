//! Layouts, and cells in them: the first line of an input is a layout, the rest a cell.

use reseal_core::{Hole, Layout, Pieces, UnfitPiece};

const HOLES: [Hole; 5] = [Hole::Key, Hole::Nonce, Hole::Tag, Hole::Ciphertext, Hole::Token];

/// More than this of a message is not about the layout.
const MOST_MESSAGE: usize = 400;

/// What layouts and cells are made of.
pub const WORDS: &[&str] = &[
    "{key}",
    "{nonce|base64}",
    "{ciphertext|base64}",
    "{token}",
    "{tag|hex}",
    "{nonce|12}",
    "{ciphertext|raw}",
    "{=00}",
    "{{",
    "}}",
    "|base64url",
    "|base64-nopad",
    "|hex",
    "|raw",
    "|text",
    "|3",
    ":",
    "\n",
    "AAECAwQFBgcICQoL",
    "v1",
    "=",
    ".",
    "{ciphertext|base64url-nopad}",
    "{key|base64}",
];

const SEEDS: [&str; 11] = [
    "{key}:{nonce|base64}:{ciphertext|base64}\nv1:AAECAwQFBgcICQoL:c2VhbGVk",
    "enc:{nonce|hex}.{tag|hex}.{ciphertext|hex}\nenc:00.01.ff",
    "{nonce|base64url-nopad|12}{ciphertext|base64url-nopad}@{key}\nAAECAwQFBgcICQoLc2VhbGVk@v1",
    "{nonce|base64}$v{key}${ciphertext|base64-nopad}.\nAAECAwQFBgcICQoL$vk$c2VhbGVk.",
    "{nonce|12}{ciphertext|raw}{tag|16}\n0123456789abcipher0123456789abcdef",
    "{=0180}{key|base64}{=00}{nonce|hex}{=01}{ciphertext|raw}\nx",
    "FERNET_V2:{key}:{token}\nFERNET_V2:key_1:gAAA-_=",
    "{ciphertext|hex}\nff",
    "x{key|3}{ciphertext|raw}\nxkeysealed",
    "{{{key}}}{ciphertext|base64url-nopad}\n{k}-_8",
    "{ciphertext|hex}@{key}A\nff@vA1A",
];

/// Checks one input.
pub fn body(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (text, cell) = (String::from_utf8_lossy(&data[..end]), data.get(end + 1..).unwrap_or_default());
    match Layout::parse(&text) {
        Ok(layout) => {
            reads_in_one_way_only(&layout, cell);
            reads_back_what_it_builds(&layout, cell);
        }
        Err(error) => assert!(error.to_string().len() <= text.len() + MOST_MESSAGE, "a long message"),
    }
}

/// Inputs to begin with.
#[must_use]
pub fn seeds() -> Vec<Vec<u8>> {
    SEEDS.iter().map(|seed| seed.as_bytes().to_vec()).collect()
}

/// A cell that comes apart is built again byte for byte, and says of its key what can be seen of it.
fn reads_in_one_way_only(layout: &Layout, cell: &[u8]) {
    let Ok(pieces) = layout.split(cell) else { return };
    let built =
        layout.build(&pieces).unwrap_or_else(|unfit| panic!("what was split does not build: {unfit}"));
    assert!(built.as_slice() == Some(cell), "what was split builds another cell");
    let key = pieces.get(Hole::Key);
    let hint = layout.tag_hint(cell);
    assert!(hint.is_none_or(|hint| key == Some(hint.as_bytes())), "the hint is not the tag");
    if let Some(prefix) = hint.and_then(|hint| layout.prefix(hint)) {
        assert!(cell.starts_with(&prefix), "the cell does not begin with its prefix");
    }
    for hole in HOLES {
        let piece = pieces.get(hole);
        assert_eq!(piece.is_some(), layout.has(hole), "{}", hole.name());
        assert!(layout.width(hole).is_none_or(|width| piece.is_some_and(|piece| piece.len() == width)));
    }
}

/// A cell comes apart into what it was built of.
fn reads_back_what_it_builds(layout: &Layout, material: &[u8]) {
    let mut pieces = Pieces::default();
    for (at, hole) in HOLES.into_iter().enumerate() {
        pieces = pieces.with(hole, piece_for(layout, hole, material.get(at..).unwrap_or_default()));
    }
    let built = match layout.build(&pieces) {
        Ok(built) => built,
        // Words of a key are the plan's, and may not suit a layout; bytes always do.
        Err(UnfitPiece { hole: Hole::Key | Hole::Token, .. }) => return,
        Err(unfit) => panic!("bytes do not build: {unfit}"),
    };
    let cell = built.bytes().unwrap_or_default();
    let split =
        layout.split(&cell).unwrap_or_else(|mismatch| panic!("what was built does not split: {mismatch:?}"));
    for hole in HOLES.into_iter().filter(|hole| layout.has(*hole)) {
        assert!(split.get(hole) == pieces.get(hole), "{} is read back as something else", hole.name());
    }
    damaged(&cell, material).iter().for_each(|cell| reads_in_one_way_only(layout, cell));
}

/// A cell with one byte changed, added in front, added at the end or taken away.
fn damaged(cell: &[u8], material: &[u8]) -> Vec<Vec<u8>> {
    let [place, change] = *material.first_chunk().unwrap_or(&[0, 1]);
    let at = usize::from(place) % cell.len().max(1);
    let mut changed = cell.to_vec();
    changed.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= change.max(1));
    let mut shorter = cell.to_vec();
    drop(shorter.drain(at..cell.len().min(at + 1)));
    vec![changed, shorter, [cell, &[change]].concat(), [&[change], cell].concat()]
}

/// A piece of the width that the layout gives it, from these bytes over and over.
fn piece_for(layout: &Layout, hole: Hole, material: &[u8]) -> Vec<u8> {
    let word =
        |byte: &u8| matches!(hole, Hole::Key | Hole::Token).then_some(b'a' + byte % 26).unwrap_or(*byte);
    let length = layout.width(hole).unwrap_or(material.len() % 40);
    material.iter().map(word).chain([b'k']).cycle().take(length).collect()
}
