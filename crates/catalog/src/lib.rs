//! The models: what they are called, what they can do, where Bedrock offers them, and what they cost.
//!
//! Pure. The built-in data (`data/models.toml`, generated, and `data/amendments.toml`, kept by hand) is laid under what
//! the operator writes; all three have the same form. `docs/models.md` tells how names resolve and how to override.

mod assemble;
mod calibration;
mod catalog;
mod document;
mod door;
mod error;
mod estimate;
mod layers;
mod model;
mod name;
mod place;
mod price;
mod rules;
mod unknown;

pub use calibration::{Calibration, Calibrations, Density, Exceeded, Expected, Surcharge};
pub use catalog::{Catalog, Resolved};
pub use error::CatalogError;
pub use estimate::estimate_tokens;
pub use model::{LongContext, Mantle, Model, Offer, Use};
pub use place::{Geography, Place, Preference, Reach, Via};
pub use price::{Asked, Billing, Price, Rates, Tier, Unit};
pub use unknown::{UnknownModel, Why};
