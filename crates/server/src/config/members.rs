//! The members of a table in a setting, each taken once, and what several such tables have in common.

use stonegate_identity::{ModelRule, Role, TenantId};

use super::source::Written;

/// What somebody is here for whom another one vouches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Whose user one becomes.
    pub tenant: TenantId,
    /// Which of its teams one is in.
    pub team: PlaceTeam,
    /// What one becomes.
    pub role: Role,
    /// Which models one may use.
    pub models: ModelRule,
}

/// Which team somebody is in for whom another one vouches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlaceTeam {
    /// Whichever an administrator has put one into: none of the rules speaks of teams.
    Left,
    /// None.
    None,
    /// The one of this name.
    Named(String),
}

/// Where one rule names a team, all of them decide: whom the others are for is in none.
pub(super) fn settle_teams<'a>(places: impl Iterator<Item = &'a mut Place>) {
    let mut places: Vec<_> = places.collect();
    if places.iter().any(|place| matches!(place.team, PlaceTeam::Named(_))) {
        for place in places.iter_mut().filter(|place| place.team == PlaceTeam::Left) {
            place.team = PlaceTeam::None;
        }
    }
}

impl Default for Place {
    /// A user of the default tenant, with every model.
    fn default() -> Self {
        let (tenant, team) = (TenantId::default_tenant(), PlaceTeam::Left);
        Self { tenant, team, role: Role::User, models: ModelRule::default() }
    }
}

/// The members of a table, each taken once: one that is left over is a slip.
pub(super) struct Members<'a>(Vec<(&'a str, &'a Written)>);

impl<'a> Members<'a> {
    pub(super) fn of(written: &'a Written) -> Option<Self> {
        let Written::Table(entries) = written else { return None };
        Some(Self(entries.iter().map(|(name, value)| (name.as_str(), value)).collect()))
    }

    pub(super) fn take(&mut self, name: &str) -> Option<&'a Written> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1)
    }

    /// A text that may be absent; `None` where it is something else.
    pub(super) fn text(&mut self, name: &str) -> Option<Option<String>> {
        match self.take(name) {
            None => Some(None),
            Some(Written::Text(text)) => Some(Some(text.clone()).filter(|text| !text.is_empty())),
            Some(_) => None,
        }
    }

    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        match self.take(name) {
            None => Some(Vec::new()),
            Some(Written::List(items)) => items
                .iter()
                .map(|item| match item {
                    Written::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            Some(_) => None,
        }
    }

    /// Whether something is so; not, when absent.
    pub(super) fn switch(&mut self, name: &str) -> Option<bool> {
        match self.take(name) {
            None => Some(false),
            Some(Written::Bool(truth)) => Some(*truth),
            Some(_) => None,
        }
    }

    /// What each of the tables in a list becomes.
    pub(super) fn list<T>(&mut self, name: &str, item: impl Fn(&Written) -> Option<T>) -> Option<Vec<T>> {
        match self.take(name) {
            None => Some(Vec::new()),
            Some(Written::List(items)) => items.iter().map(item).collect(),
            Some(_) => None,
        }
    }

    /// A pattern over names; `*` stands for any run of characters.
    pub(super) fn pattern(&mut self, name: &str) -> Option<Option<ModelRule>> {
        match self.text(name)? {
            Some(pattern) => Some(Some(ModelRule::new(vec![pattern], Vec::new()).ok()?)),
            None => Some(None),
        }
    }

    /// `tenant`, `team`, `role`, `allow_models` and `deny_models`.
    pub(super) fn place(&mut self) -> Option<Place> {
        let tenant = match self.text("tenant")? {
            Some(text) => TenantId::parse(&text).ok()?,
            None => TenantId::default_tenant(),
        };
        let team = self.text("team")?.map_or(PlaceTeam::Left, PlaceTeam::Named);
        let role = match self.text("role")? {
            Some(word) => word.parse().ok()?,
            None => Role::User,
        };
        let (allow, deny) = (self.texts("allow_models")?, self.texts("deny_models")?);
        let models = ModelRule::new(allow, deny).ok()?;
        Some(Place { tenant, team, role, models })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
