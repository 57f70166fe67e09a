//! What a server was set up with by its settings: whom it trusts, where it sends calls, and which models there are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Word, key::ModelRule, user::Role};

/// Somebody whose word for who people and machines are is taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trust {
    /// The provider's id, or the account's twelve digits.
    #[schema(example = "okta")]
    pub name: String,
    /// What it is.
    #[schema(value_type = TrustKind)]
    pub kind: Word<TrustKind>,
    /// The provider's issuer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What the provider knows this gateway by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Audiences of machines' tokens that are taken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Whether the client that a machine's token names counts for an audience that it does not name.
    #[serde(default)]
    pub client_id_as_audience: bool,
    /// The most that the provider's machines may do, where the settings say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub machine_scopes: Vec<String>,
    /// Whether only those get in by the provider whom SCIM provisions.
    #[serde(default)]
    pub scim: bool,
    /// Whether the provider may be on a private network.
    #[serde(default)]
    pub allow_private: bool,
    /// The partition that the account is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "aws")]
    pub partition: Option<String>,
    /// Whether roles of the account's EC2 instances are let in.
    #[serde(default)]
    pub allow_instances: bool,
    /// Who becomes what; the first that fits decides, and whom none fits does not get in.
    pub rules: Vec<TrustRule>,
}

/// What vouches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustKind {
    /// An OpenID provider.
    OpenidProvider,
    /// An AWS account, by its STS.
    AwsAccount,
}

/// What becomes of some of those who are vouched for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TrustRule {
    /// Whom it is for.
    #[schema(value_type = TrustWhom)]
    pub whom: Word<TrustWhom>,
    /// Pattern over the names of groups, permission sets, roles or users; absent where it is for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "platform-*")]
    pub pattern: Option<String>,
    /// The tenant that they come into.
    pub tenant: String,
    /// The name of the team.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    /// What they become.
    #[schema(value_type = Role)]
    pub role: Word<Role>,
    /// Which models they may use.
    pub models: ModelRule,
}

/// Whom a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TrustWhom {
    /// Everyone whom the provider vouches for.
    Everyone,
    /// People in a group.
    Group,
    /// People of IAM Identity Center with a permission set.
    PermissionSet,
    /// Whoever took on a role.
    AwsRole,
    /// IAM users.
    AwsUser,
    /// The account's root user.
    Root,
}

/// An upstream that calls are sent to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Endpoint {
    /// Its name in records and reports.
    #[schema(example = "eu-west-1")]
    pub name: String,
    /// AWS region.
    #[schema(example = "eu-west-1")]
    pub region: String,
    /// Base address of `bedrock-runtime`.
    pub runtime_url: String,
    /// Base address of `bedrock-mantle`.
    pub mantle_url: String,
    /// How the gateway proves who it is.
    #[schema(value_type = EndpointAccess)]
    pub access: Word<EndpointAccess>,
    /// Inference profiles that are preferred, best first; those of the region where there are none.
    #[serde(default)]
    pub geography: Vec<String>,
}

/// How the gateway proves to an endpoint who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndpointAccess {
    /// Requests are signed with AWS credentials.
    Signed,
    /// By a Bedrock API key.
    Bearer,
}

/// A model that can be called, and its price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CatalogModel {
    /// The catalog's id.
    #[schema(example = "claude-sonnet-5-5")]
    pub id: String,
    /// For people.
    #[schema(example = "Claude Sonnet 5.5")]
    pub name: String,
    /// Whose it is.
    #[schema(example = "anthropic")]
    pub family: String,
    /// What Bedrock is called with.
    pub upstream_id: String,
    /// Tokens of prompt and answer together.
    pub context_window: u64,
    /// The most tokens of an answer.
    pub max_output_tokens: u64,
    /// Prices in the standard tier; absent where the model is not billed by the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd_per_million_tokens: Option<TokenPrices>,
    /// What else the settings call it: names, and patterns in which `*` stands for anything.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// What clients are told to take it for: `anthropic`, `openai`, `small`.
    #[serde(default)]
    pub default_for: Vec<String>,
    /// Decimal text: how many tokens estimates take a byte of text for, as the tenant's calls to models of the family have
    /// shown since the gateway started; absent where there is no gateway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "0.252")]
    pub tokens_per_byte: Option<String>,
}

/// Decimal texts: US dollars for a million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenPrices {
    /// Of the prompt.
    #[schema(example = "3.00")]
    pub input: String,
    /// Of the answer.
    #[schema(example = "15.00")]
    pub output: String,
    /// Read from the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<String>,
    /// Written to the cache for five minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_5m: Option<String>,
    /// Written to the cache for an hour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write_1h: Option<String>,
}
