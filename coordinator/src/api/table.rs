//! The route tables of the four services, whole.

use super::{
    accounts, agents, attributes, detector, disabled, events, extractor, faces, handlers, lists,
    matcher, pictures,
    routes::Resource,
    service::{self, Service},
    streams, ws,
};

/// Everything that `service` answers.
pub fn resources(service: Service) -> Vec<Resource> {
    let mut all = service::resources(service);
    match service {
        Service::Api => {
            all.extend(accounts::resources());
            all.extend(lists::resources());
            all.extend(attributes::resources());
            all.extend(faces::resources());
            all.extend(pictures::resources());
            all.extend(detector::resources());
            all.extend(extractor::resources());
            all.extend(handlers::resources());
            all.extend(events::resources());
            all.extend(matcher::resources());
            all.extend(agents::resources());
            all.extend(disabled::resources());
            all.extend(ws::resources());
        }
        Service::Sender => all.extend(ws::internal_resources()),
        Service::Handlers => {
            all.extend(handlers::internal_resources());
            all.extend(events::internal_resources());
        }
        Service::Streams => all.extend(streams::resources()),
    }
    all
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, path::PathBuf};

    use super::*;
    use crate::api::openapi;

    const SERVICES: [(Service, &str); 4] = [
        (Service::Api, "api"),
        (Service::Sender, "sender"),
        (Service::Handlers, "handlers"),
        (Service::Streams, "streams"),
    ];

    /// The documents in the repository say what the program says. After a change:
    /// `GOSHAWK_UPDATE_OPENAPI=1 cargo test -p goshawk-coordinator --lib api::table`.
    #[test]
    fn the_checked_in_documents_are_fresh() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("openapi");
        let update = std::env::var_os("GOSHAWK_UPDATE_OPENAPI").is_some();
        for (service, name) in SERVICES {
            let document = openapi::document(service, &resources(service));
            let made = openapi::yaml(&document).unwrap();
            let path = folder.join(format!("{name}.yaml"));
            if update {
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(&path, &made).unwrap();
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                made == kept,
                "{} is stale; run this test with GOSHAWK_UPDATE_OPENAPI=1",
                path.display()
            );
        }
    }

    #[test]
    fn operations_and_paths_are_unique() {
        for (service, name) in SERVICES {
            let (mut ids, mut paths) = (HashSet::new(), HashSet::new());
            for resource in resources(service) {
                assert!(
                    paths.insert(resource.template()),
                    "{name}: {}",
                    resource.template()
                );
                for operation in resource.operations() {
                    assert!(ids.insert(operation.id), "{name}: {}", operation.id);
                    assert!(!operation.about.is_empty(), "{name}: {}", operation.id);
                }
            }
        }
    }
}
