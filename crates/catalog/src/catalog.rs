//! The catalog: models by every name that leads to them.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::iter;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};
use toml::{Table, Value};

use crate::assemble;
use crate::document::{Document, Unpriced, check};
use crate::error::CatalogError;
use crate::layers::lay_file_over;
use crate::model::{Model, Use};
use crate::name::{self, Arn};
use crate::place::{Geography, Place, Via};
use crate::price::{Billing, Price};
use crate::unknown::{UnknownModel, Why};

/// What is generated from the named source by `cargo xtask catalog`, with what we know better or besides laid over it.
const BUILT_IN: &str = include_str!(concat!(env!("OUT_DIR"), "/catalog.json"));
/// How far one alias may lead to another.
const MOST_STEPS: usize = 8;
/// Names longer than this are not compared with others.
const LONGEST_COMPARED: usize = 200;

/// All models, by every name that leads to them.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The operator's files, in the order in which they were laid over what is built in.
    overrides: Vec<Arc<str>>,
    version: String,
    models: Vec<Arc<Model>>,
    names: HashMap<Box<str>, Named>,
    /// Patterns with `*`, in the order in which they are asked.
    patterns: Vec<(String, Named)>,
    /// What a model without a price is charged at; none where it is refused.
    dearest: Option<Arc<Price>>,
}

/// What a name leads to.
#[derive(Clone, Debug)]
struct Named {
    model: Arc<Model>,
    /// The door that the name itself chose.
    pinned: Option<Pinned>,
    /// Whether the name asks for the long context window.
    long: bool,
    /// Whether the operator's alias or rule led here.
    is_substitute: bool,
}

/// A door that a name chose.
#[derive(Clone, Debug)]
struct Pinned {
    via: Via,
    /// The region of the price; none for the caller's.
    region: Option<Arc<str>>,
    /// What Bedrock is called with; none for the offer's own id.
    upstream_id: Option<Arc<str>>,
}

/// A name, resolved for a place.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The model.
    pub model: Arc<Model>,
    /// What Bedrock is called with: a profile id, a bare id or an ARN.
    pub upstream_id: Arc<str>,
    /// The door that this is.
    pub via: Via,
    /// Whether the name asked for the long context window (`…[1m]`).
    pub long_context: bool,
    /// Whether an alias or rule of the operator led to the model: the client asked for another, with that one\'s limits in
    /// mind.
    pub is_substitute: bool,
    /// What a call costs in the standard tier.
    pub price: Arc<Price>,
}

impl Catalog {
    /// The catalog that is built in.
    #[must_use]
    pub fn builtin() -> Catalog {
        Self::assemble(Vec::new()).expect("the built-in data is tested to make a catalog")
    }

    /// This catalog with an operator's file laid over it.
    ///
    /// # Errors
    /// Where the file cannot be read or makes no sense: the place, what is wrong and the fix.
    pub fn with_overrides(&self, text: &str) -> Result<Catalog, CatalogError> {
        // Read by itself first: a mistake in it has a line there.
        check(text)?;
        let mut overrides = self.overrides.clone();
        overrides.push(Arc::from(text));
        Self::assemble(overrides)
    }

    fn assemble(overrides: Vec<Arc<str>>) -> Result<Catalog, CatalogError> {
        let document = if overrides.is_empty() { built_in() } else { laid_over_built_in(&overrides)? };
        let mut models = Vec::with_capacity(document.models.len());
        for (id, entry) in &document.models {
            models.push(Arc::new(assemble::model(id, entry)?));
        }
        let date = document.about.as_ref().map_or("0", |about| about.version.as_str());
        let mut catalog = Catalog {
            version: format!("{date}+{}", fingerprint(&overrides)),
            dearest: match document.unpriced {
                Unpriced::Refuse => None,
                Unpriced::Dearest => dearest(&models),
            },
            names: HashMap::with_capacity(models.len() * 6),
            patterns: Vec::new(),
            models,
            overrides,
        };
        catalog.name_models(&document)?;
        catalog.name_arns(&document)?;
        catalog.name_aliases(&document)?;
        Ok(catalog)
    }

