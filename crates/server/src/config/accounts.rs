//! The setting `signin.aws_accounts`: whose AWS credentials let somebody in.

use std::path::Path;

use stonegate_identity::ModelRule;

use super::kind::Kind;
use super::members::{Members, Place, settle_teams};
use super::source::Written;

/// An AWS account whose people and machines may sign in with their credentials.
#[derive(Debug, Clone)]
pub struct AwsAccount {
    /// Its twelve digits.
    pub account: String,
    /// The partition that it is in, as ARNs write it.
    pub partition: String,
    /// Whether roles of EC2 instances are let in.
    pub allow_instances: bool,
    /// Who becomes what; the first that fits decides. Whoever none fits does not get in.
    pub rules: Vec<AwsRule>,
}

/// What becomes of some of an account's people.
#[derive(Debug, Clone)]
pub struct AwsRule {
    /// Whom it is for.
    pub whom: AwsWhom,
    /// What they become.
    pub place: Place,
}

/// Whom a rule is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AwsWhom {
    /// People of IAM Identity Center, by a pattern over names of permission sets.
    PermissionSet(ModelRule),
    /// Whoever took on another role, by a pattern over names of roles.
    Role(ModelRule),
    /// IAM users, by a pattern over their names.
    User(ModelRule),
    /// The account's root user.
    Root,
}

/// A list of accounts.
pub(super) struct AwsAccounts;

impl Kind for AwsAccounts {
    type Value = Vec<AwsAccount>;
    const SHAPE: &'static str =
        "a list of tables with `account` and `rules`; see [signing in](identity.md#aws-credentials)";

    fn parse(written: &Written, _: &Path) -> Option<Vec<AwsAccount>> {
        match written {
            Written::List(items) => {
                let accounts: Vec<AwsAccount> = items.iter().map(account).collect::<Option<_>>()?;
                let is_unique = |(at, one): (usize, &AwsAccount)| {
                    let is_same = |other: &AwsAccount| {
                        (&other.account, &other.partition) == (&one.account, &one.partition)
                    };
                    !accounts.iter().skip(at + 1).any(is_same)
                };
                accounts.iter().enumerate().all(is_unique).then_some(accounts)
            }
            Written::Text(text) if text.is_empty() => Some(Vec::new()),
            Written::Text(_)
            | Written::Integer(_)
            | Written::Bool(_)
            | Written::Table(_)
            | Written::Other(_) => None,
        }
    }
}

fn account(written: &Written) -> Option<AwsAccount> {
    let mut members = Members::of(written)?;
    // A number would have lost its zeros.
    let account = members.text("account")??;
    let partition = members.text("partition")?.unwrap_or_else(|| "aws".to_owned());
    let mut rules = members.list("rules", rule)?;
    settle_teams(rules.iter_mut().map(|rule| &mut rule.place));
    let account =
        AwsAccount { allow_instances: members.switch("allow_instances")?, rules, account, partition };
    let is_account = account.account.len() == 12 && account.account.bytes().all(|byte| byte.is_ascii_digit());
    let is_partition = account.partition.split('-').next() == Some("aws") && account.partition.len() <= 32;
    let is_of_use = !account.rules.is_empty();
    (members.is_empty() && is_account && is_partition && is_of_use).then_some(account)
}

fn rule(written: &Written) -> Option<AwsRule> {
    let mut members = Members::of(written)?;
    let root = members.switch("root")?.then_some(AwsWhom::Root);
    let named = [
        members.pattern("permission_set")?.map(AwsWhom::PermissionSet),
        members.pattern("aws_role")?.map(AwsWhom::Role),
        members.pattern("aws_user")?.map(AwsWhom::User),
        root,
    ];
    let mut named = named.into_iter().flatten();
    let (Some(whom), None) = (named.next(), named.next()) else { return None };
    let place = members.place()?;
    members.is_empty().then_some(AwsRule { whom, place })
}
