//! From the text of a layout to its items.

use super::check;
use super::{Group, GroupKind, Hole, Item, Layout, Member, MemberValue, Object, Spelling};
use crate::mistake::{Mistake, meant};

/// More than any nonce, tag or key id; a wider part is a slip of the finger.
const MAX_WIDTH: usize = 4096;
/// Deeper layouts than any producer writes.
const MAX_DEPTH: usize = 8;
/// The groups that are no spelling: a length of so many bytes before the pieces.
const COUNTED: [(&str, usize); 3] = [("length8", 1), ("length16", 2), ("length32", 4)];

impl Layout {
    /// Reads the text of a layout.
    ///
    /// # Errors
    /// On a mistake of form.
    pub(crate) fn parse(text: &str) -> Result<Layout, Mistake> {
        let mut parser = Parser { text, at: 0, depth: 0 };
        let items = parser.items(&[])?;
        if let Some(rest) = parser.peek() {
            return Err(parser.wrong(&format!("unexpected `{rest}`")));
        }
        Ok(Layout { items })
    }

    /// The same layout, once the widths of its parts are known.
    ///
    /// # Errors
    /// Where a cell could be read in two ways.
    pub(crate) fn checked(self) -> Result<Layout, Mistake> {
        check::unambiguous(&self.items)?;
        Ok(self)
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), Mistake> {
        match self.eat(word) {
            true => Ok(()),
            false => Err(self.wrong(&format!("expected `{word}`"))),
        }
    }

    fn wrong(&self, what: &str) -> Mistake {
        let at = self.text[..self.at].chars().count() + 1;
        Mistake::new(format!("{what} at character {at} of the layout"))
    }

    /// What stands before the first of these characters, which stays.
    fn until(&mut self, stops: &[char]) -> &'t str {
        let rest = self.rest();
        let end = rest.find(stops).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Pieces up to one of `stops`, neighbouring literals joined.
    fn items(&mut self, stops: &[char]) -> Result<Vec<Item>, Mistake> {
        let mut items = Vec::new();
        while let Some(next) = self.peek().filter(|next| !stops.contains(next)) {
            let item = match next {
                '{' => self.braced()?,
                '}' if self.eat("}}") => Item::Literal(b"}".to_vec()),
                '}' => return Err(self.wrong("unmatched `}`")),
                _ => {
                    let stops: Vec<char> = stops.iter().copied().chain(['{', '}']).collect();
                    Item::Literal(self.until(&stops).as_bytes().to_vec())
                }
            };
            match (items.last_mut(), item) {
                (Some(Item::Literal(before)), Item::Literal(more)) => before.extend(more),
                (_, item) => items.push(item),
            }
        }
        Ok(items)
    }

    /// What stands in braces.
    fn braced(&mut self) -> Result<Item, Mistake> {
        if self.eat("{{") {
            return Ok(Item::Literal(b"{".to_vec()));
        }
        self.expect("{")?;
        if self.eat("=") {
            let digits = self.until(&['}']);
            let bytes = bytes_of(digits).ok_or_else(|| self.wrong("invalid hexadecimal digits"))?;
            return self.expect("}").map(|()| Item::Literal(bytes));
        }
        if self.eat("?") {
            let text = self.until(&['}']).as_bytes().to_vec();
            return self.expect("}").map(|()| Item::Optional(text));
        }
        if self.eat("json:") {
            return self.object().map(Item::Object);
        }
        let word = self.until(&['|', ':', '=', '}']);
        match self.peek() {
            Some(':') => self.group(None, word),
            Some('=') => {
                self.at += 1;
                let kind = self.until(&[':', '}']);
                self.group(Some(word), kind)
            }
            Some(_) => self.hole(word),
            None => Err(self.wrong("unmatched `{`")),
        }
    }

