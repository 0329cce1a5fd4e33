//! Requests a second through the API with credentials shown, beside a bare handler that returns the
//! same bytes: both are processes of their own, asked by the same client on the same cores.
//!
//! * [`load`]: the client.

pub mod load;

use std::{net::SocketAddr, path::Path};

use anyhow::Context;
use base64::{Engine, engine::general_purpose::STANDARD};
use load::{Measured, Request, measure};
use serde_json::json;

use super::{Better, Row};
use crate::{
    api::{Api, text},
    process::Daemon,
    stack::{Coordinator, LOGIN, PASSWORD, enrolled_picture},
};

/// Interleaved runs of ours and the limit.
const RUNS: usize = 5;
const LIMIT: &str = "bare warp handler";

/// What is asked of both.
struct Case {
    /// Name of the row for requests a second.
    rate: &'static str,
    /// Name of the row for the slowest of a hundred.
    slow: &'static str,
    note: &'static str,
    request: Request,
    ours: Vec<Measured>,
    limit: Vec<Measured>,
}

/// Runs the benchmark; `home` has models and clip.
pub fn run(home: &Path) -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Runtime::new()?;
    // On the disk that is built on: a temporary folder may be memory.
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&beside)?;
    let folder = tempfile::tempdir_in(&beside)?;
    runtime.block_on(rows(home, folder.path()))
}

async fn rows(home: &Path, folder: &Path) -> anyhow::Result<Vec<Row>> {
    let coordinator = Coordinator::start(folder, home)?;
    let api = coordinator.api.unchecked();
    let (_, face) = api.enrol("measured", enrolled_picture(home)?).await?;
    let path = format!("/6/faces/{face}");
    let constant = api.get(&path).await?.to_string();
    let mut bare = Daemon::spawn("goshawk-bare", &folder.join("bare.log"), |command| {
        command.arg(&constant);
    })?;
    let bare: SocketAddr = bare_address(&mut bare)?;
    let ours: SocketAddr = api.endpoints.api.trim_start_matches("http://").parse()?;
    let mut cases = cases(&path, &bearer(&api).await?);
    for case in &mut cases {
        measure(ours, &case.request).await?;
    }
    for turn in 1..=RUNS {
        eprintln!("api: run {turn} of {RUNS}");
        for case in &mut cases {
            case.limit.push(measure(bare, &case.request).await?);
            case.ours.push(measure(ours, &case.request).await?);
        }
    }
    Ok(cases.iter().flat_map(Case::rows).collect())
}

fn bare_address(bare: &mut Daemon) -> anyhow::Result<SocketAddr> {
    let line = bare.line()?;
    line.parse().with_context(|| format!("no address: {line}"))
}

async fn bearer(api: &Api) -> anyhow::Result<String> {
    let body =
        json!({"expiration_time": null, "permissions": {"face": ["view"], "list": ["creation"]}});
    let made = api.post("/6/tokens", &body).await?;
    Ok(format!("Bearer {}", text(&made, "token")?))
}

fn cases(face: &str, bearer: &str) -> Vec<Case> {
    let basic = format!("Basic {}", STANDARD.encode(format!("{LOGIN}:{PASSWORD}")));
    let get = |authorization: &str| Request::new("GET", face, authorization, None);
    let list = json!({"user_data": "measured"}).to_string();
    let post = |authorization: &str| Request::new("POST", "/6/lists", authorization, Some(&list));
    let case = |rate, slow, note, request| Case {
        rate,
        slow,
        note,
        request,
        ours: Vec::new(),
        limit: Vec::new(),
    };
    vec![
        case(
            "api.requests",
            "api.requests.p99",
            "GET /6/faces/{id}, Basic",
            get(&basic),
        ),
        case(
            "api.requests.bearer",
            "api.requests.bearer.p99",
            "GET /6/faces/{id}, Bearer",
            get(bearer),
        ),
        case(
            "api.requests.create",
            "api.requests.create.p99",
            "POST /6/lists, Basic; each answer waits for the disk",
            post(&basic),
        ),
        case(
            "api.requests.create_bearer",
            "api.requests.create_bearer.p99",
            "POST /6/lists, Bearer; each answer waits for the disk",
            post(bearer),
        ),
    ]
}

impl Case {
    fn rows(&self) -> [Row; 2] {
        let of = |runs: &[Measured], figure: fn(&Measured) -> f64| -> Vec<f64> {
            runs.iter().map(figure).collect()
        };
        let row = |name, unit, better, figure: fn(&Measured) -> f64| {
            let (ours, limit) = (of(&self.ours, figure), of(&self.limit, figure));
            Row::compared(name, unit, better, &ours, &limit, LIMIT, true)
        };
        let note = format!(
            "{}; {} connections, client on the same cores",
            self.note,
            load::CONNECTIONS
        );
        [
            row(self.rate, "requests/s", Better::Higher, |run| run.rate).noted(note),
            row(self.slow, "ms", Better::Lower, |run| run.p99_ms),
        ]
    }
}
