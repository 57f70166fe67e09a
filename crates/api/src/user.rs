//! Users, and how the first of them comes to be.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Word, key::ModelRule};

/// What a person is in the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Uses models; sees and manages what is their own.
    #[default]
    User,
    /// Also looks after the users of their team or tenant.
    TeamLead,
    /// Looks after the whole installation.
    Admin,
}

/// A user to make.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserCreate {
    /// A name, the only one of its kind in the tenant.
    #[schema(example = "ann", min_length = 1, max_length = 100)]
    pub name: String,
    /// The tenant's id; the caller's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// The id of a team of that tenant; none when absent, or the caller's where the caller looks after that team alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the person is; `user` when absent.
    #[serde(default)]
    pub role: Role,
    /// Which models the user may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
}

/// What to change of a user; what is absent stays.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserUpdate {
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The id of a team of the user's tenant; `null` takes the user out of the one they are in. What they used before stays
    /// the former team's.
    #[serde(default, deserialize_with = "crate::nullable::some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub team: Option<Option<String>>,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the person is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Which models the user may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub models: Option<ModelRule>,
    /// Whether the user is locked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub name: String,
    /// The tenant's id.
    pub tenant: String,
    /// The id of the team inside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What the person is.
    #[schema(value_type = Role)]
    pub role: Word<Role>,
    /// Which models the user may use.
    pub models: ModelRule,
    /// Since when the user is locked out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub disabled_at: Option<String>,
    /// When the user was made.
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// The first administrator, made with the token that the server printed at its first start.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// The token.
    #[schema(example = "stone-bootstrap-…")]
    pub token: String,
    /// The administrator's name; `admin` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// An address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// A password to sign in with, beside the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 12, max_length = 200)]
    pub password: Option<String>,
}

/// Taking away the second factor of a user who has lost it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TotpReset {
    /// Why. The audit log keeps it.
    #[schema(example = "lost phone, seen in person", min_length = 1)]
    pub reason: String,
}

/// A link by which a browser is signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SignInLink {
    /// Where: for the person's eyes only. It works once.
    #[schema(example = "https://gateway.example.org/signin/link?token=stone-link-…")]
    pub url: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl std::fmt::Debug for SignInLink {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SignInLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// A link by which a user sets a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PasswordLink {
    /// Where: for the user's eyes only. It works once.
    #[schema(example = "https://gateway.example.org/signin/password?token=stone-password-…")]
    pub url: String,
    /// When it ends.
    #[schema(format = DateTime)]
    pub expires_at: String,
}

impl std::fmt::Debug for PasswordLink {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("PasswordLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Bootstrap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Bootstrap").field("name", &self.name).finish_non_exhaustive()
    }
}
