//! Events that were set aside, page by page and one by one.

use serde_json::{Value, json};

use crate::rig::{Answer, Asked, Goshawk, Server};

/// A coordinator with three of them: 5, 6 and 9.
fn three(asked: &Asked) -> Answer {
    let letter = |number: u64| {
        json!({
            "number": number,
            "event_id": "7acc35cf-a3b2-4f87-8d8b-5496a2782d37",
            "set_aside_at": "2026-01-01T00:00:00Z",
            "attempts": 1,
            "reason": "handler not found\u{1b}[31m",
            "event": {"source": "gate"},
        })
    };
    let (method, path) = asked.line.split_once(' ').unwrap();
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let of = |name: &str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs.filter(|(key, _)| *key == name);
        values
            .next()
            .map(|(_, value)| value.parse::<u64>().unwrap())
    };
    match (
        method,
        path.strip_prefix("/goshawk/1/dead-letters").unwrap(),
    ) {
        ("GET", "") => {
            let after = of("after").unwrap_or(0);
            // At most two at a time, so that it comes in pages.
            let most = of("page_size").unwrap().min(2) as usize;
            let left: Vec<u64> = [5, 6, 9].into_iter().filter(|n| *n > after).collect();
            let shown: Vec<u64> = left.iter().copied().take(most).collect();
            let next = (left.len() > most).then(|| shown.last().copied());
            let rows: Vec<Value> = shown.iter().map(|number| letter(*number)).collect();
            Answer::json(&json!({"dead_letters": rows, "total": 3, "next": next.flatten()}))
        }
        ("GET", "/5") => Answer::json(&letter(5)),
        ("POST", "/retry") => Answer::json(&json!({"retried": 3})),
        ("POST", "/5/retry" | "/6/retry") => Answer::json(&json!({"retried": 1})),
        ("DELETE", "/9") => Answer::text("204 No Content", ""),
        _ => Answer::refusal("404 Not Found", 10, "Dead letter not found"),
    }
}

fn lines(server: &Server) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.line).collect()
}

#[test]
fn they_are_listed_to_the_end_or_the_limit() {
    let server = Server::start(three);
    let goshawk = Goshawk::at(&server);
    let ran = goshawk
        .run(&["dead-letters", "list", "--limit", "0", "--json"])
        .exits(0);
    let found: Value = serde_json::from_str(&ran.out).unwrap();
    let numbers: Vec<_> = found
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["number"])
        .collect();
    assert_eq!(numbers, [5, 6, 9]);
    assert_eq!(
        lines(&server),
        [
            "GET /goshawk/1/dead-letters?page_size=100",
            "GET /goshawk/1/dead-letters?after=6&page_size=100"
        ]
    );
    let ran = goshawk
        .run(&["dead-letters", "list", "--limit", "2"])
        .exits(0)
        .says("--after 6");
    assert!(
        ran.out.contains("gate") && !ran.out.contains('\u{1b}'),
        "{ran:?}"
    );
    let rest = goshawk
        .run(&["dead-letters", "list", "--after", "6", "-o", "jsonl"])
        .exits(0);
    assert_eq!(rest.out.lines().count(), 1);
}

#[test]
fn they_are_shown_tried_again_and_dropped() {
    let server = Server::start(three);
    let goshawk = Goshawk::at(&server);
    let shown = goshawk
        .run(&["dead-letters", "show", "5", "--json"])
        .exits(0);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!(shown["number"], 5);
    goshawk.run(&["dead-letters", "show", "7"]).exits(1);
    let tried = goshawk
        .run(&["dead-letters", "retry", "5", "6", "--json"])
        .exits(0);
    let tried: Value = serde_json::from_str(&tried.out).unwrap();
    assert_eq!(tried, json!({"retried": 2}));
    goshawk
        .run(&["dead-letters", "retry", "--all"])
        .exits(0)
        .says("3 processed again");
    goshawk.run(&["dead-letters", "drop", "9"]).exits(0);
    goshawk.run(&["dead-letters", "drop", "8"]).exits(1);
    let asked = lines(&server);
    assert_eq!(asked[2], "POST /goshawk/1/dead-letters/5/retry");
    assert_eq!(asked[4], "POST /goshawk/1/dead-letters/retry");
    assert_eq!(asked[5], "DELETE /goshawk/1/dead-letters/9");
}
