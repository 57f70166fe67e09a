//! Calls as a company makes them: 500 people with two keys each, five models, two clients, five projects.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use stonegate_ledger::{
    AccountPath, Basis, CallId, Counter, LeaseMove, Nanodollars, Outcome, ReplicaId, SyncRequest, Tags,
    Tokens, UsageRecord,
};

const PEOPLE: u64 = 500;

/// The id of a person.
pub(crate) fn user(person: u64) -> String {
    format!("usr_{person:020}")
}

/// Makes calls, one after the other in time. The same seed makes the same calls.
pub(crate) struct Generator {
    replica: ReplicaId,
    sequence: u64,
    state: u64,
    at: Timestamp,
    step: Duration,
}

impl Generator {
    pub(crate) fn new(seed: u64, step: Duration) -> Self {
        Self {
            replica: ReplicaId::new(format!("bench-{seed}")),
            sequence: 0,
            state: seed + 0x9E37_79B9_7F4A_7C15,
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            step,
        }
    }

    /// A number below `below`.
    fn pick(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    pub(crate) fn request(&mut self, calls: u64) -> SyncRequest {
        self.sequence += 1;
        let counter: Counter = "b1@2026-01".parse().unwrap();
        let records: Vec<_> = (0..calls).map(|_| self.record(&counter)).collect();
        let charged = records.iter().map(|record| record.cost.get()).sum();
        SyncRequest {
            replica: self.replica.clone(),
            sequence: self.sequence,
            at: self.at,
            budgets_version: 0,
            is_poll: false,
            opened: Vec::new(),
            records,
            closed: Vec::new(),
            moves: vec![LeaseMove { counter, charged, returned: 0, least: 0, most: 0 }],
        }
    }

    pub(crate) fn record(&mut self, counter: &Counter) -> UsageRecord {
        self.at += self.step;
        let person = self.pick(PEOPLE);
        let key = person * 2 + u64::from(self.pick(5) == 0);
        let model =
            ["claude-sonnet-5-5", "claude-opus-5-5", "claude-haiku-5-5", "nova-2-lite", "gpt-oss-120b"]
                [[0, 0, 0, 0, 1, 1, 2, 2, 3, 4][self.pick(10) as usize]];
        let (client, dialect) =
            [("claude-code", "anthropic"), ("codex", "openai_responses")][(person % 2) as usize];
        let name = |text: &str| Arc::<str>::from(text);
        let mut random = [0; 10];
        random[..8].copy_from_slice(&self.state.to_be_bytes());
        UsageRecord {
            call: CallId::from_parts(self.at, random),
            started_at: self.at,
            path: AccountPath::new(
                format!("tenant-{}", person / 100),
                Some(format!("team-{}", person / 10).into()),
                user(person),
                Some(format!("key_{key:020}").into()),
            ),
            dialect: name(dialect),
            client: Some(name(client)),
            tags: Tags::from_kept(Some(format!("project=p{}", person % 5).into())),
            model_requested: name(model),
            model_served: name(model),
            endpoint: Some(name("eu-west-1")),
            tokens: Tokens {
                input: self.pick(20_000),
                output: self.pick(2_000),
                cache_read: self.pick(100_000),
                cache_write_5m: self.pick(5_000),
                cache_write_1h: 0,
                thinking: None,
            },
            cost: Nanodollars::new(self.pick(100_000_000)),
            uncached_cost: Nanodollars::new(200_000_000),
            price_version: name("2026-11-01"),
            first_byte_us: Some(400_000),
            total_us: 9_000_000,
            outcome: Outcome::Complete,
            basis: Basis::Reported,
            stop_reason: Some(name("end_turn")),
            upstream_request_id: Some(name("a1b2c3d4-0000-4000-8000-a1b2c3d4e5f6")),
            status: 200,
            stream: true,
            counters: vec![counter.clone()],
        }
    }
}
