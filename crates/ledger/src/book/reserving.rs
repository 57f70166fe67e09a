//! Holding a quote against every budget on a path, or against none.

use jiff::Timestamp;

use super::{
    BookOptions,
    holdings::Holdings,
    line::Hold,
    queue::{Number, Queue},
};
use crate::{
    account::AccountPath,
    budget::{Amount, Limit, Mode},
    quote::Quote,
    reservation::Shortfall,
    standing::{self, Standing},
    window::WindowKey,
};

/// A call that asks for credit.
pub(super) struct Request<'a> {
    pub(super) path: &'a AccountPath,
    pub(super) model: &'a str,
    pub(super) quote: &'a Quote,
    pub(super) now: Timestamp,
    pub(super) options: &'a BookOptions,
    /// Those that wait, of whom those with a smaller number come first.
    pub(super) queue: &'a Queue,
    pub(super) number: Number,
}

/// What a call was granted.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) output_tokens: u64,
    pub(super) holds: Vec<Hold>,
    /// The budget that is nearest to its limit, as far as its caller may know.
    pub(super) near: Option<Standing>,
}

/// The worst of the lines on a path.
struct Tightest {
    slot: usize,
    window: WindowKey,
    ceiling: Option<u64>,
}

/// What the lines on a path allow.
struct Survey {
    /// The output ceiling that leaves others room on every line.
    fair: u64,
    /// A line on which that is less than what was asked for was not asked about for a while.
    is_stale: bool,
    /// Every line covers all that was asked for.
    is_covered: bool,
}

impl Holdings {
    /// Reserves on every budget of the path, or on none.
    pub(super) fn reserve(&mut self, request: &Request<'_>) -> Result<Grant, Shortfall> {
        let quote = request.quote;
        let mut holds = self.applicable_now(request.path, request.model, request.now);
        if !request.queue.is_empty() {
            self.stand_back(&holds, request)?;
        }
        let unknown = self.slow_down(&holds, request)?;
        let survey = self.survey(&holds, request);
        if survey.is_stale {
            return Err(self.ask(&holds, request));
        }
        let output_tokens =
            if survey.is_covered { survey.fair } else { self.fit(&holds, request, survey.fair)? };
        // Only now, so that all is asked for at one go.
        if let Some(shortfall) = unknown {
            return Err(shortfall);
        }
        let mut near: Option<(Option<u64>, usize)> = None;
        for (nth, hold) in holds.iter_mut().enumerate() {
            let Some((budget, line)) = self.line(hold.slot, hold.window) else { continue };
            match budget.mode {
                Mode::Block => hold.amount = quote.amount(budget.limit, output_tokens),
                Mode::Throttle { per_minute } => {
                    line.pace(request.now, quote.amount(budget.limit, 0), per_minute);
                }
                Mode::Notify => {}
            }
            line.hold(hold.amount);
            // One that the store was never asked about (it holds nobody up) does not count here yet.
            if let Some((spent, limit)) = line.spent_of_limit() {
                let told = standing::told(budget.account.kind, spent, limit);
                if near.is_none_or(|(other, _)| told > other) {
                    near = Some((told, nth));
                }
            }
        }
        let near = near.and_then(|(_, nth)| self.standing(holds.get(nth)?));
        Ok(Grant { output_tokens, holds, near })
    }

    /// Holds more for a call under way, in the windows that it began in, at `began`: on every budget of the path, also on
    /// those that came into force since, or on none. It does not wait for others, for they may be waiting for its end; and
    /// nobody begins anything, so budgets that slow down do not hold it up.
    pub(super) fn extend(
        &mut self,
        request: &Request<'_>,
        held: &[Hold],
        began: Timestamp,
    ) -> Result<(u64, Vec<Hold>), Shortfall> {
        let of_slot = |slot: usize| held.iter().position(|hold| hold.slot == slot);
        let mut more = self.applicable(request.path, request.model, began);
        for hold in &mut more {
            if let Some(held) = of_slot(hold.slot).and_then(|at| held.get(at)) {
                hold.window = held.window;
            }
        }
        let is_over = more.iter().any(|hold| self.is_over(hold.slot, hold.window, request.now));
        let survey = self.survey(&more, request);
        if survey.is_stale && !is_over {
            return Err(self.ask(&more, request));
        }
        let output_tokens = if survey.is_covered {
            survey.fair
        } else {
            // A window that is over gets nothing more from the store.
            let fitted = self.fit(&more, request, survey.fair);
            fitted.map_err(|short| Shortfall { may_improve: short.may_improve && !is_over, ..short })?
        };
        let mut holds = held.to_vec();
        for mut hold in more {
            let Some((budget, line)) = self.line(hold.slot, hold.window) else { continue };
            if budget.is_hard() {
                hold.amount = request.quote.amount(budget.limit, output_tokens);
            }
            match of_slot(hold.slot).and_then(|at| holds.get_mut(at)) {
                Some(held) => {
                    line.hold_more(hold.amount);
                    held.amount = held.amount.saturating_add(hold.amount);
                }
                None => {
                    line.hold(hold.amount);
                    holds.push(hold);
                }
            }
        }
        Ok((output_tokens, holds))
    }

