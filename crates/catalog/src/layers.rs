//! How one catalog file is laid over another. The build script does it to ours, the catalog to an operator's.

use toml::{Table, Value};

/// Lays a whole file over those below it. Its rules come before theirs; nothing else is added to a list.
pub(crate) fn lay_file_over(lower: &mut Table, mut upper: Table) {
    if let (Some(Value::Array(below)), Some(Value::Array(above))) =
        (lower.get("rules"), upper.get_mut("rules"))
    {
        above.extend(below.iter().cloned());
    }
    lay_over(lower, upper);
}

/// Lays `upper` over `lower`: tables key by key, everything else takes the place of what was there.
pub(crate) fn lay_over(lower: &mut Table, upper: Table) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => lay_over(below, above),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}
