//! Who the caller is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Word, key::KeyKind, user::Role};

/// Who the caller is, and with what key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// The tenant's id.
    pub tenant: String,
    /// The team's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// The team's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team_name: Option<String>,
    /// The user's id.
    pub user: String,
    /// The user's name.
    pub user_name: String,
    /// What the person is.
    #[schema(value_type = Role)]
    pub role: Word<Role>,
    /// The key's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The key's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_name: Option<String>,
    /// What kind of key it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<KeyKind>)]
    pub key_kind: Option<Word<KeyKind>>,
    /// When the key, or this access token, ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// The user's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the key may be used for.
    pub scopes: Vec<String>,
}