    /// All models, by id.
    pub fn models(&self) -> impl ExactSizeIterator<Item = &Arc<Model>> {
        self.models.iter()
    }

    /// The version of the data, prices above all: the source's date, and a fingerprint of every file that is part of it.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The dearest price per token of any model: for accounts whose setting is to pay it for what has none.
    #[must_use]
    pub fn dearest_price(&self) -> Option<Arc<Price>> {
        dearest(&self.models)
    }

    /// The model that a name leads to, wherever it may be offered.
    ///
    /// # Errors
    /// Where the name leads to none.
    pub fn find(&self, asked: &str) -> Result<Arc<Model>, UnknownModel> {
        self.named(asked).map(|named| named.model).map_err(|why| self.unknown(asked, why))
    }

    /// Resolves a name for a place: which model, what Bedrock is called with, and the price.
    ///
    /// # Errors
    /// Where the name leads to nothing that can be called from there; another model is never taken in its place.
    pub fn resolve(&self, asked: &str, place: &Place) -> Result<Resolved, UnknownModel> {
        self.resolve_billed(asked, place, Billing::Tokens)
    }

    /// The same for a call that is billed by that.
    ///
    /// # Errors
    /// As for [`Catalog::resolve`]; also where the model is not billed so.
    pub fn resolve_billed(
        &self,
        asked: &str,
        place: &Place,
        billing: Billing,
    ) -> Result<Resolved, UnknownModel> {
        let resolved = self.named(asked).and_then(|named| self.place(named, place, billing));
        resolved.map_err(|why| self.unknown(asked, why))
    }

    fn named(&self, asked: &str) -> Result<Named, Why> {
        let (asked, long) = name::without_long_suffix(asked);
        let mut named = self.look_up(asked)?;
        named.long |= long;
        if named.long && !named.model.has_long_context() {
            return Err(Why::NoLongContext);
        }
        Ok(named)
    }

    fn look_up(&self, asked: &str) -> Result<Named, Why> {
        if let Some(named) = self.names.get(asked) {
            return Ok(named.clone());
        }
        if let Some(arn) = name::arn(asked) {
            return self.of_arn(asked, arn);
        }
        // A date after the name of a model that has but one release; where releases have dates, another is unknown.
        let undated = name::without_date(asked).and_then(|rest| self.names.get(rest));
        if let Some(named) = undated.filter(|named| !name::has_date(&named.model.bedrock_id)) {
            return Ok(named.clone());
        }
        // `claude-3-7-sonnet-latest`: the newest release of what is called so without the suffix.
        let latest = asked.strip_suffix("-latest").and_then(|rest| self.names.get(rest));
        if let Some(named) = latest.filter(|named| named.pinned.is_none()) {
            return Ok(named.clone());
        }
        let pattern = self.patterns.iter().find(|(pattern, _)| name::fits(pattern, asked));
        pattern.map(|(_, named)| named.clone()).ok_or(Why::NoSuchName)
    }

    fn of_arn(&self, text: &str, arn: Arn<'_>) -> Result<Named, Why> {
        let (id, via, region) = match arn {
            Arn::FoundationModel { region, id } => (id, Some(Via::InRegion), Some(Arc::from(region))),
            Arn::Profile { id } => (id, None, None),
            Arn::Opaque => return Err(Why::OpaqueArn),
        };
        let named = self.names.get(id).ok_or(Why::OpaqueArn)?;
        let via = via.or(named.pinned.as_ref().map(|pinned| pinned.via)).ok_or(Why::OpaqueArn)?;
        let pinned = Pinned { via, region, upstream_id: Some(Arc::from(text)) };
        Ok(Named { pinned: Some(pinned), ..named.clone() })
    }

