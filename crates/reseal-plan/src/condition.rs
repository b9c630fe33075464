//! What can be told of a `where:` without its database: whether it ends where it seems to, and which columns it reads.
//!
//! It is no SQL parser. It knows what all three databases agree on: quotes, comments, parentheses and names.

/// Why a condition cannot stand in a longer statement.
pub(crate) type Problem = &'static str;

/// A column that a run rewrites.
#[derive(Clone, Debug)]
pub(crate) struct Rewritten<'c> {
    pub(crate) name: &'c str,
    /// Whether it holds the cell itself: one that is NULL or empty then stays so, and no other becomes so.
    pub(crate) is_cell: bool,
    /// What its new cells begin with; a tag in it that is not known yet is a NUL.
    pub(crate) begins: Option<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name { text: String, quote: Option<char> },
    Text(String),
    Other(char),
}

impl Token {
    fn is_word(&self, word: &str) -> bool {
        matches!(self, Token::Name { text, quote: None } if text.eq_ignore_ascii_case(word))
    }

    fn is_one_of(&self, characters: &[char]) -> bool {
        matches!(self, Token::Other(c) if characters.contains(c))
    }

    /// A text without characters. MariaDB takes double quotes for those of a text.
    fn is_empty_text(&self) -> bool {
        matches!(self, Token::Text(text) | Token::Name { text, quote: Some('"') } if text.is_empty())
    }
}

/// The first of the rewritten columns of a table that decides whether a row meets the condition, so that rotating the row
/// may change that.
///
/// # Errors
/// Where the condition would reach beyond its end.
pub(crate) fn reads<'c>(
    condition: &str,
    table: &str,
    rewritten: &[Rewritten<'c>],
) -> Result<Option<&'c str>, Problem> {
    // Whether a backslash escapes a quote depends on the database.
    let tokens = tokens(condition, false).or_else(|problem| tokens(condition, true).map_err(|_| problem))?;
    let read = |column: &&Rewritten<'_>| (0..tokens.len()).any(|at| is_read(&tokens, at, table, column));
    Ok(rewritten.iter().find(read).map(|column| column.name))
}

/// Whether the token at this position is the column, and what is asked of it may change.
fn is_read(tokens: &[Token], at: usize, table: &str, column: &Rewritten<'_>) -> bool {
    let Token::Name { text, quote } = &tokens[at] else { return false };
    let (before, after) = (&tokens[..at], &tokens[at + 1..]);
    let next_is = |characters: &[char]| after.first().is_some_and(|next| next.is_one_of(characters));
    let last_is = |characters: &[char]| before.last().is_some_and(|last| last.is_one_of(characters));
    let is_function_or_table = next_is(&['(', '.']);
    let is_text_of_mariadb = *quote == Some('"') && last_is(&['=', '<', '>']);
    let is_another =
        is_of_another_table(before, table) || is_type(before) || is_function_or_table || is_text_of_mariadb;
    let stays = column.is_cell && stays(before, after, column.begins.as_deref());
    text.eq_ignore_ascii_case(column.name) && !is_another && !stays
}

fn is_of_another_table(before: &[Token], table: &str) -> bool {
    match before {
        [.., Token::Name { text, .. }, Token::Other('.')] => !text.eq_ignore_ascii_case(table),
        _ => false,
    }
}

/// `kind::text`, `CAST(kind AS text)`.
fn is_type(before: &[Token]) -> bool {
    matches!(before, [.., Token::Other(':'), Token::Other(':')])
        || before.last().is_some_and(|last| last.is_word("as"))
}

/// Whether what is asked of a cell has the same answer once it is rotated.
fn stays(before: &[Token], after: &[Token], begins: Option<&[u8]>) -> bool {
    asks_for_null(after) || compares_with_nothing(before, after) || asks_for_beginning(after, begins)
}

fn asks_for_null(after: &[Token]) -> bool {
    let word = |at: usize, word: &str| after.get(at).is_some_and(|token| token.is_word(word));
    let not = usize::from(word(1, "not"));
    word(0, "isnull") || word(0, "notnull") || (word(0, "is") && word(1 + not, "null"))
}

/// Whether it is compared with an empty text, on either side.
fn compares_with_nothing(before: &[Token], after: &[Token]) -> bool {
    let is_operator = |token: &&Token| token.is_one_of(&['<', '>', '!', '=']);
    let behind = after.iter().take_while(is_operator).count();
    let ahead = before.iter().rev().take_while(is_operator).count();
    (behind > 0 && after.get(behind).is_some_and(Token::is_empty_text))
        || (ahead > 0 && before.iter().rev().nth(ahead).is_some_and(Token::is_empty_text))
}

/// `LIKE 'enc:%'`, where new cells begin so too.
fn asks_for_beginning(after: &[Token], begins: Option<&[u8]>) -> bool {
    let [like, Token::Text(pattern), ..] = after else { return false };
    let Some((beginning, "")) = pattern.split_once('%') else { return false };
    like.is_word("like")
        && !after.get(2).is_some_and(|token| token.is_word("escape"))
        && !beginning.contains(['_', '\\', '\0'])
        && begins.is_some_and(|begins| begins.starts_with(beginning.as_bytes()))
}

