//! The API documents in the repository, held against the route tables they are made from.

use std::{collections::HashSet, path::PathBuf};

use goshawk_coordinator::api::{
    service::{self, Service},
    table,
};

/// The documents in the repository say what the program says. After a change:
/// `GOSHAWK_UPDATE_OPENAPI=1 cargo test -p goshawk-coordinator --test documents`.
#[test]
fn the_checked_in_documents_are_fresh() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi");
    let update = std::env::var_os("GOSHAWK_UPDATE_OPENAPI").is_some();
    for service in Service::ALL {
        let made = service::written(service).unwrap();
        let path = folder.join(format!("{}.yaml", service.name()));
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let kept = std::fs::read(&path).unwrap_or_default();
        assert!(
            made == kept,
            "{} is stale; run this test with GOSHAWK_UPDATE_OPENAPI=1",
            path.display()
        );
    }
}

#[test]
fn operations_and_paths_are_unique_and_told_of() {
    for service in Service::ALL {
        let (mut ids, mut paths) = (HashSet::new(), HashSet::new());
        for resource in table::resources(service) {
            let at = format!("{} {}", service.name(), resource.template());
            assert!(paths.insert(resource.template()), "{at} twice");
            for operation in resource.operations() {
                assert!(ids.insert(operation.id), "{at}: {}", operation.id);
                assert!(!operation.about.is_empty(), "{at}: {}", operation.id);
            }
        }
    }
}
