//! Usage records on their way in: one array a column.

use std::borrow::Cow;

use sqlx::{Postgres, postgres::PgArguments, query::Query};
use stonegate_ledger::UsageRecord;

use super::clean;
use crate::ledger::{
    convert::{kept, kept_time},
    record::Names,
};

type Text<'a> = Cow<'a, str>;

/// Appends the records that [`RecordColumns::bind`] binds, which come first among a statement's parameters. A record that is
/// there already was counted, and stays as it is; one that was only assumed has been taken out by the replica's return.
macro_rules! append_records {
    () => {
        concat!(
            "INSERT INTO journal (",
            $crate::ledger::record::journal_columns!(),
            ") SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
             $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30) ON CONFLICT (call) DO NOTHING RETURNING call"
        )
    };
}
pub(super) use append_records;

macro_rules! record_columns {
    ($record:ident; $($name:ident: $kind:ty = $value:expr;)+) => {
        /// Records, column by column, in the order of the journal's columns.
        #[derive(Default)]
        pub(super) struct RecordColumns<'a> {
            $($name: Vec<$kind>,)+
        }

        impl<'a> RecordColumns<'a> {
            pub(super) fn of(records: &'a [UsageRecord]) -> Self {
                let mut columns = Self::default();
                for $record in records {
                    $(columns.$name.push($value);)+
                }
                columns
            }

            pub(super) fn bind<'q>(
                self,
                query: Query<'q, Postgres, PgArguments>,
            ) -> Query<'q, Postgres, PgArguments> {
                query$(.bind(self.$name))+
            }
        }
    };
}

record_columns! {
    record;
    call: String = record.call.to_string();
    started_at: i64 = kept_time(record.started_at);
    tenant: Text<'a> = clean(record.path.tenant());
    team: Option<Text<'a>> = record.path.team().map(|team| clean(team));
    user: Text<'a> = clean(record.path.user());
    key: Option<Text<'a>> = record.path.key().map(|key| clean(key));
    dialect: Text<'a> = clean(&record.dialect);
    client: Option<Text<'a>> = record.client.as_deref().map(clean);
    model_requested: Text<'a> = clean(&record.model_requested);
    model_served: Text<'a> = clean(&record.model_served);
    endpoint: Option<Text<'a>> = record.endpoint.as_deref().map(clean);
    input_tokens: i64 = kept(record.tokens.input);
    output_tokens: i64 = kept(record.tokens.output);
    cache_read_tokens: i64 = kept(record.tokens.cache_read);
    cache_write_5m_tokens: i64 = kept(record.tokens.cache_write_5m);
    cache_write_1h_tokens: i64 = kept(record.tokens.cache_write_1h);
    thinking_tokens: Option<i64> = record.tokens.thinking.map(kept);
    cost: i64 = kept(record.cost.get());
    price_version: Text<'a> = clean(&record.price_version);
    first_byte_us: Option<i64> = record.first_byte_us.map(kept);
    total_us: i64 = kept(record.total_us);
    outcome: &'static str = record.outcome.as_str();
    basis: &'static str = record.basis.as_str();
    stop_reason: Option<Text<'a>> = record.stop_reason.as_deref().map(clean);
    upstream_request_id: Option<Text<'a>> = record.upstream_request_id.as_deref().map(clean);
    status: i64 = i64::from(record.status);
    stream: bool = record.stream;
    counters: String = Names(&record.counters).text();
    tags: &'a str = record.tags.as_str();
    uncached_cost: i64 = kept(record.uncached_cost.get());
}
