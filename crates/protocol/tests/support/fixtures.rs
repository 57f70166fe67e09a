//! Fixtures in files, a snapshot each.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use stonegate_protocol::{Answering, Fetched};

/// Takes a snapshot of what becomes of every fixture in a folder; the snapshots are named for folder and file.
pub(crate) fn each<F: DeserializeOwned>(folder: &str, outcome: impl Fn(&F) -> String) {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/fixtures").join(folder);
    let mut paths: Vec<_> = fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let fixture: F = serde_json::from_str(&fs::read_to_string(&path).unwrap())
            .map_err(|error| format!("{}: {error}", path.display()))
            .unwrap();
        let name = path.file_stem().unwrap().to_str().unwrap();
        insta::with_settings!({ snapshot_path => "../golden/snapshots", prepend_module_to_snapshot => false }, {
            insta::assert_snapshot!(format!("{folder}__{name}"), outcome(&fixture));
        });
    }
}

/// An answer with what was fetched for it: by address, MIME type and base64.
pub(crate) fn answering(fetched: &BTreeMap<String, (String, String)>) -> Answering {
    let fetched = fetched.iter().map(|(address, (media_type, base64))| {
        let fetched = Fetched { media_type: media_type.clone(), base64: base64.clone() };
        (address.clone(), fetched)
    });
    Answering { fetched: fetched.collect(), ..Answering::default() }
}
