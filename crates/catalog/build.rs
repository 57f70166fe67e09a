//! Lays `data/amendments.toml` over `data/models.toml` and writes the outcome as JSON: it is read at every start, and JSON
//! straight into what it means costs a fraction of the time and memory of two files of TOML laid over each other.

#[path = "src/layers.rs"]
mod layers;

use std::path::PathBuf;
use std::{env, fs};

use toml::Table;

const FILES: [&str; 2] = ["data/models.toml", "data/amendments.toml"];

fn main() {
    let mut catalog = Table::new();
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
        let text = fs::read_to_string(file).expect("the data is there");
        layers::lay_file_over(&mut catalog, text.parse().expect("the data is TOML"));
    }
    let directory = PathBuf::from(env::var_os("OUT_DIR").expect("Cargo sets it"));
    let text = serde_json::to_string(&catalog).expect("tables are objects");
    fs::write(directory.join("catalog.json"), text).expect("the output directory can be written to");
}
