//! What is good for a while and whoever comes first: codes, tokens that are used once, counts of failures.
//!
//! The keeper knows nothing of what a ticket means. It holds for all replicas that a ticket is put once, replaced only by
//! whoever saw its newest form, and taken once; the rules are in the modules that give tickets their bodies.

use jiff::Timestamp;

use crate::directory::Answer;

/// The keeper of tickets.
pub trait Tickets: Send + Sync + 'static {
    /// Keeps a new ticket, in its first version. False when there is one of that kind and name that has not ended.
    fn put(&self, ticket: Ticket, now: Timestamp) -> Answer<'_, bool>;

    /// The ticket of that kind and name, if it has not ended by `now`.
    fn find<'a>(
        &'a self,
        kind: TicketKind,
        name: &'a str,
        now: Timestamp,
    ) -> Answer<'a, Option<(Ticket, Version)>>;

    /// Puts a new form in the place of the version that was found. False when another one was faster.
    fn replace(&self, found: Version, ticket: Ticket) -> Answer<'_, bool>;

    /// Takes a ticket away, if it has not ended by `now`. Of those who try at the same time one gets it.
    fn take<'a>(&'a self, kind: TicketKind, name: &'a str, now: Timestamp) -> Answer<'a, Option<Ticket>>;

    /// Takes away up to `most` tickets that have ended by `now`, and says how many those were.
    fn sweep(&self, now: Timestamp, most: u32) -> Answer<'_, u64>;
}

/// What a ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketKind {
    /// A device that waits for a person's approval, by the digest of its code.
    Device,
    /// The same device by the code that the person types; its body is the other name.
    UserCode,
    /// A refresh token, by its digest.
    Refresh,
    /// Which of a session's refresh tokens were used, by the session's id.
    Session,
    /// A link to set a password by, by its token's digest; and which one is a user's, by the user's id.
    PasswordLink,
    /// A link that signs a browser in, by its token's digest.
    BrowserLink,
    /// How often something failed of late.
    Failures,
    /// A sign-in that is under way at another provider, by its state's digest.
    Provider,
    /// A user whom a provider does not vouch for any more, by the user's id.
    LetGo,
    /// A user whom the provider that provisions them has put out, by the user's id.
    Deprovisioned,
    /// A signature by which somebody signed in, by its digest.
    Signature,
    /// What somebody with a password shows beside it, by the user's id: its codes are used up.
    SecondFactor,
}

impl TicketKind {
    /// The kind's name in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::UserCode => "user_code",
            Self::Refresh => "refresh",
            Self::Session => "session",
            Self::PasswordLink => "password_link",
            Self::BrowserLink => "browser_link",
            Self::Failures => "failures",
            Self::Provider => "provider",
            Self::LetGo => "let_go",
            Self::Deprovisioned => "deprovisioned",
            Self::Signature => "signature",
            Self::SecondFactor => "second_factor",
        }
    }
}

/// A ticket. Its name is a digest, a code that means nothing by itself, or who failed: never a secret that lets one in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What it is for.
    pub kind: TicketKind,
    /// Its name among those of its kind.
    pub name: String,
    /// What it says, in a form of its kind's own.
    pub body: String,
    /// From when on it is gone.
    pub expires_at: Timestamp,
}

/// Which form of a ticket somebody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version(pub u64);
