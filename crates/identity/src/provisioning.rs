//! What an identity provider keeps of people and groups with an installation (SCIM 2.0, RFC 7643): documents with a name, and
//! who is in which group.
//!
//! The keeper knows nothing of what the documents say. A user's document has the id of the user that it is about; what
//! counts of a user, such as whether they may come in, is in the directory. So that the directory follows whatever happens in
//! between, a user is *unsettled* from any change of their document or groups until somebody says that the directory has
//! followed that very change.

use jiff::Timestamp;

use crate::directory::Answer;
use crate::id::{TenantId, UserId};
use crate::ticket::Version;

/// The keeper of provisioned people and groups.
pub trait Provisioning: Send + Sync + 'static {
    /// Keeps a new one, in its first version, unsettled. False when its id is taken, or its name among those of its kind in its
    /// tenant.
    fn create(&self, new: Provisioned) -> Answer<'_, bool>;

    /// The one of that id.
    fn find<'a>(
        &'a self,
        tenant: &'a TenantId,
        kind: ProvisionedKind,
        id: &'a str,
    ) -> Answer<'a, Option<(Provisioned, Version)>>;

    /// Those of a kind, in the order of their ids, from after that one; at most so many.
    fn list<'a>(
        &'a self,
        wanted: &'a Wanted,
        after: Option<&'a str>,
        most: u32,
    ) -> Answer<'a, Vec<Provisioned>>;

    /// Puts a new form in the place of the version that was found. A user is unsettled by it, and so are a group's members
    /// when its body changes.
    fn replace(&self, found: Version, new: Provisioned) -> Answer<'_, Replaced>;

    /// Takes one away, with its memberships; a group's members are unsettled by it. False where there is none.
    fn remove<'a>(&'a self, tenant: &'a TenantId, kind: ProvisionedKind, id: &'a str) -> Answer<'a, bool>;

    /// Lets people into a group and takes others out, which makes a new version of each of them, unsettled. Whoever is not
    /// provisioned in its tenant is left out. The longer lists are, the longer others wait for the store.
    fn change_members<'a>(
        &'a self,
        group: &'a str,
        joining: &'a [String],
        leaving: &'a [String],
    ) -> Answer<'a, ()>;

    /// The ids of those who are in a group.
    fn members<'a>(&'a self, group: &'a str) -> Answer<'a, Vec<String>>;

    /// The groups that somebody is in.
    fn groups_of<'a>(&'a self, user: &'a str) -> Answer<'a, Vec<Provisioned>>;

    /// The tenants with users who are unsettled, in the order of their ids.
    fn unsettled_tenants(&self) -> Answer<'_, Vec<TenantId>>;

    /// Users of a tenant who are unsettled; at most so many.
    fn unsettled<'a>(&'a self, tenant: &'a TenantId, most: u32) -> Answer<'a, Vec<UserId>>;

    /// The directory has followed that version of a user. False when there is another one by now.
    fn settled<'a>(&'a self, user: &'a UserId, found: Version) -> Answer<'a, bool>;
}

/// What is provisioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProvisionedKind {
    /// A person.
    User,
    /// A group of people.
    Group,
}

impl ProvisionedKind {
    /// The kind's name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
        }
    }
}

/// A person or a group, as its provider has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provisioned {
    /// Of which tenant.
    pub tenant: TenantId,
    /// What it is.
    pub kind: ProvisionedKind,
    /// Its id; a person's is the user's.
    pub id: String,
    /// Its name in small letters, by which it is the only one.
    pub name_key: String,
    /// What its provider knows it by.
    pub external_id: Option<String>,
    /// What its provider says of it: JSON.
    pub body: String,
    /// When it came.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

/// Which of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of which tenant.
    pub tenant: TenantId,
    /// Of which kind.
    pub kind: ProvisionedKind,
    /// Only the one of this name.
    pub name_key: Option<String>,
    /// Only those that their provider knows by this.
    pub external_id: Option<String>,
}

impl Wanted {
    /// All of a kind.
    #[must_use]
    pub fn all(tenant: TenantId, kind: ProvisionedKind) -> Self {
        Self { tenant, kind, name_key: None, external_id: None }
    }
}

/// What became of a replacement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replaced {
    /// It is done.
    Done,
    /// Another one was faster, or took it away.
    Stale,
    /// Another one has that name.
    NameTaken,
}
