//! Execution providers that are asked for and not there, and the thread budget.

use goshawk_models::{ModelError, PackError, Provider, manifest::Role, role::Subject};
use goshawk_proto::geometry::BBox;

use crate::{
    folder::{example, painted, try_open},
    net::Net,
};

fn glasses() -> (String, Vec<u8>) {
    let net = Net::new("input", &[-1, 3, 96, 96])
        .mean("input")
        .op("Identity", &["mean"], "scores", Vec::new())
        .output("scores", &[-1, 3]);
    (example("classifier"), net.bytes())
}

/// The installed library is built for the CPU alone: a wish for something else must not be
/// forgotten silently.
#[test]
fn a_provider_that_does_not_load_is_an_error() {
    for text in ["cuda", "tensorrt", "openvino:GPU"] {
        let provider: Provider = text.parse().unwrap();
        let entry = [glasses()];
        let Some((_folder, pack)) = try_open(&entry, |o| o.providers = vec![provider.clone()])
        else {
            return;
        };
        let pack = pack.expect("models are opened later");
        let error = pack
            .classifier(Role::Glasses)
            .err()
            .expect("there is no such device");
        assert!(
            matches!(&error, PackError::Model(ModelError::RefusedOn { .. })),
            "{error}"
        );
        assert!(error.to_string().contains(&provider.to_string()), "{error}");
    }
}

#[test]
fn the_processor_may_be_named() {
    let entry = [glasses()];
    let Some((_folder, pack)) = try_open(&entry, |o| o.providers = vec![Provider::Cpu]) else {
        return;
    };
    assert!(pack.unwrap().classifier(Role::Glasses).is_ok());
}

#[test]
fn many_callers_share_few_threads_and_all_are_answered() {
    let entry = [glasses()];
    let Some((_folder, pack)) = try_open(&entry, |o| (o.sessions, o.threads) = (3, 1)) else {
        return;
    };
    let classifier = pack.unwrap().classifier(Role::Glasses).unwrap();
    let picture = painted(60, 60, |x, y| [x as u8 * 4, y as u8 * 4, 7]);
    let subject = Subject {
        picture: &picture,
        bbox: BBox::new(10.0, 10.0, 30.0, 30.0),
        points: None,
    };
    let want = classifier.classify(&[subject]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                for _ in 0..20 {
                    assert_eq!(classifier.classify(&[subject]).unwrap(), want);
                }
            });
        }
    });
}