    fn standing(&mut self, hold: &Hold) -> Option<Standing> {
        let (budget, renews_at) = self.budget(hold.slot)?;
        let (_, line) = self.line(hold.slot, hold.window)?;
        let (spent, limit) = line.spent_of_limit()?;
        Some(Standing { budget, window: hold.window, spent, limit, renews_at })
    }

    /// Past the limit of a budget that slows down, a call waits until what was spent beyond it is worked off. How that
    /// stands only the store knows, so it is asked as often as a refusal is rechecked: then there is a shortfall that may
    /// improve.
    fn slow_down(&mut self, holds: &[Hold], request: &Request<'_>) -> Result<Option<Shortfall>, Shortfall> {
        let mut unknown = None;
        for hold in holds {
            let Some((budget, line)) = self.line(hold.slot, hold.window) else { continue };
            if !matches!(budget.mode, Mode::Throttle { .. }) {
                continue;
            }
            let tight = Tightest { slot: hold.slot, window: hold.window, ceiling: None };
            if line.is_stale(request.now, request.options) {
                line.ask();
                self.mark(hold.slot, hold.window);
                unknown = Some(Shortfall { may_improve: true, ..self.shortfall(&tight, request.quote) });
                continue;
            }
            if let Some(paced_until) = line.paced_until().filter(|until| *until > request.now) {
                let paced_until = Some(paced_until);
                return Err(Shortfall { paced_until, ..self.shortfall(&tight, request.quote) });
            }
        }
        Ok(unknown)
    }

    /// Leaves what is there to those who wait for it and came before. Waiting is of no use to a call that would not fit
    /// even if all others ended: that one learns at once how it stands.
    fn stand_back(&mut self, holds: &[Hold], request: &Request<'_>) -> Result<(), Shortfall> {
        let quote = request.quote;
        let may_fit = holds.iter().all(|hold| {
            self.line(hold.slot, hold.window).is_none_or(|(budget, line)| {
                let least = quote.amount(budget.limit, quote.on(budget).floor());
                !budget.is_hard() || line.at_most() >= least
            })
        });
        if !may_fit {
            return Ok(());
        }
        let taken = |hold: &&Hold| request.queue.is_taken(hold.slot, request.number);
        let short: Vec<usize> = holds.iter().filter(taken).map(|hold| hold.slot).collect();
        let Some(first) = holds.iter().find(taken) else { return Ok(()) };
        let tight = Tightest { slot: first.slot, window: first.window, ceiling: None };
        Err(Shortfall { may_free: true, short, ..self.shortfall(&tight, quote) })
    }

    fn survey(&mut self, holds: &[Hold], request: &Request<'_>) -> Survey {
        let quote = request.quote;
        let mut survey = Survey { fair: quote.output_tokens, is_stale: false, is_covered: true };
        for hold in holds {
            let Some((budget, line)) = self.line(hold.slot, hold.window) else { continue };
            if !budget.is_hard() {
                continue;
            }
            let fair =
                quote.on(budget).fair_ceiling(budget.limit, line.left(), request.options.share_percent);
            if fair < quote.output_tokens {
                survey.is_stale |= line.is_stale(request.now, request.options);
            }
            survey.fair = survey.fair.min(fair);
            survey.is_covered &= line.free() >= quote.amount(budget.limit, quote.output_tokens);
        }
        survey
    }