    fn place(&self, named: Named, place: &Place, billing: Billing) -> Result<Resolved, Why> {
        let Named { model, pinned, long, is_substitute } = named;
        let not_offered = || Why::NotOffered { region: place.region.clone() };
        let offer = match &pinned {
            Some(Pinned { via, .. }) if !place.permits(*via) => return Err(Why::OutOfReach),
            Some(Pinned { via, region, .. }) => {
                model.offer(*via, region.as_deref().unwrap_or(&place.region)).ok_or_else(not_offered)?
            }
            None => {
                let mut doors = place.doors().filter(|via| place.permits(*via));
                let open = doors.find_map(|via| model.offer(via, &place.region));
                // The OpenAI-compatible endpoint has models of its own.
                open.or_else(|| model.only_mantle(&place.region)).ok_or_else(not_offered)?
            }
        };
        let price = offer.price.as_ref().or(self.dearest.as_ref()).ok_or(Why::Unpriced)?;
        let is_billed_so = match billing {
            Billing::Tokens => price.is_by_token(),
            Billing::Unit(unit) => price.unit(unit).is_some(),
        };
        if !is_billed_so {
            return Err(match billing {
                Billing::Tokens => Why::NotByToken,
                Billing::Unit(_) => Why::OfAnotherKind,
            });
        }
        let price = Arc::clone(price);
        let via = offer.via;
        let chosen = pinned.and_then(|pinned| pinned.upstream_id);
        let upstream_id = chosen.unwrap_or_else(|| Arc::clone(&offer.upstream_id));
        Ok(Resolved { model, upstream_id, via, long_context: long, is_substitute, price })
    }

    fn name_models(&mut self, document: &Document) -> Result<(), CatalogError> {
        for model in &self.models {
            let entry = document.models.get(&*model.id);
            let own = entry.into_iter().flat_map(|entry| entry.names.iter().map(String::as_str));
            let mantle = model.mantle.iter().map(|mantle| mantle.id.as_str());
            let plain = Named { model: Arc::clone(model), pinned: None, long: false, is_substitute: false };
            for name in [&*model.id, &*model.bedrock_id].into_iter().chain(mantle).chain(own) {
                let taken = self.names.insert(Box::from(name), plain.clone());
                if let Some(taken) = taken.filter(|taken| taken.model.id != model.id) {
                    let message =
                        format!("the name `{name}` is that of `{}` as well; take another", taken.model.id);
                    return Err(CatalogError::new(format!("models.{}", model.id), message));
                }
            }
            for offer in model.offers.iter().filter(|offer| matches!(offer.via, Via::Profile(_))) {
                let pinned = Pinned { via: offer.via, region: None, upstream_id: None };
                let named = Named { pinned: Some(pinned), ..plain.clone() };
                self.names.insert(Box::from(&*offer.upstream_id), named);
            }
        }
        Ok(())
    }

    fn name_arns(&mut self, document: &Document) -> Result<(), CatalogError> {
        for (arn, target) in &document.arns {
            let place = format!("arns.\"{arn}\"");
            if name::arn(arn).is_none() {
                return Err(CatalogError::new(
                    place,
                    "is no ARN of Bedrock, such as arn:aws:bedrock:REGION:ACCOUNT:…",
                ));
            }
            let named = self.look_up(target).map_err(|_unknown| {
                CatalogError::new(&place, self.unknown(target, Why::NoSuchName).to_string())
            })?;
            let via = match &named.pinned {
                Some(pinned) => pinned.via,
                None if *target == *named.model.bedrock_id => Via::InRegion,
                None => {
                    let message = format!(
                        "prices differ by the way to a model: write the profile id that it was made of (such as \
                         `us.{id}`), or `{id}` where it serves one region",
                        id = named.model.bedrock_id
                    );
                    return Err(CatalogError::new(place, message));
                }
            };
            let pinned = Pinned { via, region: None, upstream_id: Some(Arc::from(arn.as_str())) };
            self.names.insert(Box::from(arn.as_str()), Named { pinned: Some(pinned), ..named });
        }
        Ok(())
    }

    fn name_aliases(&mut self, document: &Document) -> Result<(), CatalogError> {
        let aliases = &document.aliases;
        let mut named = Vec::with_capacity(aliases.len());
        for alias in aliases.keys() {
            let target = self.follow(&format!("aliases.\"{alias}\""), alias, aliases)?;
            named.push((alias.clone(), Named { is_substitute: true, ..target }));
        }
        for (at, rule) in document.rules.iter().enumerate() {
            let place = format!("rules, number {}", at + 1);
            let target = self.follow(&place, &rule.model, aliases)?;
            self.patterns.push((rule.pattern.clone(), Named { is_substitute: true, ..target }));
        }
        let (mut patterns, plain): (Vec<_>, Vec<_>) =
            named.into_iter().partition(|(alias, _)| alias.contains('*'));
        patterns.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
        self.patterns.extend(patterns);
        self.names.extend(plain.into_iter().map(|(alias, target)| (alias.into_boxed_str(), target)));
        Ok(())
    }

