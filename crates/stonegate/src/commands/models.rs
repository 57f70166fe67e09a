//! `stonegate models`: what can be called, and what it costs.

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stonegate_api::Page;
use stonegate_server::price_list::{ListedModel, PriceList, price_list};

use crate::connection::ConnectionArguments;
use crate::operate::is_of_gateway;
use crate::output::{self, Column, Table};
use crate::settings::SettingsArguments;
use crate::terminal::{Style, print};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate models                                  what you may use, when you are signed in to a gateway
  stonegate models --catalog                        this program's own catalog, with prices
  stonegate models --set bedrock.region=eu-west-1 --json")]
pub(crate) struct Arguments {
    /// The catalog of this program with its prices, not the models of the gateway that one is signed in to.
    #[arg(long)]
    catalog: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    connection: ConnectionArguments,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// A model as a gateway lists it, whatever else it says or leaves out.
#[derive(Serialize, Deserialize)]
struct Offered {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_input_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    if !arguments.catalog && is_of_gateway(&arguments.connection, &arguments.settings)? {
        arguments.offered()
    } else {
        arguments.listed()
    }
}

impl Arguments {
    fn offered(&self) -> anyhow::Result<()> {
        let connection = self.connection.find()?;
        let models: Page<Offered> = crate::wait(async {
            Ok::<_, anyhow::Error>(connection.client().await?.get("/v1/models?limit=1000").await?)
        })?;
        if self.json {
            print(&output::json(&json!({ "url": connection.url, "models": models.data }))?)?;
            return Ok(());
        }
        let columns = [
            Column::Text("MODEL"),
            Column::Text("NAME"),
            Column::Number("CONTEXT"),
            Column::Number("OUTPUT"),
        ];
        let rows = models.data.into_iter().map(|model| {
            let Offered { id, display_name, max_input_tokens, max_tokens } = model;
            let [input, output] =
                [max_input_tokens, max_tokens].map(|most| most.map_or_else(|| "–".to_owned(), output::count));
            [id, display_name.unwrap_or_default(), input, output]
        });
        let nothing = "no model may be used; ask who gave you the key";
        print(&Table::new(columns, rows).render(nothing, Style::of_stdout()))?;
        Ok(())
    }

    fn listed(&self) -> anyhow::Result<()> {
        let config = self.settings.load(Vec::new())?.config;
        let list = price_list(&config)?;
        print(&if self.json { as_json(&list) } else { as_text(&list, Style::of_stdout()) })?;
        Ok(())
    }
}
fn as_text(list: &PriceList, style: Style) -> String {
    let width = |text: fn(&ListedModel) -> usize| list.models.iter().map(text).max().unwrap_or_default();
    let (id, upstream) = (width(|model| model.id.len()), width(|model| model.upstream_id.len()));
    let row = |cells: [&str; 7]| {
        let [model, bedrock, context, input, output, read, write] = cells;
        format!(
            "{model:id$}  {bedrock:upstream$}  {context:>9}  {input:>8}  {output:>8}  {read:>8}  {write:>8}"
        )
    };
    let heading = ["MODEL", "ON BEDROCK", "CONTEXT", "INPUT", "OUTPUT", "CACHED", "TO CACHE"];
    let mut text = style.bold(&row(heading)) + "\n";
    for model in &list.models {
        let context = model.context_window.to_string();
        let price = |price: fn(&stonegate_server::price_list::ListedPrices) -> Option<&String>| {
            model.prices.as_ref().and_then(price).map_or("–", String::as_str)
        };
        text.push_str(&row([
            &model.id,
            &model.upstream_id,
            &context,
            price(|prices| Some(&prices.input)),
            price(|prices| Some(&prices.output)),
            price(|prices| prices.cache_read.as_ref()),
            price(|prices| prices.cache_write_5m.as_ref()),
        ]));
        text.push('\n');
    }
    let note = format!(
        "USD per million tokens, standard tier, from {}; catalog {}. `models.catalog_file` overrides it.",
        list.region, list.version
    );
    text + &style.dim(&note) + "\n"
}

fn as_json(list: &PriceList) -> String {
    let models: Vec<_> = list
        .models
        .iter()
        .map(|model| {
            let prices = model.prices.as_ref().map(|prices| {
                json!({
                    "input": prices.input, "output": prices.output, "cache_read": prices.cache_read,
                    "cache_write_5m": prices.cache_write_5m, "cache_write_1h": prices.cache_write_1h,
                })
            });
            json!({
                "id": model.id, "name": model.name, "family": model.family,
                "upstream_id": model.upstream_id, "context_window": model.context_window,
                "max_output_tokens": model.max_output_tokens, "usd_per_million_tokens": prices,
            })
        })
        .collect();
    format!("{:#}\n", json!({ "region": list.region, "version": list.version, "models": models }))
}
