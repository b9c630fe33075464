//! What the names of columns say of the parts of a cell: which are ciphertexts, and whose nonce or DEK a column is.

/// Words that say that a column holds a ciphertext.
const CIPHERTEXTS: [&str; 9] =
    ["ciphertext", "cipher", "encrypted", "enc", "sealed", "crypt", "crypted", "ct", "cryptogram"];
/// Words that say which part of a cell a column holds.
const PARTS: [&str; 13] =
    ["iv", "nonce", "tag", "mac", "auth", "dek", "key", "wrapped", "data", "salt", "version", "id", "kid"];

/// The one of them that stands in the names of ciphertexts too.
const DATA: &str = "data";

/// What a column's name says, its words about parts taken off: `email` for `encrypted_email` and for `email_iv`.
fn stem(column: &str, about: &[&str]) -> Option<String> {
    let words: Vec<String> = words(column);
    let rest: Vec<&String> = words.iter().filter(|word| !about.contains(&word.as_str())).collect();
    (rest.len() < words.len()).then(|| rest.into_iter().cloned().collect::<Vec<_>>().join("_"))
}

fn words(column: &str) -> Vec<String> {
    column.split(|letter: char| !letter.is_alphanumeric()).map(str::to_ascii_lowercase).collect()
}

/// Whether a column is a ciphertext by its name, and none of the table's columns is a part of its own: then it goes by parts
/// that are nobody's by their names, as `iv` is in `iv, email_encrypted, phone_encrypted`. `part` is such a column that the
/// plan knows as a part of the ciphertext `of`.
pub(super) fn goes_by(column: &str, part: &str, of: &str, all: &[&str]) -> bool {
    let is_part = |word: &String| word != DATA && PARTS.contains(&word.as_str());
    let Some(own) = stem(column, &CIPHERTEXTS).filter(|_| !words(column).iter().any(is_part)) else {
        return false;
    };
    let mut stems = all.iter().filter(|other| **other != column).filter_map(|other| part_stem(other));
    if stems.any(|stem| !own.is_empty() && stem == own) {
        return false;
    }
    let of_part = part_stem(part).unwrap_or_default();
    let of_cell = stem(of, &CIPHERTEXTS).unwrap_or_else(|| words(of).join("_"));
    of_part.is_empty() || of_part != of_cell
}

/// Whose part a column is by its name: nobody's where it is called `iv`.
fn part_stem(column: &str) -> Option<String> {
    let both: Vec<&str> = PARTS.iter().chain(&CIPHERTEXTS).copied().collect();
    stem(column, &PARTS)?;
    stem(column, &both)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ciphertext_without_parts_of_its_own_goes_by_those_of_the_row() {
        let row = ["id", "iv", "email_encrypted", "phone_encrypted"];
        assert!(goes_by("phone_encrypted", "iv", "email_encrypted", &row));
        let row = ["id", "data_key", "encrypted_email", "email_iv", "encrypted_phone", "phone_iv"];
        assert!(
            !goes_by("encrypted_phone", "data_key", "encrypted_email", &row),
            "it may have a key of its own"
        );
        let row = ["id", "encrypted_email", "encrypted_email_iv", "encrypted_phone", "encrypted_phone_iv"];
        assert!(!goes_by("encrypted_phone", "encrypted_email_iv", "encrypted_email", &row));
        let row = ["id", "email_ct", "email_iv", "phone_ct"];
        assert!(!goes_by("phone_ct", "email_iv", "email_ct", &row), "the nonce is another's by its name");
        for part in ["data_key_ciphertext", "enc_id", "encrypted_email_tag"] {
            assert!(
                !goes_by(part, "iv", "email_encrypted", &["id", "iv", "email_encrypted", part]),
                "{part}"
            );
        }
        assert!(!goes_by(
            "description",
            "iv",
            "email_encrypted",
            &["id", "iv", "email_encrypted", "description"]
        ));
    }
}
