//! The types that a setting's value can have, each with its reading and the words that explain it.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use stonegate_catalog::Geography;

use super::settings::{ModelRule, Secret};
use super::source::Written;

/// How one type of setting is read.
pub(super) trait Kind {
    /// What it becomes.
    type Value;
    /// What it looks like, in Markdown; "wants …" comes before it in errors.
    const SHAPE: &'static str;
    /// Reads it; `None` when it is not of this kind. Relative paths start at `base`.
    fn parse(written: &Written, base: &Path) -> Option<Self::Value>;
    /// What an optional setting is when nobody set it.
    fn missing() -> Option<Self::Value> {
        None
    }
}

/// An enum that is written as one of a few words.
pub(super) trait OneOf: Copy + 'static {
    const WORDS: &'static [(&'static str, Self)];
    const SHAPE: &'static str;
}

fn text(written: &Written) -> Option<&str> {
    match written {
        Written::Text(text) => Some(text),
        Written::Integer(_) | Written::Bool(_) | Written::List(_) | Written::Table(_) | Written::Other(_) => {
            None
        }
    }
}

/// A whole number, from a number or from text, so that `${VARIABLE}` can give one.
fn whole(written: &Written) -> Option<u64> {
    match written {
        Written::Integer(number) => u64::try_from(*number).ok(),
        Written::Text(text) => text.trim().replace('_', "").parse().ok(),
        Written::Bool(_) | Written::List(_) | Written::Table(_) | Written::Other(_) => None,
    }
}

/// Longer than any store lasts.
const MOST_DAYS: u32 = 36_500;
/// Longest wait that a setting may ask for: a day. More is a slip of the unit.
const LONGEST_SECONDS: u64 = 86_400;