    /// Follows a name through the aliases to what it means in the end. An alias goes before a model of the same name.
    fn follow(
        &self,
        place: &str,
        name: &str,
        aliases: &BTreeMap<String, String>,
    ) -> Result<Named, CatalogError> {
        let (mut target, mut long) = name::without_long_suffix(name);
        let mut steps = 0;
        while let Some(next) = aliases.get(target) {
            let (name, asks_long) = name::without_long_suffix(next);
            (target, long, steps) = (name, long | asks_long, steps + 1);
            if steps > MOST_STEPS {
                return Err(CatalogError::new(
                    place,
                    "leads back to itself, or through too many others; name a model",
                ));
            }
        }
        let wrong = |why| CatalogError::new(place, self.unknown(target, why).to_string());
        let mut named = self.look_up(target).map_err(wrong)?;
        named.long = long;
        if named.long && !named.model.has_long_context() {
            return Err(wrong(Why::NoLongContext));
        }
        Ok(named)
    }

    fn unknown(&self, asked: &str, why: Why) -> UnknownModel {
        let nearest = match why {
            Why::NoSuchName => self.nearest(asked),
            Why::NoLongContext => vec![name::without_long_suffix(asked).0.to_owned()],
            Why::OpaqueArn
            | Why::NotOffered { .. }
            | Why::OutOfReach
            | Why::Unpriced
            | Why::NotByToken
            | Why::OfAnotherKind => Vec::new(),
        };
        UnknownModel { asked: asked.to_owned(), nearest, why }
    }

    /// Up to three names of models for conversation that look most like the one that was asked for.
    fn nearest(&self, asked: &str) -> Vec<String> {
        if asked.len() > LONGEST_COMPARED {
            return Vec::new();
        }
        let asked = name::without_long_suffix(asked).0.to_ascii_lowercase();
        let (prefix, is_profile) = match asked.split_once('.') {
            Some((prefix, _)) if Geography::parse(prefix).is_some() => (format!("{prefix}."), true),
            _ => (String::new(), false),
        };
        let mut near: Vec<(f64, &str)> = Vec::new();
        for (name, named) in &self.names {
            let is_arn = name.starts_with("arn:");
            if is_arn || named.model.purpose != Use::Chat || is_profile != named.pinned.is_some() {
                continue;
            }
            // A profile id should be compared by its model, not by the prefix that all share.
            let own = name.strip_prefix(&prefix).unwrap_or(name);
            let likeness = strsim::jaro_winkler(asked.strip_prefix(&prefix).unwrap_or(&asked), own);
            if likeness > 0.8 {
                near.push((likeness, name));
            }
        }
        near.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
        near.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }
}

fn dearest(models: &[Arc<Model>]) -> Option<Arc<Price>> {
    Price::dearest(models.iter().flat_map(|model| &model.offers).filter_map(|offer| offer.price.as_ref()))
}

/// What is built in: as a document, or as the table that files are laid over.
fn built_in<T: DeserializeOwned>() -> T {
    serde_json::from_str(BUILT_IN).expect("the built-in data is tested to be readable")
}

fn laid_over_built_in(overrides: &[Arc<str>]) -> Result<Document, CatalogError> {
    let mut layers: Table = built_in();
    for text in overrides {
        let layer = text.parse().map_err(|error| CatalogError::unreadable(text, &error))?;
        lay_file_over(&mut layers, layer);
    }
    Value::Table(layers).try_into().map_err(|error: toml::de::Error| {
        CatalogError::new("the file, laid over what is built in", error.message())
    })
}

fn fingerprint(overrides: &[Arc<str>]) -> String {
    let mut hash = Sha256::new();
    for text in iter::once(BUILT_IN).chain(overrides.iter().map(|text| &**text)) {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(6).fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes whatever is written to it");
        text
    })
}