fn tokens(condition: &str, escapes: bool) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut depth = 0_usize;
    let mut rest = condition.trim_start();
    while let Some(first) = rest.chars().next() {
        let mut after = &rest[first.len_utf8()..];
        match first {
            '\'' => {
                let inside;
                let before = &condition[..condition.len() - rest.len()];
                (inside, after) = quoted(after, '\'', escapes || is_escape_prefix(before))?;
                tokens.push(Token::Text(inside.to_owned()));
            }
            '"' | '`' => {
                let inside;
                (inside, after) = quoted(after, first, false)?;
                let doubled: String = [first, first].iter().collect();
                let text = inside.replace(&doubled, &first.to_string());
                tokens.push(Token::Name { text, quote: Some(first) });
            }
            '$' if after.starts_with(|c: char| c.is_ascii_digit()) => {
                return Err("it must not contain a parameter such as `$1`");
            }
            '$' if let Some((_, behind)) = dollar_quoted(rest) => {
                tokens.push(Token::Text("$".to_owned()));
                after = behind;
            }
            '-' if after.starts_with('-') => return Err("it must not contain a comment"),
            '/' if after.starts_with('*') => return Err("it must not contain a comment"),
            ';' => return Err("it must be one condition, without a semicolon"),
            '?' => return Err("it must not contain a `?`, which stands for a parameter"),
            '(' => {
                depth += 1;
                tokens.push(Token::Other(first));
            }
            ')' => {
                depth = depth.checked_sub(1).ok_or("its parentheses do not match")?;
                tokens.push(Token::Other(first));
            }
            _ if first.is_alphanumeric() || first == '_' => {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$');
                let (text, behind) = rest.split_at(end.unwrap_or(rest.len()));
                tokens.push(Token::Name { text: text.to_owned(), quote: None });
                after = behind;
            }
            other => tokens.push(Token::Other(other)),
        }
        rest = after.trim_start();
    }
    if depth == 0 { Ok(tokens) } else { Err("its parentheses do not match") }
}

/// Whether the quote behind this begins a text of PostgreSQL's in which a backslash escapes.
fn is_escape_prefix(before: &str) -> bool {
    let mut last = before.chars().rev();
    matches!(last.next(), Some('e' | 'E'))
        && !last.next().is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
}

/// What stands before the closing quote, a doubled one being part of it, and what comes after.
fn quoted(text: &str, quote: char, escapes: bool) -> Result<(&str, &str), Problem> {
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if escapes && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return Ok((&text[..at], &text[at + quote.len_utf8()..]));
        }
    }
    Err("it has a quote that is not closed")
}

/// A text in PostgreSQL's dollar quotes, and what comes after.
fn dollar_quoted(text: &str) -> Option<(&str, &str)> {
    let end = text[1..].find(|c: char| !c.is_alphanumeric() && c != '_')?;
    let (tag, after) = text.split_at_checked(end + 2).filter(|(tag, _)| tag.ends_with('$'))?;
    after.split_once(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(condition: &str) -> Result<Option<&'static str>, Problem> {
        let cell = |name, begins: &str| Rewritten { name, is_cell: true, begins: Some(begins.into()) };
        let beside = Rewritten { name: "Key", is_cell: false, begins: None };
        reads(condition, "people", &[cell("a", "enc:\0:"), beside, cell("text", "")])
    }

    #[test]
    fn columns_that_decide_are_found() {
        for condition in [
            "a like 'v1:%'",
            "a like 'enc:v1:%'",
            "a like 'enc:%x'",
            "a not like 'enc:%'",
            "a like 'e_c:%' escape 'x'",
            "A = 'x'",
            "id < 5 and (people.a <> 'it''s')",
            "\"a\" > ''''",
            "`A` = 'x'",
            "coalesce(a, '') = ''",
            "a is distinct from b",
        ] {
            assert_eq!(read(condition), Ok(Some("a")), "{condition}");
        }
        for condition in ["key is null", "`key` <> ''", "key like 'v%'", "b = key"] {
            assert_eq!(read(condition), Ok(Some("Key")), "{condition}");
        }
        assert_eq!(read("text = 'x'"), Ok(Some("text")));
    }

    #[test]
    fn others_are_none_of_it() {
        for condition in [
            "a is not null",
            "a IS NULL or people.a is null or a notnull",
            "a <> '' and '' <> a and a <> \"\"",
            "a like 'enc:%' and a LIKE 'e%'",
            "kind = 'a' and kind = \"a\"",
            "kind = $$a = (;$$ and $x$a$x$ = kind",
            "a(kind) and a.kind = 1 and aa = 1",
            "exists (select 1 from others o where o.a = people.id)",
            "kind::text = 'x' and cast(kind as text) = 'y'",
            "note = 'it\\'s (a' and kind = 'x'",
            "note = 'C:\\' or kind = 'é'",
        ] {
            assert_eq!(read(condition), Ok(None), "{condition}");
        }
    }

    #[test]
    fn what_reaches_beyond_its_end_is_refused() {
        for (condition, problem) in [
            ("1=1) or (1=1", "its parentheses do not match"),
            ("(1=1", "its parentheses do not match"),
            ("kind = 'x", "it has a quote that is not closed"),
            ("kind = \"x", "it has a quote that is not closed"),
            ("1=1 -- or", "it must not contain a comment"),
            ("1=1 /* ) */", "it must not contain a comment"),
            ("1=1; DROP TABLE t", "it must be one condition, without a semicolon"),
            ("kind = $1", "it must not contain a parameter such as `$1`"),
            ("kind = $1$ or $1$", "it must not contain a parameter such as `$1`"),
            ("kind = ?", "it must not contain a `?`, which stands for a parameter"),
            ("kind <> E'a\\'' OR 1=1) OR (kind = E'b\\''", "its parentheses do not match"),
            ("kind <> e'\\\\' OR 1=1) OR (kind = ''", "its parentheses do not match"),
        ] {
            assert_eq!(read(condition), Err(problem), "{condition}");
        }
        assert_eq!(
            read("kind = '-- /* ;)?$1' and note = E'it\\'s (' and \"x?\" = 'e' and note = 'fine'"),
            Ok(None)
        );
    }
}
