//! Whoever is not the owner gets nothing: every operation of every service, found in the route
//! tables, is tried with objects of one account and credentials of others.
//!
//! * `crossing/rules.rs`: what to try on each operation; one without an entry fails here;
//! * `crossing/world.rs`: the accounts, their credentials and the objects.
//!
//! First everything is tried once, in the order of the tables; then a property test tries in an
//! order of its own, with a fixed seed, because what one call leaves behind may open a way for the
//! next. After each round the objects must be what they were.

mod rules;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use goshawk_coordinator::api::{routes::Access, service::Service, table};
use proptest::{
    collection::vec,
    prelude::any,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use reqwest::Method;

use rules::{RULES, Rule};
use world::{Credential, World};

const SERVICES: [(&str, Service); 4] = [
    ("api", Service::Api),
    ("handlers", Service::Handlers),
    ("sender", Service::Sender),
    ("streams", Service::Streams),
];
/// Attempts in one round of the property test, and rounds.
const ROUND: usize = 60;
const ROUNDS: u32 = 6;

/// One operation of a route table and what to try on it.
struct Route {
    service: &'static str,
    method: Method,
    template: &'static str,
    access: Access,
    rule: &'static Rule,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {} {}", self.service, self.method, self.template)
    }
}

/// Every operation; those without a rule, and rules without an operation, are told.
fn routes() -> (Vec<Route>, Vec<String>) {
    let rules: BTreeMap<&str, &'static Rule> =
        RULES.iter().map(|(name, rule)| (*name, rule)).collect();
    let (mut routes, mut wrong, mut used) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (service, of) in SERVICES {
        let off: BTreeSet<&str> = rules::switched_off();
        for resource in table::resources(of) {
            for operation in resource.every() {
                let template = resource.template();
                let name = format!("{service} {} {template}", operation.method);
                let rule = if off.contains(template) && service == "api" {
                    &Rule::Off
                } else if let Some((_, rule)) = rules::PAGES
                    .iter()
                    .find(|(end, _)| operation.method == Method::GET && template.ends_with(end))
                {
                    *rule
                } else if let Some((name, rule)) = rules.get_key_value(name.as_str()) {
                    used.insert(*name);
                    rule
                } else {
                    wrong.push(format!("no rule in crossing/rules.rs for: {name}"));
                    continue;
                };
                routes.push(Route {
                    service,
                    method: operation.method.clone(),
                    template,
                    access: operation.access,
                    rule,
                });
            }
        }
    }
    let stale = rules.keys().filter(|name| !used.contains(*name));
    wrong.extend(stale.map(|name| format!("a rule for what is not there: {name}")));
    (routes, wrong)
}

#[test]
fn every_operation_has_a_rule_that_goes_with_its_access() {
    let (routes, mut wrong) = routes();
    for route in &routes {
        let is_public = matches!(route.rule, Rule::Public(_));
        // There the account is in the query, not in credentials.
        let is_trusting = route.service == "streams";
        let asks = !matches!(route.access, Access::Open | Access::Page);
        if is_public && asks {
            wrong.push(format!(
                "{} is public by its rule and asks for credentials",
                route.name()
            ));
        }
        if !is_public && !asks && !is_trusting && !matches!(route.rule, Rule::Asked(_)) {
            wrong.push(format!(
                "{} asks for no credentials and its rule is not public",
                route.name()
            ));
        }
        if let Rule::Public(reason) | Rule::Asked(reason) = route.rule {
            assert!(!reason.is_empty(), "{}", route.name());
        }
        for variable in variables(route.template) {
            let is_made = world::VARIABLES.contains(&variable);
            if !is_made && !matches!(route.rule, Rule::Off | Rule::Public(_) | Rule::Installation) {
                wrong.push(format!(
                    "no object is made for {{{variable}}} of {}",
                    route.name()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn variables(template: &str) -> impl Iterator<Item = &str> {
    template
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

#[test]
fn nothing_of_an_account_is_shown_to_or_changed_by_another() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::make());
    let (routes, _) = routes();
    let before = runtime.block_on(world.snapshot());
    let mut wrong = Vec::new();
    for route in &routes {
        for credential in &world.credentials {
            wrong.extend(runtime.block_on(attempt(&world, route, credential)).err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let after = runtime.block_on(world.snapshot());
    assert_eq!(before, after, "something was changed");

    let steps = vec((any::<Index>(), any::<Index>()), ROUND);
    let config = Config {
        cases: ROUNDS,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps, |steps| {
        for (route, credential) in &steps {
            let (route, credential) = (route.get(&routes), credential.get(&world.credentials));
            runtime
                .block_on(attempt(&world, route, credential))
                .map_err(TestCaseError::fail)?;
        }
        if runtime.block_on(world.snapshot()) == before {
            Ok(())
        } else {
            Err(TestCaseError::fail("something was changed"))
        }
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, steps)) => {
            let steps: Vec<String> = steps
                .iter()
                .map(|(route, credential)| {
                    let credential = credential.get(&world.credentials);
                    format!("{} as {}", route.get(&routes).name(), credential.name)
                })
                .collect();
            panic!("{reason} after:\n{}", steps.join("\n"));
        }
        Err(abort) => panic!("{abort}"),
    }
    runtime.block_on(world.c.stop());
}

/// Tries one operation on the objects; says what was wrong with the answer.
async fn attempt(world: &World, route: &Route, credential: &Credential) -> Result<(), String> {
    // The services behind loopback know accounts by a header, not by credentials.
    if (route.service == "api") != credential.account_header.is_none() {
        return Ok(());
    }
    for (request, sent) in world.requests(route, credential) {
        let answer = request.send().await.map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let headers = format!("{:?}", answer.headers());
        let body = answer.bytes().await.map_err(|error| error.to_string())?;
        let body = String::from_utf8_lossy(&body).into_owned();
        let told = |what: &str| {
            Err(format!(
                "{what}: {} as {} -> {status} {body}\nsent: {sent}",
                route.name(),
                credential.name
            ))
        };
        let may_read = credential.sees_all && [Method::GET, Method::HEAD].contains(&route.method);
        if status >= 500 && !matches!(route.rule, Rule::Public(_)) {
            return told("a failure");
        }
        match route.rule {
            Rule::Object(_) if !may_read && ![403, 404].contains(&status) => {
                return told("neither refused nor unknown");
            }
            Rule::Refused(_) if !(400..500).contains(&status) => return told("not refused"),
            Rule::Installation if status != 403 => return told("not refused"),
            Rule::Off if ![403, 404].contains(&status) => return told("not switched off"),
            _ => {}
        }
        if !may_read && let Some(secret) = world.leaked(&format!("{headers}{body}"), &sent) {
            return told(&format!("{secret} is shown"));
        }
    }
    Ok(())
}
