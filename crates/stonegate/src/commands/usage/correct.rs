//! `stonegate usage correct|corrections`.

use clap::Args;
use stonegate_api::{CallCorrection, Correction, CorrectionCreate, WriteOffCorrection};

use crate::{
    operate::StoreArguments,
    output::{Column, Table},
    terminal::Style,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate usage correct req_01K… --cost-usd 0 --reason 'never reached the provider'
  stonegate usage correct req_01K… --cost-usd 0.0125 --input-tokens 900 --output-tokens 640 --reason 'its log'
  stonegate usage correct --server r_1f… --budget bgt_1a2b --window 2026-11 --spent 0 --reason 'no call was lost'")]
pub(crate) struct Correct {
    /// The call's id.
    #[arg(
        value_name = "CALL",
        required_unless_present = "server",
        conflicts_with = "server",
        requires = "cost_usd"
    )]
    call: Option<String>,
    /// What the call cost in US dollars; 0 where it never took place.
    #[arg(long, value_name = "USD", requires = "call")]
    cost_usd: Option<String>,
    /// What the call read at the full price.
    #[arg(long, value_name = "COUNT", requires = "call", default_value_t = 0)]
    input_tokens: u64,
    /// What it wrote.
    #[arg(long, value_name = "COUNT", requires = "call", default_value_t = 0)]
    output_tokens: u64,
    /// What it read from the cache.
    #[arg(long, value_name = "COUNT", requires = "call", default_value_t = 0)]
    cache_read_tokens: u64,
    /// What it wrote to the cache for five minutes.
    #[arg(long, value_name = "COUNT", requires = "call", default_value_t = 0)]
    cache_write_5m_tokens: u64,
    /// What it wrote to the cache for an hour.
    #[arg(long, value_name = "COUNT", requires = "call", default_value_t = 0)]
    cache_write_1h_tokens: u64,
    /// The dead server whose lease was written off, as `usage unresolved` names it.
    #[arg(long, value_name = "NAME", requires_all = ["budget", "window", "spent"])]
    server: Option<String>,
    /// The budget that the lease was on.
    #[arg(long, value_name = "ID", requires = "server")]
    budget: Option<String>,
    /// The window that the lease was on.
    #[arg(long, value_name = "WINDOW", requires = "server")]
    window: Option<String>,
    /// What of the lease was spent, in the budget's unit.
    #[arg(long, value_name = "AMOUNT", requires = "server")]
    spent: Option<String>,
    /// Why; kept for good.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    store: StoreArguments,
}

impl Correct {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let call = self.call.as_ref().map(|id| CallCorrection {
            id: id.clone(),
            cost_usd: self.cost_usd.clone().unwrap_or_default(),
            input_tokens: self.input_tokens,
            output_tokens: self.output_tokens,
            cache_read_tokens: self.cache_read_tokens,
            cache_write_5m_tokens: self.cache_write_5m_tokens,
            cache_write_1h_tokens: self.cache_write_1h_tokens,
        });
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let write_off = self.server.as_ref().map(|replica| WriteOffCorrection {
            replica: replica.clone(),
            budget: text(&self.budget),
            window_key: text(&self.window),
            spent: text(&self.spent),
        });
        let create = CorrectionCreate { id: None, call, write_off, reason: self.reason.clone() };
        let kept = self.store.operate(async |operator| operator.correct(&create).await)?;
        self.store.print(&kept, |kept, style| table(std::slice::from_ref(kept), style))
    }
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate usage corrections
  stonegate usage corrections --limit 10 --json")]
pub(crate) struct List {
    /// At most so many, the newest first.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: u32,
    #[command(flatten)]
    store: StoreArguments,
}

impl List {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let kept = self.store.operate(async |operator| operator.list_corrections(self.limit).await)?;
        self.store.print_list(&kept, table)
    }
}

fn table(kept: &[Correction], style: Style) -> String {
    let columns = [
        Column::Text("AT"),
        Column::Text("OF"),
        Column::Number("BEFORE"),
        Column::Number("AFTER"),
        Column::Text("BY"),
        Column::Text("REASON"),
    ];
    let rows = kept.iter().map(|entry| {
        let of = match (&entry.call, &entry.replica) {
            (Some(call), _) => call.clone(),
            (None, replica) => {
                let part = |part: &Option<String>| part.clone().unwrap_or_default();
                format!("{} on {}@{}", part(replica), part(&entry.budget), part(&entry.window_key))
            }
        };
        [
            entry.at.clone(),
            of,
            entry.before.to_string(),
            entry.after.to_string(),
            entry.by.clone(),
            entry.reason.clone(),
        ]
    });
    Table::new(columns, rows).render("nothing was corrected", style)
}
