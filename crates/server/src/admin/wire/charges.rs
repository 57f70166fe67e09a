//! Charges from outside on the wire.

use jiff::{SignedDuration, Timestamp};
use stonegate_api::{ChargeCapture, ChargeCreate};
use stonegate_ledger::{
    AccountPath, Authorization, Basis, CallId, Charge, ChargeEnd, ChargePage, ChargePlace, Limit,
    Nanodollars, Outcome, Tags, Tokens, UsageRecord,
};

use super::{Problem, budgets, shown_time};

/// How long a charge is held, in seconds, when nobody says, and at most.
const USUAL: u64 = 600;
const LONGEST: u64 = 7 * 24 * 3_600;
/// How long it may wait for what servers hold unused.
const WAIT: SignedDuration = SignedDuration::from_secs(5);
/// The longest name of a service, and the longest key that its caller gives a charge.
const NAME_MOST: usize = 64;
const KEY_MOST: usize = 255;

/// The protocol, upstream and price list that charges are recorded under.
const KIND: &str = "charge";

/// What is asked for, by a caller with that path and tags. `key` is the header `Idempotency-Key`.
pub(crate) fn wanted(
    create: &ChargeCreate,
    (path, tags): (AccountPath, Tags),
    key: Option<&str>,
    (call, now): (CallId, Timestamp),
) -> Result<Authorization, Problem> {
    let service = create.service.trim();
    if !(1..=NAME_MOST).contains(&service.len()) || !service.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!("a service has a name of 1 to {NAME_MOST} visible ASCII characters");
        return Err(Problem::invalid("service", message));
    }
    let seconds = create.expires_in_seconds.unwrap_or(USUAL);
    let seconds = i64::try_from(seconds).ok().filter(|_| (1..=LONGEST).contains(&seconds));
    let seconds = seconds.ok_or_else(|| {
        Problem::invalid("expires_in_seconds", format!("a charge is held for 1 to {LONGEST} seconds"))
    })?;
    let expires_at = now.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX);
    let waits_until = now.saturating_add(WAIT).unwrap_or(Timestamp::MAX).min(expires_at);
    let key = match key {
        Some(key) if (1..=KEY_MOST).contains(&key.len()) => format!("{} {key}", path.user()),
        Some(_) => {
            let message = format!("an Idempotency-Key has 1 to {KEY_MOST} characters");
            return Err(Problem::invalid("idempotency-key", message));
        }
        None => format!("{} {call}", path.user()),
    };
    let cost = dollars(&create.amount_usd)?;
    let record = UsageRecord {
        call,
        started_at: now,
        path,
        dialect: KIND.into(),
        client: None,
        tags,
        model_requested: service.into(),
        model_served: service.into(),
        endpoint: Some(KIND.into()),
        tokens: tokens("tokens", create.tokens)?,
        cost,
        uncached_cost: cost,
        price_version: KIND.into(),
        first_byte_us: None,
        total_us: 0,
        outcome: Outcome::Complete,
        basis: Basis::Reported,
        stop_reason: None,
        upstream_request_id: None,
        status: 0,
        stream: false,
        counters: Vec::new(),
    };
    // In one spelling: `0.4` is `0.40`.
    let request = format!("{service} {} {} {seconds}", cost.get(), create.tokens).into();
    Ok(Authorization { record, key: key.into(), request, at: now, expires_at, waits_until })
}

/// How a charge is to end.
pub(crate) fn capture(charge: &Charge, capture: &ChargeCapture) -> Result<ChargeEnd, Problem> {
    let cost = capture.amount_usd.as_deref().map(dollars).transpose()?;
    let taken = capture.tokens.map(|count| tokens("tokens", count)).transpose()?;
    Ok(ChargeEnd::Capture {
        cost: cost.unwrap_or(charge.record.cost),
        tokens: taken.unwrap_or(charge.record.tokens),
    })
}

fn dollars(text: &str) -> Result<Nanodollars, Problem> {
    budgets::amount("amount_usd", text, Limit::Usd(Nanodollars::ZERO)).map(Nanodollars::new)
}

fn tokens(field: &'static str, count: u64) -> Result<Tokens, Problem> {
    if i64::try_from(count).is_err() {
        return Err(Problem::invalid(field, "there are not so many tokens"));
    }
    Ok(Tokens { input: count, ..Tokens::default() })
}

pub(crate) fn shown(charge: &Charge) -> stonegate_api::Charge {
    let record = &charge.record;
    stonegate_api::Charge {
        id: charge.id().to_string(),
        state: charge.state.to_string(),
        service: record.model_served.to_string(),
        user: record.path.user().to_string(),
        tenant: record.path.tenant().to_string(),
        key: record.path.key().map(ToString::to_string),
        tags: record.tags.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        amount_usd: budgets::dollars(record.cost),
        amount_nanodollars: record.cost.get(),
        tokens: record.tokens.total(),
        created_at: shown_time(record.started_at),
        expires_at: shown_time(charge.expires_at),
        budgets: record.counters.iter().map(ToString::to_string).collect(),
    }
}

pub(crate) fn page(page: &ChargePage) -> stonegate_api::Page<stonegate_api::Charge> {
    let next = page.next.map(|(expires_at, id)| format!("{}{BETWEEN}{id}", shown_time(expires_at)));
    stonegate_api::Page { data: page.charges.iter().map(shown).collect(), next }
}

/// What stands between the two parts of a place.
const BETWEEN: char = '/';

/// The place that a page's `next` names.
pub(crate) fn place(text: &str) -> Result<ChargePlace, Problem> {
    let place = text.split_once(BETWEEN).and_then(|(at, id)| Some((at.parse().ok()?, id.parse().ok()?)));
    place.ok_or_else(|| Problem::invalid("after", "`next` of the page before"))
}
