//! The route tables of the four services, whole.

use super::{
    accounts, agents, attributes, credentials, dead_letters, detector, disabled, events, extractor,
    faces, handlers, iso, lists, liveness, login, matcher, pictures,
    routes::Resource,
    sdk,
    service::{self, Service},
    streams, tokens, ws,
};

/// Everything that `service` answers.
pub fn resources(service: Service) -> Vec<Resource> {
    let mut all = service::resources(service);
    match service {
        Service::Api => {
            all.extend(accounts::resources());
            all.extend(tokens::resources());
            all.extend(credentials::resources());
            all.extend(login::resources());
            all.extend(lists::resources());
            all.extend(attributes::resources());
            all.extend(faces::resources());
            all.extend(pictures::resources());
            all.extend(detector::resources());
            all.extend(extractor::resources());
            all.extend(sdk::resources());
            all.extend(iso::resources());
            all.extend(liveness::resources());
            all.extend(handlers::resources());
            all.extend(events::resources());
            all.extend(matcher::resources());
            all.extend(agents::resources());
            all.extend(dead_letters::resources());
            all.extend(disabled::resources());
            all.extend(ws::resources());
        }
        Service::Sender => all.extend(ws::internal_resources()),
        Service::Handlers => {
            all.extend(handlers::internal_resources());
            all.extend(events::internal_resources());
            all.extend(detector::internal_resources());
            all.extend(extractor::internal_resources());
            all.extend(sdk::internal_resources());
            all.extend(iso::internal_resources());
        }
        Service::Streams => all.extend(streams::resources()),
    }
    all
}
