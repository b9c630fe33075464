//! From the text of an expression to a tree of words.

use crate::mistake::Mistake;

/// A part of an expression as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term<'t> {
    Bytes(Vec<u8>),
    Number(u64),
    Word(&'t str),
    Call(&'t str, Vec<Term<'t>>),
}

/// Deeper expressions than any producer needs.
const MAX_DEPTH: usize = 16;

/// Reads an expression.
///
/// # Errors
/// On a mistake of form.
pub(super) fn term(text: &str) -> Result<Term<'_>, Mistake> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    let term = parser.term()?;
    match parser.peek() {
        None => Ok(term),
        Some(next) => Err(parser.wrong(&format!("unexpected `{next}`"))),
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

    /// The next character that is not blank.
    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
        self.rest().chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += if found { wanted.len_utf8() } else { 0 };
        found
    }

    fn wrong(&self, what: &str) -> Mistake {
        let at = self.text[..self.at].chars().count() + 1;
        Mistake::new(format!("{what} at character {at} of the expression"))
    }

    fn term(&mut self) -> Result<Term<'t>, Mistake> {
        if self.eat('\'') {
            return self.quoted();
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.wrong("expected a name, a function, a number, 0x… or '…'"));
        }
        if let Some(digits) = word.strip_prefix("0x") {
            let bytes = crate::layout::bytes_of(digits);
            return bytes.map(Term::Bytes).ok_or_else(|| self.wrong("invalid hexadecimal digits"));
        }
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.parse().map(Term::Number).map_err(|_| self.wrong("invalid number"));
        }
        match self.eat('(') {
            true => self.arguments().map(|arguments| Term::Call(word, arguments)),
            false => Ok(Term::Word(word)),
        }
    }

    fn quoted(&mut self) -> Result<Term<'t>, Mistake> {
        let rest = self.rest();
        let end = rest.find('\'').ok_or_else(|| self.wrong("unmatched quote"))?;
        self.at += end + 1;
        Ok(Term::Bytes(rest.as_bytes()[..end].to_vec()))
    }

    fn word(&mut self) -> &'t str {
        self.peek();
        let rest = self.rest();
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let end = rest.find(|c| !is_letter(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn arguments(&mut self) -> Result<Vec<Term<'t>>, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.wrong(&format!("more than {MAX_DEPTH} calls inside each other")));
        }
        let mut arguments = Vec::new();
        while !self.eat(')') {
            if !arguments.is_empty() && !self.eat(',') {
                return Err(self.wrong("expected `,` or `)`"));
            }
            arguments.push(self.term()?);
        }
        self.depth -= 1;
        Ok(arguments)
    }
}
