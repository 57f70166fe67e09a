//! Usage on the wire.

use std::collections::HashMap;

use stonegate_api::{Usage, UsageBy, UsageRow, UsageTokens};
use stonegate_identity::{Directory, KeyId, UserId};
use stonegate_ledger::{Nanodollars, UsageFilter, UsageSum};

use super::{Problem, budgets::dollars, shown_time};

pub(crate) fn by(by: UsageBy) -> stonegate_ledger::UsageBy {
    match by {
        UsageBy::User => stonegate_ledger::UsageBy::User,
        UsageBy::Key => stonegate_ledger::UsageBy::Key,
        UsageBy::Model => stonegate_ledger::UsageBy::Model,
        UsageBy::Day => stonegate_ledger::UsageBy::Day,
        UsageBy::Tenant => stonegate_ledger::UsageBy::Tenant,
    }
}

/// The sums with their total, and with people's names where there are some.
pub(crate) async fn shown(
    directory: &dyn Directory,
    by: UsageBy,
    filter: &UsageFilter,
    sums: &[UsageSum],
) -> Result<Usage, Problem> {
    let names = names(directory, by, sums).await?;
    let data = sums.iter().map(|sum| row(sum, names.get(&*sum.group).cloned())).collect();
    Ok(Usage {
        by,
        from: filter.from.map(shown_time),
        to: filter.until.map(shown_time),
        data,
        total: row(&total(sums), None),
    })
}

async fn names(
    directory: &dyn Directory,
    by: UsageBy,
    sums: &[UsageSum],
) -> Result<HashMap<String, String>, Problem> {
    let mut names = HashMap::new();
    for sum in sums {
        let name = match by {
            UsageBy::User => match UserId::parse(&sum.group) {
                Ok(id) => directory.find_user(&id).await?.map(|user| user.name),
                Err(_) => None,
            },
            UsageBy::Key => match KeyId::parse(&sum.group) {
                Ok(id) => {
                    directory.find_key(&id).await?.map(|key| format!("{} ({})", key.name, key.user_name))
                }
                Err(_) => None,
            },
            UsageBy::Model | UsageBy::Day | UsageBy::Tenant => None,
        };
        names.extend(name.map(|name| (sum.group.to_string(), name)));
    }
    Ok(names)
}

fn total(sums: &[UsageSum]) -> UsageSum {
    sums.iter().fold(UsageSum::empty("total".into()), |mut total, sum| {
        total.calls = total.calls.saturating_add(sum.calls);
        total.estimated = total.estimated.saturating_add(sum.estimated);
        total.unresolved = total.unresolved.saturating_add(sum.unresolved);
        total.cost = total.cost.saturating_add(sum.cost);
        let (all, more) = (&mut total.tokens, &sum.tokens);
        all.input = all.input.saturating_add(more.input);
        all.output = all.output.saturating_add(more.output);
        all.cache_read = all.cache_read.saturating_add(more.cache_read);
        all.cache_write_5m = all.cache_write_5m.saturating_add(more.cache_write_5m);
        all.cache_write_1h = all.cache_write_1h.saturating_add(more.cache_write_1h);
        if let Some(thinking) = more.thinking {
            all.thinking = Some(all.thinking.unwrap_or(0).saturating_add(thinking));
        }
        total
    })
}

fn row(sum: &UsageSum, name: Option<String>) -> UsageRow {
    let cost: Nanodollars = sum.cost;
    UsageRow {
        group: sum.group.to_string(),
        name,
        calls: sum.calls,
        estimated: sum.estimated,
        unresolved: sum.unresolved,
        tokens: UsageTokens {
            input: sum.tokens.input,
            output: sum.tokens.output,
            cache_read: sum.tokens.cache_read,
            cache_write_5m: sum.tokens.cache_write_5m,
            cache_write_1h: sum.tokens.cache_write_1h,
            thinking: sum.tokens.thinking,
        },
        cost_nanodollars: cost.get(),
        cost_usd: dollars(cost),
    }
}
