//! OpenAI's `POST /v1/images/generations`, for the image models of Bedrock.

mod families;
mod inbound;

pub use families::{Painted, read};
pub use inbound::{Inbound, Size, parse, render};
