//! `stonegate models`: what can be called, and what it costs.

use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;
use stonegate_api::{CatalogModel, Page, TokenPrices};
use stonegate_server::price_list::{PriceList, price_list};

use crate::connection::ConnectionArguments;
use crate::operate::{StoreArguments, is_of_gateway};
use crate::output::{self, Column, Table};
use crate::settings::SettingsArguments;
use crate::terminal::{Style, print};
use crate::trouble::Trouble;

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

/// `stonegate admin models`: what is there, whoever may use it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List every model that is offered, with its prices.
    List(List),
    /// Show one of them, with the settings' own names for it.
    Show(Show),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate admin models list                       of the gateway that one is signed in to
  stonegate admin models list --config stonegate.toml --json")]
pub(crate) struct List {
    #[command(flatten)]
    store: StoreArguments,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stonegate admin models show claude-sonnet-5-5
  stonegate admin models show claude-sonnet-5-5 --json")]
pub(crate) struct Show {
    /// The model's id, or a name that the settings have for it.
    #[arg(value_name = "MODEL")]
    model: String,
    #[command(flatten)]
    store: StoreArguments,
}

impl Command {
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        let offered = |store: &StoreArguments| store.installed("/models", |installation| installation.models);
        match self {
            Self::List(List { store }) => store.print_list(&offered(store)?, table),
            Self::Show(Show { model: name, store }) => {
                let all = offered(store)?;
                let is_it = |model: &&CatalogModel| model.id == *name || model.aliases.contains(name);
                let found = all.iter().find(is_it).ok_or_else(|| {
                    Trouble::Wrong(format!("there is no model `{name}`; see `stonegate admin models list`"))
                })?;
                store.print(found, shown)
            }
        }
    }
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
        if self.json {
            let PriceList { region, version, models } = list;
            print(&output::json(&json!({ "region": region, "version": version, "models": models }))?)?;
            return Ok(());
        }
        let note = format!(
            "USD per million tokens, standard tier, from {}; catalog {}. `models.catalog_file` overrides it.",
            list.region, list.version
        );
        let style = Style::of_stdout();
        print(&(table(&list.models, style) + &style.dim(&note) + "\n"))?;
        Ok(())
    }
}

fn shown(model: &CatalogModel, style: Style) -> String {
    let list = |items: &[String]| (!items.is_empty()).then(|| items.join(", "));
    let price = |price: fn(&TokenPrices) -> Option<&String>| {
        model
            .usd_per_million_tokens
            .as_ref()
            .and_then(price)
            .map(|usd| format!("{usd} USD per million tokens"))
    };
    output::facts(
        [
            ("id", Some(model.id.clone())),
            ("name", Some(model.name.clone())),
            ("family", Some(model.family.clone())),
            ("on Bedrock", Some(model.upstream_id.clone())),
            ("context", Some(output::count(model.context_window))),
            ("output", Some(output::count(model.max_output_tokens))),
            ("input price", price(|prices| Some(&prices.input))),
            ("output price", price(|prices| Some(&prices.output))),
            ("cache read", price(|prices| prices.cache_read.as_ref())),
            ("cache write, 5 min", price(|prices| prices.cache_write_5m.as_ref())),
            ("cache write, 1 h", price(|prices| prices.cache_write_1h.as_ref())),
            ("also called", list(&model.aliases)),
            ("default for", list(&model.default_for)),
            ("text", model.tokens_per_byte.as_ref().map(|tokens| format!("{tokens} tokens per byte"))),
        ],
        style,
    )
}

/// Models with what they cost.
pub(crate) fn table(models: &[CatalogModel], style: Style) -> String {
    let columns = [
        Column::Text("MODEL"),
        Column::Text("ON BEDROCK"),
        Column::Number("CONTEXT"),
        Column::Number("INPUT"),
        Column::Number("OUTPUT"),
        Column::Number("CACHED"),
        Column::Number("TO CACHE"),
    ];
    let rows = models.iter().map(|model| {
        let price = |price: fn(&TokenPrices) -> Option<&String>| {
            let price = model.usd_per_million_tokens.as_ref().and_then(price);
            price.map_or_else(|| "–".to_owned(), String::clone)
        };
        [
            model.id.clone(),
            model.upstream_id.clone(),
            model.context_window.to_string(),
            price(|prices| Some(&prices.input)),
            price(|prices| Some(&prices.output)),
            price(|prices| prices.cache_read.as_ref()),
            price(|prices| prices.cache_write_5m.as_ref()),
        ]
    });
    Table::new(columns, rows).render("no model can be called from here", style)
}
