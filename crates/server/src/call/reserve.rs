//! The money for a call, held before anything is sent.

use std::future::{Future, ready};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Either;
use jiff::Timestamp;
use stonegate_catalog::{Asked, Expected, Price, Resolved, Tier, Use};
use stonegate_ledger::{Book, Draft, Place, Quote, Reservation, Shortfall};
use stonegate_protocol::conversation::Sizes;
use stonegate_protocol::{Effort, Inbound, Problem, ProblemKind};
use tokio::time::Instant;

use crate::app::App;
use crate::call::admit::Admission;
use crate::call::intake::Intake;
use crate::call::origin::Origin;
use crate::keeper::{POLL, StoreAway};
use crate::{clock, error};

/// How long a call goes on asking for credit that the store has and that others take before it.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a call waits at least for what other replicas hold unused: they hear of it at their next poll and give it back. Where
/// many hold the smallest parts, it takes some polls until all have come together.
const RECALL: Duration = POLL.saturating_mul(5);

/// Holds the quote against every budget on the account path.
///
/// Where this replica's lease does not cover it, the store is asked for more. A refusal is final for the client, so it is
/// spoken only on the store's word that nothing is left, and not while calls under way may still free enough: then the call
/// waits for its turn, for `budget.wait_seconds` at most. A crowd that keeps taking what is granted is another matter, and
/// passes.
///
/// What is there is held at once, not when the future is first polled.
pub(crate) fn reserve(
    app: &App,
    admission: &Admission,
    quote: Quote,
    draft: Draft,
) -> impl Future<Output = Result<Reservation, Problem>> + Send {
    let at_once = || {
        app.keeper.admit().map_err(error::store_away)?;
        let now = clock::now();
        let reserved = app.keeper.book().reserve(admission.path(), quote, draft.clone(), now);
        Ok(reserved.map_err(|short| Short { short, now }))
    };
    match at_once() {
        Ok(Ok(reservation)) => Either::Left(ready(Ok(reservation))),
        Err(problem) => Either::Left(ready(Err(problem))),
        // In a box, so that only calls which wait carry what waiting takes.
        Ok(Err(short)) => Either::Right(Box::pin(insist(app, admission, quote, draft, short))),
    }
}

/// What a call fell short of, and when.
struct Short {
    short: Shortfall,
    now: Timestamp,
}

/// Asks until the call is paid for or the refusal is final.
async fn insist(
    app: &App,
    admission: &Admission,
    quote: Quote,
    draft: Draft,
    mut last: Short,
) -> Result<Reservation, Problem> {
    let (book, path) = (app.keeper.book(), admission.path());
    let mut turn = Turn::Newcomer;
    let mut asked_since = None;
    loop {
        let Short { short, now } = last;
        if short.may_improve {
            if asked_since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                return Err(error::crowded());
            }
            app.keeper.news().await.map_err(error::store_away)?;
        } else if app.keeper.is_away() {
            // What a store that is away would have granted, nobody knows.
            return Err(error::store_away(StoreAway));
        } else if short.may_free && !matches!(turn, Turn::Last(_)) {
            turn = turn.wait(book, &short, app.config.budget.wait).await;
            asked_since = None;
        } else {
            let account = short.account().map(|account| admission.name_of(account));
            return Err(error::shortfall(&short, &account.unwrap_or_default(), book.store_time(now)));
        }
        // Anew each time: an answer of the store is only believed by those who ask after it came.
        let now = clock::now();
        let draft = draft.clone();
        let attempt = match &turn {
            Turn::Newcomer => book.reserve(path, quote, draft, now),
            Turn::Waiting { place, .. } => place.reserve(path, quote, draft, now),
            Turn::Last(place) => place.reserve_at_last(path, quote, draft, now),
        };
        match attempt {
            Ok(reservation) => return Ok(reservation),
            Err(short) => last = Short { short, now },
        }
    }
}

/// Where a call stands among those that wait for the end of others. Dropped with its call, it lets the next one forward.
enum Turn {
    /// It has not waited.
    Newcomer,
    /// It waits until then.
    Waiting { place: Place, until: Instant },
    /// Its time is up: it tries once more, whoever came before.
    Last(Place),
}

impl Turn {
    async fn wait(self, book: &Book, short: &Shortfall, wait: Duration) -> Turn {
        let now = Instant::now();
        let (place, until) = match self {
            Turn::Newcomer if short.is_elsewhere => (book.line_up(short), now + wait.max(RECALL)),
            Turn::Newcomer => (book.line_up(short), now + wait),
            Turn::Waiting { place, until } => (place, until),
            Turn::Last(place) => return Turn::Last(place),
        };
        let next = if short.is_elsewhere { until.min(now + POLL) } else { until };
        match tokio::time::timeout_at(next, place.called()).await {
            Err(_) if next == until => Turn::Last(place),
            Ok(()) | Err(_) => Turn::Waiting { place, until },
        }
    }
}

/// What is known of a call's cost before it is sent.
pub(crate) struct Quoted {
    /// The most that it may cost.
    pub(crate) quote: Quote,
    /// The price that it is going to settle at.
    pub(crate) price: Arc<Price>,
    /// What its report is held against.
    pub(crate) expected: Expected,
}