    /// The highest output ceiling up to `fair` that all lines cover.
    fn fit(&mut self, holds: &[Hold], request: &Request<'_>, fair: u64) -> Result<u64, Shortfall> {
        let Request { quote, now, options, .. } = *request;
        let mut tightest: Option<Tightest> = None;
        let (mut may_improve, mut may_free, mut is_elsewhere) = (false, true, false);
        let mut short = Vec::new();
        for hold in holds {
            let Some((budget, line)) = self.line(hold.slot, hold.window) else { continue };
            if !budget.is_hard() {
                continue;
            }
            if line.free() >= quote.amount(budget.limit, fair) {
                continue;
            }
            let quote = quote.on(budget);
            let ceiling = quote.ceiling(budget.limit, line.free());
            let least = quote.amount(budget.limit, quote.floor().min(fair));
            may_improve |= line.may_improve(now, options, least);
            if ceiling.is_none() {
                may_free &= line.at_most() >= least;
                is_elsewhere |= line.elsewhere() > 0;
                short.push(hold.slot);
            }
            if tightest.as_ref().is_none_or(|other| ceiling < other.ceiling) {
                tightest = Some(Tightest { slot: hold.slot, window: hold.window, ceiling });
            }
        }
        let Some(tight) = tightest else { return Ok(fair) };
        if may_improve {
            self.want(holds, request, fair);
            return Err(Shortfall { may_improve, short, ..self.shortfall(&tight, quote) });
        }
        tight.ceiling.ok_or_else(|| Shortfall {
            may_free,
            is_elsewhere,
            short,
            ..self.shortfall(&tight, quote)
        })
    }

    /// Asks how much is left where it matters and is not known, or was known a while ago.
    fn ask(&mut self, holds: &[Hold], request: &Request<'_>) -> Shortfall {
        let Request { quote, now, options, .. } = *request;
        let mut tightest = None;
        for hold in holds {
            let Some((budget, line)) = self.line(hold.slot, hold.window) else { continue };
            let is_asked = budget.is_hard()
                && line.is_stale(now, options)
                && quote.on(budget).fair_ceiling(budget.limit, line.left(), options.share_percent)
                    < quote.output_tokens;
            if !is_asked {
                continue;
            }
            let amount = quote.amount(budget.limit, quote.output_tokens);
            if line.is_known() {
                line.ask();
            } else {
                // Mostly there is enough, and the call need not wait for a second answer.
                line.want(amount, quote.amount(budget.limit, quote.on(budget).floor()));
            }
            self.mark(hold.slot, hold.window);
            tightest.get_or_insert(Tightest { slot: hold.slot, window: hold.window, ceiling: None });
        }
        match tightest {
            Some(tight) => Shortfall { may_improve: true, ..self.shortfall(&tight, quote) },
            None => Shortfall::not_ready(),
        }
    }

    /// Asks the store for what a call lacks.
    fn want(&mut self, holds: &[Hold], request: &Request<'_>, output_tokens: u64) {
        let Request { quote, now, options, .. } = *request;
        for hold in holds {
            let Some((budget, line)) = self.line(hold.slot, hold.window) else { continue };
            let amount = quote.amount(budget.limit, output_tokens);
            let least = quote.amount(budget.limit, quote.on(budget).floor().min(output_tokens));
            let may_improve = line.may_improve(now, options, least);
            if !budget.is_hard() || line.free() >= amount || !may_improve {
                continue;
            }
            line.want(amount, least);
            self.mark(hold.slot, hold.window);
        }
    }

    /// The limit of a window as the store said it last; before that, the budget's own.
    fn limit_of(&mut self, tight: &Tightest) -> Option<Limit> {
        let (budget, line) = self.line(tight.slot, tight.window)?;
        Some(line.spent_of_limit().map_or(budget.limit, |(_, limit)| budget.limit.with_amount(limit)))
    }

    fn shortfall(&mut self, tight: &Tightest, quote: &Quote) -> Shortfall {
        let (budget, renews_at) = self.budget(tight.slot).unzip();
        let asked: Option<Amount> =
            budget.as_ref().map(|budget| quote.amount(budget.limit, quote.output_tokens));
        Shortfall {
            asked: asked.unwrap_or(0),
            limit: self.limit_of(tight),
            paced_until: None,
            renews_at: renews_at.flatten(),
            window: Some(tight.window),
            budget,
            may_improve: false,
            may_free: false,
            is_elsewhere: false,
            short: Vec::new(),
        }
    }
}
