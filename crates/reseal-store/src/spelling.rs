//! Database URLs as other programs spell them: whose spelling it is, and nothing else of the URL, is said.

/// What is wrong with a URL that begins with no scheme of ours.
pub(crate) fn explained(url: &str) -> &'static str {
    let scheme = url.split_once("://").map(|(scheme, _)| scheme);
    match scheme {
        _ if url.starts_with("jdbc:") => "the database URL is in the form of JDBC",
        Some(scheme) if scheme.contains('+') => {
            "the database URL is in the form of SQLAlchemy; omit the driver (`+…`) from its scheme"
        }
        None if ["host=", "dbname=", "user="].iter().any(|key| url.contains(key)) => {
            "the database URL is a list of `key=value` pairs, as libpq accepts it"
        }
        _ => "the database URL must start with postgres://, mysql:// or sqlite://",
    }
}

/// Whether the URL of a server names a database on it.
pub(crate) fn names_a_database(url: &str) -> bool {
    let (url, query) = url.split_once('?').unwrap_or((url, ""));
    let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    !path.is_empty() || query.split('&').any(|pair| pair.starts_with("dbname=") && pair != "dbname=")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_others_are_recognised_and_nothing_is_repeated() {
        for (url, said) in [
            ("jdbc:postgresql://h/d?user=u&password=SECRET", "JDBC"),
            ("postgresql+psycopg2://u:SECRET@h/d", "SQLAlchemy"),
            ("mysql+pymysql://u:SECRET@h/d", "SQLAlchemy"),
            ("host=h dbname=d user=u password=SECRET", "libpq"),
            ("oracle://u:SECRET@h/d", "must start with postgres://"),
            ("SECRET", "must start with postgres://"),
        ] {
            let text = explained(url);
            assert!(text.contains(said) && !text.contains("SECRET"), "{url}: {text}");
        }
    }

    #[test]
    fn a_server_alone_is_no_database() {
        for url in [
            "postgres://h",
            "postgres://u@h:5432/",
            "mysql://root@h/?ssl-mode=DISABLED",
            "postgres://h?dbname=",
        ] {
            assert!(!names_a_database(url), "{url}");
        }
        for url in
            ["postgres://h/d", "mysql://u:p@h:3306/d?ssl-mode=DISABLED", "postgres:///?host=/run&dbname=d"]
        {
            assert!(names_a_database(url), "{url}");
        }
    }
}
