//! Why a command did not do what it was asked, as far as scripts want to tell: an exit code each.

/// What went wrong between this machine and the gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// What was asked makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// Nobody is signed in, or what they are signed in with holds no longer.
    #[error("{0}")]
    SignedOut(String),
    /// The gateway does not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The gateway's answer is not understood.
    #[error("{path} gave what this stonegate ({}) does not understand: {why}", env!("CARGO_PKG_VERSION"))]
    Unread {
        /// What was asked.
        path: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A program could not be run.
    #[error("{message}")]
    NotRun {
        /// What a shell would end with.
        code: u8,
        /// What is wrong and what to do about it.
        message: String,
    },
    /// The gateway understood and says no, or could not.
    #[error("{}", refused(*status, message, request_id.as_deref()))]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The kind of the error, in the words of the API that was called.
        code: Option<String>,
        /// What is wrong and what to do about it.
        message: String,
        /// What the operator finds the request by.
        request_id: Option<String>,
    },
}

impl Trouble {
    /// What the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Trouble::Refused { .. } | Trouble::Unread { .. } => 1,
            Trouble::Wrong(_) => 2,
            Trouble::SignedOut(_) => 3,
            Trouble::Unreachable(_) => 4,
            Trouble::NotRun { code, .. } => *code,
        }
    }
}

impl From<anyhow::Error> for Trouble {
    /// What is none of these yet is about this machine.
    fn from(error: anyhow::Error) -> Trouble {
        match error.downcast() {
            Ok(trouble) => trouble,
            Err(error) => Trouble::Wrong(format!("{error:#}")),
        }
    }
}

fn refused(status: u16, message: &str, request_id: Option<&str>) -> String {
    let request = request_id.map(|id| format!(", request {id}")).unwrap_or_default();
    format!("{message} (status {status}{request})")
}
