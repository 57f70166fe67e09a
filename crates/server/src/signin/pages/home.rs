//! `/home`: what a person who is signed in has here: who they are, what they used this month, their budgets and their keys.
//!
//! Of one's own only, by the same rights and the same reports as the admin API's.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use stonegate_api::{Budget, Usage, UsageBy};
use stonegate_identity::directory::{Filter, Key, PageRequest};
use stonegate_identity::{Action, Caller, KeyKind, Owner, Reach, Resource, authorize};
use stonegate_ledger::{BudgetFilter, UsageFilter, Window, Zone};

use super::super::Seen;
use super::super::page::{Form, Page, redirect};
use super::{Guest, Refusal};
use crate::admin::{AdminState, wire};

/// Keys and models that are shown; whoever has more has the command line.
const KEYS_MOST: u32 = 20;
const MODELS_MOST: u32 = 20;

/// `GET /home`
pub(crate) async fn show(State(state): State<AdminState>, seen: Seen) -> Result<Response, Refusal> {
    let guest = Guest::of(&state.sign_in, &seen).await?;
    let Some(caller) = guest.browser.caller.clone() else { return Ok(redirect("/signin", None)) };
    let (token, cookie) = guest.browser.form_token(&guest.base);
    let keys =
        if may(&caller, Action::ReadKeys) { Some(keys(&state, &caller, guest.now).await?) } else { None };
    let mut page = who(&caller);
    if may(&caller, Action::ReadUsage) {
        page = used(page, &usage(&state, &caller, guest.now).await?);
    }
    if may(&caller, Action::ReadBudgets) {
        page = limited(page, &budgets(&state, &caller, keys.as_deref(), guest.now).await?);
    }
    if let Some(keys) = &keys {
        page = held(page, keys, guest.now);
    }
    if !guest.browser.is_borrowed() {
        page = page.link("/device", "Enter a device's code");
    }
    let sign_out = Form {
        method: "post",
        action: "/signout",
        hidden: &[("form_token", &token)],
        fields: &[],
        buttons: &[("act", "signout", "Sign out")],
    };
    Ok(page.form(&sign_out).cookie(cookie).into_response())
}

/// Whether the browser's key may do this to what is its person's own.
fn may(caller: &Caller, action: Action) -> bool {
    authorize(caller, action, &Resource::User(Owner::from(caller))).is_ok()
}

fn who(caller: &Caller) -> Page {
    let role = caller.role.to_string();
    let team = caller.team_name.as_deref().unwrap_or("none");
    Page::new("Your account").facts(&[
        ("Signed in as", &*caller.user_name),
        ("Tenant", caller.tenant.as_str()),
        ("Team", team),
        ("Role", &role),
    ])
}

async fn usage(state: &AdminState, caller: &Caller, now: Timestamp) -> Result<Usage, Refusal> {
    let tenant = state.keys.directory().find_tenant(&caller.tenant).await?;
    let zone: Zone = tenant.and_then(|tenant| tenant.time_zone.parse().ok()).unwrap_or(Zone::UTC);
    let month = Window::Monthly.period_at(now, zone.time_zone());
    let filter = UsageFilter {
        from: Some(month.starts_at),
        user: Some(caller.user.to_arc()),
        ..UsageFilter::default()
    };
    let by = Some(UsageBy::Model);
    let wanted = wire::usage::Wanted { by, per: None, filter, limit: Some(MODELS_MOST), after: None };
    let report = wire::usage::report(&*state.ledger, &**state.keys.directory(), wanted, now).await;
    report.map_err(|problem| away(&problem))
}

fn used(page: Page, usage: &Usage) -> Page {
    let page = page.heading("This month");
    if usage.total.calls == 0 {
        return page.paragraph("Nothing has been used yet.");
    }
    let told = |calls: u64, cost: &str| match calls {
        1 => format!("1 call, ${cost}"),
        calls => format!("{calls} calls, ${cost}"),
    };
    let models = usage.data.iter().map(|row| (row.group.clone(), told(row.calls, &row.cost_usd)));
    let total = ("Together".to_owned(), told(usage.total.calls, &usage.total.cost_usd));
    listed(page, models.chain([total]))
}

/// The budgets of the person and of the person's keys.
async fn budgets(
    state: &AdminState,
    caller: &Caller,
    keys: Option<&[Key]>,
    now: Timestamp,
) -> Result<Vec<(String, Budget)>, Refusal> {
    let mine = ("Yours".to_owned(), format!("user:{}", caller.user));
    let of_keys = keys.unwrap_or_default().iter().map(|key| (key.name.clone(), format!("key:{}", key.id)));
    let mut found = Vec::new();
    for (name, account) in std::iter::once(mine).chain(of_keys) {
        let account = wire::budgets::account("account", &account).map_err(|problem| away(&problem))?;
        let states = state.ledger.list_budgets(BudgetFilter { account: Some(account) }, now).await;
        let states = states.map_err(|error| away(&error))?;
        found.extend(states.iter().map(|state| (name.clone(), wire::budgets::shown(state))));
    }
    Ok(found)
}

fn limited(page: Page, budgets: &[(String, Budget)]) -> Page {
    let page = page.heading("Budgets");
    if budgets.is_empty() {
        return page.paragraph("You have none of your own. Your team's and your tenant's hold for you, too.");
    }
    let told = |budget: &Budget| {
        let spent = match (&budget.spent_usd, &budget.limit_usd) {
            (Some(spent), Some(limit)) => format!("${spent} of ${limit}"),
            _ => format!("{} of {} {}", budget.spent, budget.limit, budget.unit),
        };
        let renewed = budget.renews_at.as_ref().map(|at| format!(", renews {}", day(at))).unwrap_or_default();
        format!("{spent}{renewed}")
    };
    listed(
        page,
        budgets.iter().map(|(name, budget)| (format!("{name}, {}", budget.window_key), told(budget))),
    )
}

async fn keys(state: &AdminState, caller: &Caller, now: Timestamp) -> Result<Vec<Key>, Refusal> {
    let filter = Filter {
        kind: Some(KeyKind::LongLived),
        in_force_at: Some(now),
        ..Filter::within(Reach::Own(caller.user.clone()))
    };
    let page = PageRequest { after: None, limit: KEYS_MOST };
    Ok(state.keys.directory().list_keys(&filter, &page).await?.items)
}

fn held(page: Page, keys: &[Key], now: Timestamp) -> Page {
    let page = page.heading("Keys");
    if keys.is_empty() {
        return page.paragraph("You have none. `stonegate keys create --name laptop` makes one.");
    }
    let told = |key: &Key| {
        let key = wire::keys::shown(key, now);
        let used = key.last_used_at.map_or("never used".to_owned(), |at| format!("used {}", day(&at)));
        let ends = key.expires_at.map(|at| format!(", ends {}", day(&at))).unwrap_or_default();
        format!("{}, {used}{ends}", key.public_form)
    };
    listed(page, keys.iter().map(|key| (key.name.clone(), told(key))))
}

fn listed(page: Page, facts: impl Iterator<Item = (String, String)>) -> Page {
    let facts: Vec<_> = facts.collect();
    let facts: Vec<_> = facts.iter().map(|(term, fact)| (term.as_str(), fact.as_str())).collect();
    page.facts(&facts)
}

/// The day of a time as the wire writes it.
fn day(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

fn away(error: &dyn std::fmt::Display) -> Refusal {
    tracing::error!(%error, "a person's account cannot be shown");
    Refusal::Away
}
