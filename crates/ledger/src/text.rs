//! One spelling for each plain enum, used by columns, JSON and flags alike.

/// A text that names none of the known values.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not one of {known}")]
pub struct UnknownText {
    /// What was given.
    pub text: String,
    /// What would have been understood.
    pub known: &'static str,
}

/// Gives an enum without fields its text form: `as_str`, `Display` and `FromStr`.
macro_rules! spelled {
    ($name:ident { $first:ident = $first_text:literal $(, $variant:ident = $text:literal)* $(,)? }) => {
        impl $name {
            /// The one spelling of this value.
            pub const fn as_str(self) -> &'static str {
                match self {
                    Self::$first => $first_text,
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::UnknownText;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $first_text => Ok(Self::$first),
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::UnknownText {
                        text: text.to_owned(),
                        known: concat!($first_text $(, ", ", $text)*),
                    }),
                }
            }
        }
    };
}
pub(crate) use spelled;
