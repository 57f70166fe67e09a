//! Keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Word;

/// Patterns over model ids; `*` stands for any run of characters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelRule {
    /// One of these has to fit, unless there are none.
    #[serde(default)]
    #[schema(example = json!(["claude-*"]))]
    pub allow: Vec<String>,
    /// None of these may fit.
    #[serde(default)]
    pub deny: Vec<String>,
}

/// A key to make.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyCreate {
    /// A name to know it by.
    #[schema(example = "laptop", min_length = 1, max_length = 100)]
    pub name: String,
    /// The id of the user that it is for; the caller when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it may be used for; calling models and seeing their usage when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = json!(["messages:send", "usage:read"]))]
    pub scopes: Option<Vec<String>>,
    /// Which models it may be used for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
    /// What all calls with it are tagged with in reports. A call may add others, and change none of these.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(example = json!({"project": "apollo"}))]
    pub tags: BTreeMap<String, String>,
    /// When it ends by itself; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
}

/// A key to make for a program that runs for a while.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EphemeralCreate {
    /// A name to know it by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "claude on laptop", min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// What it may be used for, one scope: calling models by one API, or `usage:read`.
    #[schema(example = json!(["messages:send"]), min_items = 1, max_items = 1)]
    pub scopes: Vec<String>,
    /// Which models it may be used for; those of the key that it is made with when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
    /// How many minutes it lives; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    pub minutes: Option<u32>,
}

/// How to renew an ephemeral key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRenew {
    /// How many minutes it lives from now on; 30 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 60)]
    pub minutes: Option<u32>,
}

/// How to rotate a key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRotate {
    /// For how long the old text works beside the new one; a day when absent, 0 for not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 2_592_000)]
    pub overlap_seconds: Option<u64>,
}

/// A key, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    /// Its id, the same over all rotations.
    #[schema(example = "key_06n2r8a1k4c0b9f3d7e1")]
    pub id: String,
    /// Its name.
    pub name: String,
    /// What kind of key it is.
    #[serde(default)]
    #[schema(value_type = KeyKind)]
    pub kind: Word<KeyKind>,
    /// The id of the key that an ephemeral one was made with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The tenant of its user.
    pub tenant: String,
    /// The id of its user.
    pub user: String,
    /// The name of its user.
    pub user_name: String,
    /// What may be shown of its newest text.
    #[schema(example = "sk-stone-3f9a…0k2b7de")]
    pub public_form: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// Which models it may be used for.
    pub models: ModelRule,
    /// What all calls with it are tagged with.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Whether it works.
    #[schema(value_type = KeyStatus)]
    pub status: Word<KeyStatus>,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// When it was revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub revoked_at: Option<String>,
    /// When it got its newest text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub rotated_at: Option<String>,
    /// When it was last used, give or take some minutes; absent when nothing is known of a use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub last_used_at: Option<String>,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// What a key is to its holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    /// Made to be kept.
    #[default]
    LongLived,
    /// A sign-in of a program, over all its access tokens.
    Session,
    /// A sign-in of a browser.
    Browser,
    /// Made with another key for a while; it ends with it.
    Ephemeral,
}

/// Whether a key works, as far as the key itself goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// It works.
    Active,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

/// A key with its text, which is shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyCreated {
    /// The key's text: keep it, nobody can show it again.
    #[schema(example = "sk-stone-…")]
    pub key: String,
    /// What is known of it.
    #[serde(flatten)]
    pub about: Key,
}

impl std::fmt::Debug for KeyCreated {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("KeyCreated").field("about", &self.about).finish_non_exhaustive()
    }
}