/// Makes the kinds that are one expression.
macro_rules! kinds {
    ($( $(#[doc = $doc:literal])+ $Name:ident: $value:ty = $shape:literal, |$written:ident, $base:pat_param| $parse:expr; )+) => { $(
        $(#[doc = $doc])+
        pub(super) struct $Name;
        impl Kind for $Name {
            type Value = $value;
            const SHAPE: &'static str = $shape;
            fn parse($written: &Written, $base: &Path) -> Option<$value> {
                $parse
            }
        }
    )+ };
}

/// Makes the optional form of a kind: empty text and absence are `None`.
macro_rules! optional {
    ($($Name:ident of $Inner:ident;)+) => { $(
        pub(super) struct $Name;
        impl Kind for $Name {
            type Value = Option<<$Inner as Kind>::Value>;
            const SHAPE: &'static str = <$Inner as Kind>::SHAPE;
            fn parse(written: &Written, base: &Path) -> Option<Self::Value> {
                if text(written) == Some("") { Some(None) } else { $Inner::parse(written, base).map(Some) }
            }
            fn missing() -> Option<Self::Value> {
                Some(None)
            }
        }
    )+ };
}

kinds! {
    /// An address to listen on.
    Address: SocketAddr = "an IP address and a port, such as `127.0.0.1:8080` or `[::]:8080`", |written, _| {
        let text = text(written)?;
        match text.split_once(':') {
            Some(("localhost", port)) => Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok()?))),
            Some(_) | None => text.parse().ok(),
        }
    };
    /// A path; a relative one starts at the file that names it.
    File: PathBuf = "a path", |written, base| {
        text(written).filter(|text| !text.is_empty()).map(|text| base.join(text))
    };
    /// A size.
    Bytes: usize = "a whole number of bytes", |written, _| usize::try_from(whole(written)?).ok().filter(|size| *size > 0);
    /// A number of things.
    Count: u32 = "a whole number from 1", |written, _| u32::try_from(whole(written)?).ok().filter(|count| *count > 0);
    /// A number of days.
    Days: u32 = "a whole number of days, at most 36500", |written, _| {
        u32::try_from(whole(written)?).ok().filter(|days| *days <= MOST_DAYS)
    };
    /// A number of threads.
    Threads: usize = "a whole number from 1 to 1024", |written, _| {
        usize::try_from(whole(written)?).ok().filter(|count| (1..=1024).contains(count))
    };
    /// A part of a whole.
    Percent: u8 = "a whole number from 1 to 100", |written, _| {
        u8::try_from(whole(written)?).ok().filter(|percent| (1..=100).contains(percent))
    };
    /// A number of tokens.
    Tokens: u64 = "a whole number of tokens", |written, _| whole(written);
    /// A time.
    Seconds: Duration = "a whole number of seconds, at most 86400", |written, _| {
        whole(written).filter(|seconds| *seconds <= LONGEST_SECONDS).map(Duration::from_secs)
    };
    /// A time that something must have.
    SomeSeconds: Duration = "a whole number of seconds from 1 to 86400", |written, _| {
        whole(written).filter(|seconds| (1..=LONGEST_SECONDS).contains(seconds)).map(Duration::from_secs)
    };
    /// A short time that something must have.
    SomeMillis: Duration = "a whole number of milliseconds from 1 to 86400000", |written, _| {
        whole(written).filter(|millis| (1..=LONGEST_SECONDS * 1000).contains(millis)).map(Duration::from_millis)
    };
    /// Yes or no.
    Switch: bool = "`true` or `false`", |written, _| match written {
        Written::Bool(truth) => Some(*truth),
        Written::Text(text) => text.to_lowercase().parse().ok(),
        Written::Integer(_) | Written::List(_) | Written::Table(_) | Written::Other(_) => None,
    };
    /// A level, or levels by module.
    LogFilter: String = "`error`, `warn`, `info`, `debug` or `trace`, also by module: `info,stonegate_server=debug`", |written, _| {
        let text = text(written)?;
        text.parse::<tracing_subscriber::filter::Targets>().ok()?;
        // `Targets` takes a bare word that is no level for the name of a module: a slip would silence the log.
        let modules_have_levels = text.split(',').all(|part| {
            part.contains('=') || part.trim().parse::<tracing_subscriber::filter::LevelFilter>().is_ok()
        });
        modules_have_levels.then(|| text.to_owned())
    };
    /// The address of a store.
    Url: String = "the address of a store, such as `sqlite:/var/lib/stonegate/stonegate.db` or `postgres://stonegate@db.internal/stonegate`", |written, _| {
        let text = text(written)?;
        let (scheme, rest) = text.split_once(':')?;
        (!scheme.is_empty() && !rest.is_empty()).then(|| text.to_owned())
    };
    /// An AWS region.
    Region: String = "a region of AWS, such as `eu-west-1`", |written, _| {
        text(written).map(str::trim).filter(|text| is_region(text)).map(str::to_owned)
    };
    /// Doors to models, best first.
    Geographies: Vec<String> = "a list of `us`, `eu`, `apac`, `jp`, `au`, `in`, `us-gov`, `global` and `in-region`; in a variable, separated by commas", |written, base| {
        let known = |word: &String| word == "in-region" || Geography::parse(word).is_some();
        Words::parse(written, base).filter(|words| words.iter().all(known))
    };
    /// The address of a service.
    WebUrl: String = "a URL, such as `https://host:443`", |written, _| {
        let text = text(written)?;
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        (!authority.is_empty() && text.parse::<http::Uri>().is_ok()).then(|| text.to_owned())
    };
    /// A word.
    Line: String = "text", |written, _| text(written).map(|text| text.trim().to_owned());
    /// A secret; better written as `${VARIABLE}` or `${file:PATH}`.
    Hidden: Secret = "text, best as `${VARIABLE}` or `${file:PATH}`", |written, _| {
        text(written).map(|text| Secret::new(text.trim().to_owned()))
    };
    /// A list of words.
    Words: Vec<String> = "a list of text; in a variable, separated by commas", |written, _| match written {
        Written::Text(text) => Some(split(text).map(str::to_owned).collect()),
        Written::List(items) => items.iter().map(|item| text(item).map(str::to_owned)).collect(),
        Written::Integer(_) | Written::Bool(_) | Written::Table(_) | Written::Other(_) => None,
    };
    /// Networks and single addresses.
    Networks: Vec<IpNet> = "a list of networks and addresses, such as `10.0.0.0/8` or `::1`; in a variable, separated by commas", |written, base| {
        let network = |word: &String| word.parse().ok().or_else(|| Some(word.parse::<IpAddr>().ok()?.into()));
        Words::parse(written, base)?.iter().map(network).collect()
    };
    /// Names and what they stand for.
    Pairs: BTreeMap<String, String> = "a table of text; in a variable, `name=value,name=value`", |written, _| match written {
        Written::Text(text) => split(text).map(pair).collect(),
        Written::Table(entries) => {
            entries.iter().map(|(name, value)| Some((name.clone(), text(value)?.to_owned()))).collect()
        }
        Written::Integer(_) | Written::Bool(_) | Written::List(_) | Written::Other(_) => None,
    };
    /// Headers of HTTP.
    Headers: BTreeMap<String, Secret> = "a table of headers, best with `${VARIABLE}` in them; in a variable, `name=value,name=value`", |written, base| {
        let header = |(name, value): (String, String)| {
            let value = value.trim().to_owned();
            http::HeaderName::try_from(&name).ok()?;
            http::HeaderValue::try_from(&value).ok()?;
            Some((name, Secret::new(value)))
        };
        Pairs::parse(written, base)?.into_iter().map(header).collect()
    };
    /// Patterns and what they stand for, in order.
    Rules: Vec<ModelRule> = "a list of tables with `match` and `model`; in a variable, `pattern=model,pattern=model`", |written, _| match written {
        Written::Text(text) => {
            split(text).map(|part| pair(part).map(|(pattern, model)| ModelRule { pattern, model })).collect()
        }
        Written::List(items) => items.iter().map(rule).collect(),
        Written::Integer(_) | Written::Bool(_) | Written::Table(_) | Written::Other(_) => None,
    };
}

optional! {
    MaybeAddress of Address;
    MaybeFile of File;
    MaybeCount of Threads;
    MaybeText of Line;
    MaybeRegion of Region;
    MaybeUrl of WebUrl;
    Password of Hidden;
}

/// Parts with hyphens between, a number last: `us-gov-west-1`. New regions are none of our business.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [letters @ .., number] = parts.as_slice() else { return false };
    letters.len() >= 2
        && letters.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// One of a few words.
pub(super) struct Choice<T>(PhantomData<T>);

impl<T: OneOf> Kind for Choice<T> {
    type Value = T;
    const SHAPE: &'static str = T::SHAPE;
    fn parse(written: &Written, _: &Path) -> Option<T> {
        let word = text(written)?;
        T::WORDS.iter().find(|(known, _)| *known == word).map(|(_, value)| *value)
    }
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn pair(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once('=')?;
    // What stands in a file as TOML is no list of pairs.
    let is_plain = !name.contains(['[', '{', '"']);
    (is_plain && !name.trim().is_empty() && !value.trim().is_empty())
        .then(|| (name.trim().to_owned(), value.trim().to_owned()))
}

fn rule(written: &Written) -> Option<ModelRule> {
    let Written::Table(entries) = written else { return None };
    let find = |wanted: &str| {
        entries.iter().find(|(name, _)| name == wanted).and_then(|(_, value)| text(value)).map(str::to_owned)
    };
    (entries.len() == 2).then_some(())?;
    Some(ModelRule { pattern: find("match")?, model: find("model")? })
}
