//! What all requests of one simulator share.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use crate::{
    cache::Cache,
    chance::Chance,
    log::Log,
    openai::responses::kept::Kept,
    options::{Auth, Clock, Options},
    script::Scripts,
};

#[derive(Debug)]
pub(crate) struct State {
    options: RwLock<Arc<Options>>,
    pub(crate) log: Arc<Log>,
    pub(crate) scripts: Scripts,
    pub(crate) cache: Cache,
    pub(crate) chance: Chance,
    pub(crate) kept: Arc<Kept>,
    /// How often a counted directive has failed, by conversation.
    failures: Mutex<HashMap<u64, u32>>,
}

impl State {
    pub(crate) fn new(options: Options) -> io::Result<State> {
        Ok(State {
            log: Arc::new(Log::open(options.record.as_deref())?),
            scripts: Scripts::default(),
            cache: Cache::default(),
            chance: Chance::new(options.clock.now()),
            kept: Arc::default(),
            failures: Mutex::default(),
            options: RwLock::new(Arc::new(options)),
        })
    }

    pub(crate) fn options(&self) -> Arc<Options> {
        self.options.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn clock(&self) -> Clock {
        self.options().clock.clone()
    }

    pub(crate) fn set_auth(&self, auth: Auth) {
        let mut options = self.options.write().unwrap_or_else(PoisonError::into_inner);
        Arc::make_mut(&mut options).auth = auth;
    }

    /// Counts a failure of a directive that fails `times` times; false when it has failed often enough, and then it
    /// starts anew.
    pub(crate) fn fails_again(&self, conversation: u64, times: u32) -> bool {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let count = failures.entry(conversation).or_default();
        if *count < times {
            *count += 1;
            return true;
        }
        failures.remove(&conversation);
        false
    }
}
