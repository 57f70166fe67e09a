//! Whom AWS says somebody is.

/// An identity, as AWS tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The partition of its account.
    pub partition: String,
    /// The twelve digits of its account.
    pub account: String,
    /// What it is in that account.
    pub caller: Caller,
}

/// What somebody is in their account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who took on a role, under a name that, but for AWS's own services, whoever took it on has chosen.
    Role {
        /// The role's name, without its path.
        name: String,
        /// The session's name.
        session: String,
    },
    /// An IAM user.
    User {
        /// The user's name, without its path.
        name: String,
        /// What no other user has, nor ever will.
        id: String,
    },
    /// Whoever the account belongs to.
    Root,
    /// Somebody for whom an IAM user asked for a token.
    Federated {
        /// The name that was chosen for them.
        name: String,
    },
}

impl Identity {
    /// Reads the members of STS's answer. `None` when they do not go together, or are in a form that AWS's are not in.
    pub(super) fn of(arn: &str, account: &str, id: &str) -> Option<Identity> {
        let mut parts = arn.splitn(6, ':');
        let ("arn", partition, service, "", of_account, resource) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?, parts.next()?)
        else {
            return None;
        };
        let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_account || of_account != account {
            return None;
        }
        let caller = match (service, resource.split_once('/')) {
            ("iam", None) if resource == "root" => Caller::Root,
            ("iam", Some(("user", path))) => {
                let name = path.rsplit('/').next()?.to_owned();
                let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
                (is_name(&name) && is_id).then(|| Caller::User { name, id: id.to_owned() })?
            }
            ("sts", Some(("assumed-role", rest))) => {
                let (name, session) = rest.split_once('/')?;
                // Roles of AWS itself, such as `aws:ec2-instance`, have a colon that nobody else's may have.
                let is_sound = is_name(&name.replacen(':', "", 1)) && is_name(session);
                is_sound.then(|| Caller::Role { name: name.to_owned(), session: session.to_owned() })?
            }
            ("sts", Some(("federated-user", name))) if is_name(name) => {
                Caller::Federated { name: name.to_owned() }
            }
            _ => return None,
        };
        Some(Identity { partition: partition.to_owned(), account: account.to_owned(), caller })
    }
}

/// What names of users, roles and sessions are made of (IAM, "IAM and AWS STS quotas").
fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}

impl Caller {
    /// The name of the permission set, for whoever came by IAM Identity Center: its roles are called
    /// `AWSReservedSSO_NAME_` and sixteen hexadecimal digits.
    #[must_use]
    pub fn permission_set(&self) -> Option<&str> {
        let Caller::Role { name, .. } = self else { return None };
        let (set, hash) = name.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?;
        let is_hash = hash.len() == 16
            && hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (is_hash && !set.is_empty()).then_some(set)
    }

    /// Whether it is a machine of EC2's, whose session is called by the instance's id, or one that Systems Manager runs.
    #[must_use]
    pub fn is_instance(&self) -> bool {
        let Caller::Role { name, session } = self else { return false };
        let digits = session.strip_prefix("i-").or_else(|| session.strip_prefix("mi-"));
        let is_id = |digits: &str| {
            matches!(digits.len(), 8 | 17) && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        };
        name.starts_with("aws:") || digits.is_some_and(is_id)
    }
}
