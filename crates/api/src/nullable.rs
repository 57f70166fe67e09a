//! Members that may be set, taken away by `null`, or left alone.

use serde::{Deserialize, Deserializer};

/// Tells `null` from what is not there.
pub(crate) fn some<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
