//! Charges from outside.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::State;
use crate::{
    budget::Amount,
    charge::{
        Authorization, Authorized, CHARGES_KNOWN, Charge, ChargeEnd, ChargeId, ChargePage, ChargeQuery,
        ChargeState,
    },
    estate::Estate,
    journal::UsageRecord,
    lease::Counter,
    store::StoreError,
};

#[derive(Clone, Debug)]
pub(super) struct KeptCharge {
    pub(super) charge: Charge,
    pub(super) key: Arc<str>,
    pub(super) leases: BTreeMap<Counter, Amount>,
}

impl State {
    pub(super) fn authorize(&mut self, wanted: &Authorization) -> Authorized {
        let known = self.charges.values().find(|kept| kept.key == wanted.key).cloned();
        let mut kept = known.unwrap_or_else(|| {
            let mut charge = Charge::new(wanted);
            charge.record.counters = self.applicable(&charge.record, wanted.at);
            KeptCharge { charge, key: wanted.key.clone(), leases: BTreeMap::new() }
        });
        if !kept.charge.lacks(wanted) {
            return Authorized::Charge(Box::new(kept.charge));
        }
        let mut estate = self.estate(std::mem::take(&mut kept.leases), BTreeMap::new());
        let authorized = estate.authorize(&mut kept.charge, wanted, &self.terms(wanted.at));
        self.counters = estate.counters;
        kept.leases = estate.leases;
        if kept.charge.is_open() {
            self.charges.insert(kept.charge.id(), kept);
        } else {
            self.charges.remove(&kept.charge.id());
        }
        authorized
    }

    fn applicable(&self, record: &UsageRecord, at: Timestamp) -> Vec<Counter> {
        let accounts: Vec<_> = record.path.accounts().collect();
        let known = self.budgets.values().filter(|known| !known.removed).map(|known| &known.budget);
        let counted =
            known.filter(|budget| accounts.contains(&&budget.account) && budget.counts(&record.model_served));
        counted.map(|budget| budget.counter_at(at)).collect()
    }

    pub(super) fn end_charge(
        &mut self,
        id: ChargeId,
        end: &ChargeEnd,
        at: Timestamp,
    ) -> Result<Charge, StoreError> {
        let mut kept = self.charges.get(&id).cloned().ok_or(StoreError::NoCharge(id))?;
        let was = kept.charge.state;
        let counters = self.counters.clone();
        let mut estate = Estate { counters, leases: kept.leases, written_off: BTreeMap::new() };
        let crossings = estate.end(&mut kept.charge, end, at, &self.terms(at))?;
        if was == ChargeState::Held && kept.charge.state == ChargeState::Captured {
            self.enter(&kept.charge.record);
        }
        self.crossings.extend(crossings);
        self.counters = estate.counters;
        kept.leases = estate.leases;
        let charge = kept.charge.clone();
        if was == ChargeState::Waiting && !charge.is_open() {
            self.charges.remove(&id);
        } else {
            self.charges.insert(id, kept);
        }
        Ok(charge)
    }

    pub(super) fn expire_charges(&mut self, at: Timestamp) -> Result<u64, StoreError> {
        let is_due = |kept: &&KeptCharge| kept.charge.is_open() && kept.charge.expires_at <= at;
        let due: Vec<_> = self.charges.values().filter(is_due).map(|kept| kept.charge.id()).collect();
        for id in &due {
            self.end_charge(*id, &ChargeEnd::Expire, at)?;
        }
        let is_known = |kept: &KeptCharge| {
            kept.charge.is_open() || at.duration_since(kept.charge.expires_at) < CHARGES_KNOWN
        };
        self.charges.retain(|_, kept| is_known(kept));
        Ok(u64::try_from(due.len()).unwrap_or(u64::MAX))
    }

    pub(super) fn open_charges(&self, query: &ChargeQuery) -> ChargePage {
        let is_wanted = |charge: &&Charge| {
            charge.is_open()
                && query.after.is_none_or(|after| charge.place() > after)
                && query.filter.admits(&charge.record)
        };
        let charges = self.charges.values().map(|kept| &kept.charge);
        let mut found: Vec<_> = charges.filter(is_wanted).cloned().collect();
        found.sort_by_key(Charge::place);
        ChargePage::cut(found, query.limit)
    }
}
