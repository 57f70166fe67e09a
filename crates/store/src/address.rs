//! Addresses of stores: which kind, and how one is shown without what is secret in it.

use std::path::Path;

/// What an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    /// A file on this machine.
    Sqlite(&'a str),
    /// A server; the whole URL, as libpq reads it.
    Postgres(&'a str),
}

impl<'a> Address<'a> {
    /// `None` for an address of no kind that we know.
    pub(crate) fn parse(url: &'a str) -> Option<Self> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let is_path = !path.is_empty() && !path.starts_with(':') && !path.contains('?');
            return is_path.then_some(Self::Sqlite(path));
        }
        let is_postgres = url.starts_with("postgres://") || url.starts_with("postgresql://");
        is_postgres.then_some(Self::Postgres(url))
    }
}

/// The file that an address leads to, where it leads to one.
#[must_use]
pub fn file(url: &str) -> Option<&Path> {
    match Address::parse(url)? {
        Address::Sqlite(path) => Some(Path::new(path)),
        Address::Postgres(_) => None,
    }
}

/// An address without the password in it. Where it is not plain what the password is, all but the kind is left out.
#[must_use]
pub fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://").filter(|(scheme, _)| !scheme.starts_with("sqlite"))
    else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    // A password with a bare `/`, `?`, `#` or `@` in it ends somewhere behind what looks like its end.
    if path.contains('@')
        || query.is_some_and(|query| query.contains('@'))
        || authority.matches('@').count() > 1
    {
        return format!("{scheme}://…");
    }
    let authority = match authority.split_once('@') {
        None => authority.to_owned(),
        Some((user, host)) => match user.split_once(':') {
            None => authority.to_owned(),
            Some((name, _password)) => format!("{name}:***@{host}"),
        },
    };
    let query = query.map(|query| {
        let parts = query.split('&').map(|part| match part.split_once('=') {
            Some((name, _)) if name.contains("password") => format!("{name}=***"),
            _ => part.to_owned(),
        });
        format!("?{}", parts.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{authority}{path}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_the_scheme() {
        assert_eq!(Address::parse("sqlite:/a/b.db"), Some(Address::Sqlite("/a/b.db")));
        assert_eq!(Address::parse("sqlite:///a/b.db"), Some(Address::Sqlite("/a/b.db")));
        for url in ["postgres://host/db", "postgresql:///db?host=/run/postgresql"] {
            assert_eq!(Address::parse(url), Some(Address::Postgres(url)));
        }
        for url in [
            "",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:a?mode=ro",
            "/a/b.db",
            "mysql://host/db",
            "postgres:db",
        ] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }

    #[test]
    fn a_file_is_found_by_any_form_of_its_address() {
        for (url, path) in [
            ("sqlite:/a/b.db", Some("/a/b.db")),
            ("sqlite:///a/b.db", Some("/a/b.db")),
            ("sqlite:b.db", Some("b.db")),
            ("sqlite://b.db", Some("b.db")),
            ("postgres://host/db", None),
        ] {
            assert_eq!(file(url), path.map(Path::new), "{url}");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, expected) in [
            ("sqlite:/a/b.db", "sqlite:/a/b.db"),
            ("postgres://host/db", "postgres://host/db"),
            ("postgres://ann@host/db", "postgres://ann@host/db"),
            (
                "postgres://ann:hush@host:5432/db?sslmode=require",
                "postgres://ann:***@host:5432/db?sslmode=require",
            ),
            ("postgres://host/db?user=ann&password=hush", "postgres://host/db?user=ann&password=***"),
            ("postgres://ann:hush/hush@host/db", "postgres://…"),
            ("postgres://ann:hush?hush@host/db", "postgres://…"),
            ("postgres://ann:hush@hush@host/db", "postgres://…"),
            ("postgres://ann:hu#sh@host/db", "postgres://…"),
        ] {
            let shown = shown(url);
            assert_eq!(shown, expected, "{url}");
            assert!(!shown.contains("hush"), "{shown}");
        }
    }
}
