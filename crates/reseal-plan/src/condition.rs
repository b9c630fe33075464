//! What can be told of a `where:` without its database: whether it ends where it seems to, and which columns it reads.
//!
//! It is no SQL parser. It knows what all three databases agree on: quotes, comments, parentheses and names.

/// Why a condition cannot stand in a longer statement.
pub(crate) type Problem = &'static str;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name { text: String, quoted: bool },
    Text { empty: bool },
    Other(char),
}

/// The columns of `known` whose values a condition depends on. Whether a column is NULL, or empty, is another matter: no
/// rotation changes that.
///
/// # Errors
/// Where the condition would reach beyond its end.
pub(crate) fn reads<'k>(
    condition: &str,
    known: impl Iterator<Item = &'k str>,
) -> Result<Vec<&'k str>, Problem> {
    // Whether a backslash escapes a quote depends on the database.
    let tokens = tokens(condition, false).or_else(|problem| tokens(condition, true).map_err(|_| problem))?;
    Ok(known.filter(|column| is_read(&tokens, column)).collect())
}

fn is_read(tokens: &[Token], column: &str) -> bool {
    let is_it = |token: &Token| match token {
        Token::Name { text, quoted: true } => text == column,
        Token::Name { text, quoted: false } => text.eq_ignore_ascii_case(column),
        _ => false,
    };
    (0..tokens.len()).filter(|at| is_it(&tokens[*at])).any(|at| {
        let rest = &tokens[at + 1..];
        // A function, or the table before its column.
        let is_column = !matches!(rest.first(), Some(Token::Other('(' | '.')));
        is_column && !asks_for_null(rest) && !compares_with_nothing(rest)
    })
}

fn asks_for_null(rest: &[Token]) -> bool {
    let word = |at: usize, wanted: &str| match rest.get(at) {
        Some(Token::Name { text, quoted: false }) => text.eq_ignore_ascii_case(wanted),
        _ => false,
    };
    let not = usize::from(word(1, "not"));
    word(0, "is") && word(1 + not, "null")
}

fn compares_with_nothing(rest: &[Token]) -> bool {
    let operator =
        rest.iter().take_while(|token| matches!(token, Token::Other('<' | '>' | '!' | '='))).count();
    operator > 0 && matches!(rest.get(operator), Some(Token::Text { empty: true }))
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
                (inside, after) = quoted(after, '\'', escapes)?;
                tokens.push(Token::Text { empty: inside.is_empty() });
            }
            '"' | '`' => {
                let inside;
                (inside, after) = quoted(after, first, false)?;
                let doubled: String = [first, first].iter().collect();
                let text = inside.replace(&doubled, &first.to_string());
                tokens.push(Token::Name { text, quoted: true });
            }
            '$' if let Some((_, behind)) = dollar_quoted(rest) => {
                tokens.push(Token::Text { empty: false });
                after = behind;
            }
            '-' if after.starts_with('-') => return Err("it must hold no comment"),
            '/' if after.starts_with('*') => return Err("it must hold no comment"),
            ';' => return Err("it must be one condition, without a semicolon"),
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
                tokens.push(Token::Name { text: text.to_owned(), quoted: false });
                after = behind;
            }
            other => tokens.push(Token::Other(other)),
        }
        rest = after.trim_start();
    }
    if depth == 0 { Ok(tokens) } else { Err("its parentheses do not match") }
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
    Err("a quote in it is not closed")
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

    fn read(condition: &str) -> Result<Vec<&'static str>, Problem> {
        reads(condition, ["a", "Key"].into_iter())
    }

    #[test]
    fn columns_that_decide_are_found() {
        for condition in [
            "a like 'v1:%'",
            "A = 'x'",
            "id < 5 and (t.a <> 'it''s')",
            "\"a\" > ''''",
            "`a` = 'x'",
            "coalesce(a, '') = ''",
            "a is distinct from b",
        ] {
            assert_eq!(read(condition), Ok(vec!["a"]), "{condition}");
        }
        assert_eq!(read("a = key"), Ok(vec!["a", "Key"]));
    }

    #[test]
    fn others_are_none_of_it() {
        for condition in [
            "a is not null",
            "a IS NULL or t.a is null",
            "a <> '' and '' <> 'a'",
            "kind = 'a'",
            "kind = $$a = (;$$ and $x$a$x$ = kind",
            "a(kind) and a.kind = 1 and aa = 1",
            "\"A\" = 1",
            "note = 'it\\'s (a' and kind = 'x'",
            "note = 'C:\\' or kind = 'é'",
        ] {
            assert_eq!(read(condition), Ok(vec![]), "{condition}");
        }
    }

    #[test]
    fn what_reaches_beyond_its_end_is_refused() {
        for (condition, problem) in [
            ("1=1) or (1=1", "its parentheses do not match"),
            ("(1=1", "its parentheses do not match"),
            ("kind = 'x", "a quote in it is not closed"),
            ("kind = \"x", "a quote in it is not closed"),
            ("1=1 -- or", "it must hold no comment"),
            ("1=1 /* ) */", "it must hold no comment"),
            ("1=1; DROP TABLE t", "it must be one condition, without a semicolon"),
        ] {
            assert_eq!(read(condition), Err(problem), "{condition}");
        }
        assert_eq!(read("kind = '-- /* ;)'"), Ok(vec![]));
    }
}