/// Quotes a call.
pub(crate) fn quote(
    app: &App,
    admission: &Admission,
    inbound: &dyn Inbound,
    sizes: &Sizes,
    at: Timestamp,
) -> Result<Quoted, Problem> {
    let resolved = admission.resolved();
    let price = price(inbound, resolved)?;
    let ceiling = output_ceiling(inbound, resolved);
    let floor = match app.config.budget.fit_floor_tokens {
        0 => ceiling,
        floor => floor.max(inbound.least_output_tokens()).min(ceiling),
    };
    let model = &resolved.model;
    let context_window = context_window(inbound, resolved);
    let calibration = app.calibrations.of(admission.path().tenant(), &model.family);
    let asked = Asked {
        sizes,
        cache_lifetime: inbound.cache_lifetime(),
        context_window,
        image_tokens: model.most_image_tokens(),
        surcharge: calibration.surcharge(at),
        passes: inbound.passes(&model.capabilities),
        longest_output: if model.max_output_tokens > 0 { model.max_output_tokens } else { context_window },
        max_output_tokens: ceiling,
        least_output_tokens: floor,
    };
    Ok(Quoted { quote: price.quote(&asked), expected: calibration.expect(&asked), price })
}

/// The price in the tier that the client asked for. What has no price there is refused: it would cost more than was held.
fn price(inbound: &dyn Inbound, resolved: &Resolved) -> Result<Arc<Price>, Problem> {
    let id = &resolved.model.id;
    let refuse = |message: String| Problem::new(ProblemKind::InvalidRequest, message);
    if inbound.is_latency_optimized() {
        return resolved.price.at(Tier::OptimizedLatency).ok_or_else(|| {
            refuse(format!("performanceConfig.latency: {id} is not offered with optimized latency"))
        });
    }
    match inbound.service_tier() {
        None | Some("default" | "standard" | "auto" | "standard_only" | "reserved") => {
            Ok(Arc::clone(&resolved.price))
        }
        Some(named) => Tier::from_wire(named)
            .and_then(|tier| resolved.price.at(tier))
            .ok_or_else(|| refuse(format!("service_tier: {id} is not offered in this tier"))),
    }
}

/// The window that the request can have. The longer one of some models has to be asked for; where each of many texts has a
/// window of its own, it bounds nothing.
fn context_window(inbound: &dyn Inbound, resolved: &Resolved) -> u64 {
    let model = &resolved.model;
    if model.purpose != Use::Chat {
        return u64::MAX;
    }
    let asks = |beta: &str| resolved.long_context || inbound.names_beta(beta);
    match &model.long_context {
        Some(long) if asks(&long.beta) => model.longest_context(),
        Some(_) | None => model.context_window,
    }
}

/// The least output that a model which shall think is given room for, beside what it is to say.
const LEAST_WITH_THOUGHTS: u64 = 8_192;

/// No model writes so much. A ceiling past it means nothing, and would be charged where nobody learns what a call took.
const BEYOND_ALL: u64 = 10_000_000;

/// The most output tokens of a call: what the client asked for; else, all that the model can write.
///
/// In some dialects a ceiling means the visible words. Thoughts come on top of them there: twice, four or eight times as
/// much for a higher effort, within what the model can write.
fn output_ceiling(inbound: &dyn Inbound, resolved: &Resolved) -> u64 {
    let most = match resolved.model.max_output_tokens {
        0 => u64::MAX,
        most => most,
    };
    let Some(asked) = inbound.max_output_tokens() else {
        return if most == u64::MAX { LEAST_WITH_THOUGHTS } else { most };
    };
    let factor = match inbound.effort_beyond_ceiling() {
        // A client whose model was replaced may ask for more than the one in its place can write.
        None if resolved.is_substitute => return asked.min(most),
        None => return asked.min(BEYOND_ALL),
        Some(Effort::Minimal | Effort::Low) => 1,
        Some(Effort::Medium) => 2,
        Some(Effort::High) => 4,
        Some(Effort::Xhigh | Effort::Max) => 8,
    };
    asked.saturating_mul(factor).max(LEAST_WITH_THOUGHTS).min(most).min(BEYOND_ALL)
}

/// As much of a model's name as the journal keeps: a rule for `*` takes a name of any length. ARNs have some 130 bytes.
pub(crate) fn kept_model_name(name: &str) -> Arc<str> {
    const MOST_BYTES: usize = 512;
    Arc::from(name.get(..name.floor_char_boundary(MOST_BYTES)).unwrap_or(name))
}

/// What the journal will say of the call, as far as it is known before it is sent.
pub(crate) fn draft(
    app: &App,
    admission: &Admission,
    inbound: &dyn Inbound,
    intake: &Intake,
    origin: Origin,
) -> Draft {
    Draft {
        call: intake.call,
        started_at: intake.at,
        dialect: app.names.dialect(inbound.dialect()),
        client: origin.client,
        tags: origin.tags,
        model_requested: kept_model_name(inbound.model()),
        model_served: Arc::clone(&admission.resolved().model.id),
        price_version: Arc::clone(&app.names.price_version),
        stream: inbound.is_stream(),
    }
}
