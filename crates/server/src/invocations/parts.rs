//! The calls of one request: side by side, each tried again where that can help, and what they took together.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use stonegate_bedrock::Deadlines;
use stonegate_ledger::{Outcome, Reservation};
use stonegate_protocol::{Answered, Failure, Outbound, Part};
use stonegate_routing::{Attempt, RetryPolicy, Verdict, verdict};
use tokio::time::Instant;

use crate::app::App;
use crate::call::dispatch::outcome_of;
use crate::call::intake::Intake;
use crate::call::record::{self, Label};
use crate::clock;
use crate::invocations::task::{Billed, Counted, Task};

/// How many calls of one request are under way at a time.
const SIDE_BY_SIDE: usize = 8;
/// The largest answer of one call: images in base64.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;

/// What upstream has billed, or may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Consumed {
    pub(super) tokens: u64,
    /// Images or queries.
    pub(super) units: u64,
    /// Whether upstream did not say all of it.
    pub(super) is_estimate: bool,
}

impl Consumed {
    /// All that a call can have taken: each byte of it a token.
    fn all(part: &Part) -> Consumed {
        Consumed { tokens: part.outbound.body.len() as u64, units: part.units, is_estimate: true }
    }

    fn and(self, more: Consumed) -> Consumed {
        Consumed {
            tokens: self.tokens.saturating_add(more.tokens),
            units: self.units.saturating_add(more.units),
            is_estimate: self.is_estimate || more.is_estimate,
        }
    }
}

/// One answer, whole.
pub(super) struct Whole {
    body: Bytes,
    input_tokens: Option<u64>,
}

impl Whole {
    pub(super) fn view(&self) -> Answered<'_> {
        Answered { body: &self.body, input_tokens: self.input_tokens }
    }
}

/// What the calls of one request share.
pub(super) struct Run<'a> {
    pub(super) app: &'a App,
    pub(super) task: &'a dyn Task,
    pub(super) billed: &'a Billed,
    pub(super) reservation: &'a Reservation,
    pub(super) label: &'a Label,
    pub(super) started: Instant,
    pub(super) patience: Option<Duration>,
}

impl Run<'_> {
    /// Runs all of them, and gives their answers in order. Where one fails, those that are under way come to their end,
    /// since they are billed, and no other begins.
    pub(super) async fn all(&self, parts: &[Part]) -> (Consumed, Result<Vec<Whole>, Failure>) {
        let mut waiting = parts.iter().enumerate();
        let mut under_way = FuturesUnordered::new();
        let mut consumed = Consumed::default();
        let (mut answers, mut first_failure) = (Vec::with_capacity(parts.len()), None);
        loop {
            while first_failure.is_none() && under_way.len() < SIDE_BY_SIDE {
                let Some((index, part)) = waiting.next() else { break };
                under_way.push(self.one(index, part));
            }
            let Some((index, took, answer)) = under_way.next().await else { break };
            consumed = consumed.and(took);
            match answer {
                Ok(answer) => answers.push((index, answer)),
                Err(failure) => {
                    first_failure.get_or_insert(failure);
                }
            }
        }
        answers.sort_unstable_by_key(|(index, _)| *index);
        let in_order = answers.into_iter().map(|(_, answer)| answer).collect();
        (consumed, first_failure.map_or(Ok(in_order), Err))
    }

    async fn one(&self, index: usize, part: &Part) -> (usize, Consumed, Result<Whole, Failure>) {
        let counted = match self.invoke(part).await {
            Ok(answer) => self.task.tokens(&answer.view()).map(|counted| (counted, answer)),
            Err(failure) => Err(failure),
        };
        match counted {
            Ok((Counted { tokens, is_estimate }, answer)) => {
                (index, Consumed { tokens, units: part.units, is_estimate }, Ok(answer))
            }
            Err(failure) if outcome_of(&failure) == Outcome::Refused => {
                (index, Consumed::default(), Err(failure))
            }
            Err(failure) => (index, Consumed::all(part), Err(failure)),
        }
    }

    /// One call, tried again where that can help.
    async fn invoke(&self, part: &Part) -> Result<Whole, Failure> {
        self.app.allowance.earn();
        let bedrock = &self.app.config.bedrock;
        let policy = RetryPolicy { most_attempts: bedrock.max_attempts, budget: bedrock.retry_budget };
        let mut made = 0;
        loop {
            made += 1;
            let failure = match once(self.app, &part.outbound).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            let jitter = clock::jitter();
            let attempt = Attempt { made, elapsed: self.started.elapsed(), patience: self.patience, jitter };
            match verdict(&failure, attempt, policy) {
                Verdict::After(pause) if self.app.allowance.spend() && self.pay(part, &failure) => {
                    tokio::time::sleep(pause).await;
                }
                Verdict::After(_) | Verdict::GiveUp => return Err(failure),
            }
        }
    }

    /// Charges an attempt that upstream may bill though no answer came, as a call of its own, before the next one is sent.
    /// False where no budget covers both.
    fn pay(&self, part: &Part, failure: &Failure) -> bool {
        if outcome_of(failure) == Outcome::Refused {
            return true;
        }
        let intake = Intake::now();
        let Ok(attempt) = self.reservation.again(intake.call, intake.at) else { return false };
        let settlement = self.billed.settlement(
            self.app,
            Consumed::all(part),
            self.started.elapsed(),
            Some((Outcome::UpstreamFailed, failure)),
        );
        record::ended(attempt.call(), self.label, &settlement, Some(failure));
        // The client sees no end of an answer, so nothing waits for the record.
        let _ticket = attempt.settle(settlement);
        true
    }
}

async fn once(app: &App, outbound: &Outbound) -> Result<Whole, Failure> {
    let deadlines = Deadlines { first_byte: app.config.bedrock.first_byte_timeout };
    let reply = app.bedrock.send(&app.endpoint, outbound, deadlines, clock::now().into()).await?;
    let count = reply.headers.get("x-amzn-bedrock-input-token-count");
    let input_tokens = count.and_then(|count| count.to_str().ok()?.parse().ok());
    let body = reply.whole(ANSWER_LIMIT, app.config.bedrock.idle_timeout).await?;
    Ok(Whole { body, input_tokens })
}