    fn group(&mut self, name: Option<&str>, kind: &str) -> Result<Item, Mistake> {
        let counted = COUNTED.into_iter().find(|(known, _)| *known == kind);
        let kind = match counted {
            Some((_, bytes)) => GroupKind::Counted(bytes),
            None => GroupKind::Spelled(self.spelling(kind)?),
        };
        let name = name.map(|name| self.named(name)).transpose()?;
        self.expect(":")?;
        let items = self.nested(|parser| parser.items(&['}']))?;
        self.expect("}")?;
        Ok(Item::Group(Group { name: name.map(Into::into), kind, items }))
    }

    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T, Mistake>) -> Result<T, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(&format!("more than {MAX_DEPTH} groups inside each other")));
        }
        let inner = inner(self)?;
        self.depth -= 1;
        Ok(inner)
    }

    fn spelling(&self, name: &str) -> Result<Spelling, Mistake> {
        Spelling::parse(name).ok_or_else(|| {
            let known = Spelling::names();
            self.wrong(&format!("unknown encoding `{name}`{}", meant(name, &known)))
                .help(format!("valid encodings are {}", known.join(", ")))
        })
    }

    fn named(&self, name: &'t str) -> Result<&'t str, Mistake> {
        let is_letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        match name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(is_letter) {
            true => Ok(name),
            false => Err(self
                .wrong(&format!("`{name}` is not a name of a part"))
                .help("a name consists of lower-case letters, digits and hyphens")),
        }
    }

    /// The rest of a hole behind its name: spelling, width, default.
    fn hole(&mut self, name: &'t str) -> Result<Item, Mistake> {
        let name = self.named(name)?;
        let (mut spelling, mut width, mut default) = (None, None, None);
        while self.eat("|") {
            let word = self.until(&['|', '}']);
            if let Some(digits) = word.strip_prefix('=') {
                default = Some(bytes_of(digits).ok_or_else(|| self.wrong("invalid hexadecimal digits"))?);
            } else if word.starts_with(|c: char| c.is_ascii_digit()) {
                let bytes = word.parse().ok().filter(|bytes| (1..=MAX_WIDTH).contains(bytes));
                width = Some(bytes.ok_or_else(|| {
                    self.wrong(&format!("a width must be a number of bytes from 1 to {MAX_WIDTH}"))
                })?);
            } else {
                spelling = Some(self.spelling(word)?);
            }
        }
        self.expect("}")?;
        let spelling = spelling.unwrap_or(if name == "key" { Spelling::Text } else { Spelling::Raw });
        Ok(Item::Hole(Hole { name: name.into(), spelling, width, default }))
    }

    /// The members of an object, behind `{json:`.
    fn object(&mut self) -> Result<Object, Mistake> {
        let mut members: Vec<Member> = Vec::new();
        loop {
            let name = self.until(&['=', ',', '}']).trim();
            self.expect("=")?;
            let (name, optional) = match name.strip_suffix('?') {
                Some(name) => (name, true),
                None => (name, false),
            };
            if name.is_empty() || name.contains(['"', '\\']) || members.iter().any(|known| known.name == name)
            {
                return Err(self.wrong(&format!("`{name}` cannot be a member of this object")));
            }
            let value = self.nested(Self::member_value)?;
            members.push(Member { name: name.to_owned(), optional, value });
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(Object { members })
    }

    fn member_value(&mut self) -> Result<MemberValue, Mistake> {
        if self.eat("{json:") {
            return self.object().map(MemberValue::Object);
        }
        if self.peek() == Some('{') {
            return self.items(&[',', '}']).map(MemberValue::String);
        }
        let constant = match self.eat("\"") {
            true => format!("\"{}\"", self.quoted()?),
            false => self.until(&[',', '}']).trim().to_owned(),
        };
        match serde_json::from_str::<serde_json::Value>(&constant) {
            Ok(value) if !value.is_object() && !value.is_array() => {
                Ok(MemberValue::Constant(constant.into_bytes()))
            }
            _ => Err(self.wrong(
                "the value of a member must be a part in braces, a string, a number, true, false or null",
            )),
        }
    }

    fn quoted(&mut self) -> Result<&'t str, Mistake> {
        let text = self.until(&['"', '\\']);
        self.expect("\"").map(|()| text)
    }
}

/// The bytes of some hexadecimal digits.
pub(crate) fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    hex::decode(digits).ok().filter(|bytes| !bytes.is_empty())
}
