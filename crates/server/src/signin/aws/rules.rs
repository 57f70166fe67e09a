//! What the settings make of whom AWS has named.

use stonegate_bedrock::sts::{Caller, Identity};
use stonegate_identity::{ModelPolicy, ModelRule};

use super::super::person::{self, NotAdmitted, Vouched};
use super::Aws;
use crate::config::{AwsAccount, AwsWhom, Place};

impl Aws {
    /// Who that is here.
    ///
    /// Identity Center gives every person's sessions the person's own name, so one person is one user here with whatever
    /// permission set. The name of any other role's session is chosen by whoever takes the role on: it counts within that
    /// role only, so that nobody becomes somebody who came by another one.
    pub(super) fn person<'a>(&'a self, identity: &'a Identity) -> Result<Vouched<'a>, NotAdmitted> {
        let trusted = self
            .accounts
            .iter()
            .find(|known| known.account == identity.account && known.partition == identity.partition)
            .ok_or(NotAdmitted::Told(
                "your AWS account is not trusted by this gateway; ask its administrator",
            ))?;
        let place = place(trusted, &identity.caller)?;
        let issuer = format!("arn:{}:iam::{}", identity.partition, identity.account);
        let (subject, name) = match &identity.caller {
            Caller::Role { session, .. } if identity.caller.permission_set().is_some() => {
                (format!("person/{session}"), &**session)
            }
            Caller::Role { name, session } => (format!("role/{name}/{session}"), &**session),
            Caller::User { name, id } => (format!("user/{id}"), &**name),
            Caller::Federated { name } => (format!("federated/{name}"), &**name),
            Caller::Root => ("root".to_owned(), "root"),
        };
        // The administrator of Identity Center gives people their names; elsewhere an address may be anybody's.
        let is_address = identity.caller.permission_set().is_some() && name.contains('@');
        let email = is_address.then(|| name.to_owned());
        let id = person::id_of(&issuer, &subject);
        Ok(Vouched { id, name, by: "aws", email, place, action: "signin.aws" })
    }
}

fn place<'a>(account: &'a AwsAccount, caller: &Caller) -> Result<&'a Place, NotAdmitted> {
    if caller.is_instance() && !account.allow_instances {
        return Err(NotAdmitted::Told("machines do not sign in here by their roles; ask the administrator"));
    }
    let is_for = |whom: &AwsWhom| match (whom, caller) {
        (AwsWhom::PermissionSet(pattern), _) => caller.permission_set().is_some_and(|set| fits(pattern, set)),
        (AwsWhom::Role(pattern), Caller::Role { name, .. }) => {
            caller.permission_set().is_none() && fits(pattern, name)
        }
        (AwsWhom::User(pattern), Caller::User { name, .. }) => fits(pattern, name),
        (AwsWhom::Root, Caller::Root) => true,
        (AwsWhom::Role(_) | AwsWhom::User(_) | AwsWhom::Root, _) => false,
    };
    let rule = account.rules.iter().find(|rule| is_for(&rule.whom));
    rule.map(|rule| &rule.place)
        .ok_or(NotAdmitted::Told("your AWS role or user may not use this gateway; ask its administrator"))
}

fn fits(pattern: &ModelRule, name: &str) -> bool {
    ModelPolicy::of([pattern.clone()]).allows(name)
}
