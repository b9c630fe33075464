//! Where cells name their key.

/// The literals before and behind the tag of a key, in a layout whose cells begin with these.
#[derive(Clone, Copy, Debug)]
pub struct TagPlace<'l> {
    /// What is written before the tag.
    pub before: &'l [u8],
    /// What ends it.
    pub behind: &'l [u8],
}

impl TagPlace<'_> {
    /// The tag that a cell would name, nothing else of it looked at.
    #[must_use]
    pub fn tag_of<'c>(&self, cell: &'c [u8]) -> Option<&'c str> {
        // To compare nothing costs as much as opening a short cell: an AVX-512 `memcmp` reads none of its bytes from where an
        // empty slice points to, which is no memory, and the processor takes its time over that.
        let rest = if self.before.is_empty() { cell } else { cell.strip_prefix(self.before)? };
        std::str::from_utf8(&rest[..find_bytes(rest, self.behind)?]).ok()
    }

    /// What every cell under the key of a tag begins with.
    #[must_use]
    pub fn prefix(&self, tag: &str) -> Vec<u8> {
        [self.before, tag.as_bytes(), self.behind].concat()
    }
}

/// Where one text stands in another; an empty one stands nowhere.
#[must_use]
pub fn find_bytes(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    match needle {
        [] => None,
        [byte] => memchr::memchr(*byte, haystack),
        _ => haystack.windows(needle.len()).position(|window| window == needle),
    }
}
