//! Exchanges with one thing wrong each.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;

const TEXT: &str = "
paths:
  /6/things/{thing_id}:
    get:
      parameters:
        - {in: path, name: thing_id, required: true, schema: {type: string, format: uuid}}
        - {in: query, name: page, schema: {type: integer, minimum: 1}}
        - {in: query, name: targets, schema: {type: array, items: {type: string, enum: [a, b]}}}
      responses:
        200:
          headers:
            Luna-Request-Id: {required: true, schema: {type: string, pattern: '^[0-9]{10},'}}
            Content-Type: {required: true, schema: {type: string, enum: [application/json]}}
          content: {application/json: {schema: {type: object, required: [a], properties: {a: {type: integer}}}}}
        400:
          description: '- 12012: bad query'
          content: {application/json: {schema: {type: object}}}
        404:
          content:
            application/json:
              schema: {type: object}
              examples: {none: {value: {error_code: 22002}}}
    post:
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, properties: {a: {type: integer}}}}}
      responses: {204: {description: done}}
";

struct Case {
    method: &'static str,
    path: &'static str,
    query: &'static str,
    asked: &'static [(&'static str, &'static str)],
    sent: Option<&'static str>,
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

const GOOD: Case = Case {
    method: "GET",
    path: "/6/things/7acc35cf-a3b2-4f87-8d8b-5496a2782d37",
    query: "page=2&targets=a,b",
    asked: &[],
    sent: None,
    status: 200,
    headers: &[
        ("luna-request-id", "1536751345,x"),
        ("content-type", "application/json; charset=utf-8"),
    ],
    body: r#"{"a": 1}"#,
};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter().map(|(name, value)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    });
    pairs.collect()
}

#[track_caller]
fn check(case: Case, expected: &[&str]) {
    let document = Document::parse(TEXT, false);
    let (asked, headers) = (headers(case.asked), headers(case.headers));
    let exchange = Exchange {
        service: Service::Api,
        method: case.method,
        path: case.path,
        query: case.query,
        asked: &asked,
        sent: case.sent.map(str::as_bytes),
        status: case.status,
        headers: &headers,
        body: case.body.as_bytes(),
    };
    let mut found = Vec::new();
    exchange.held_against(&document, &mut found);
    let found: Vec<String> = found.iter().map(Fault::to_string).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_good_exchange_has_no_fault() {
    check(GOOD, &[]);
}

#[test]
fn an_unknown_operation_and_status() {
    check(
        Case {
            path: "/6/others",
            ..GOOD
        },
        &["path: no such operation in our own document"],
    );
    let unknown = Case {
        path: "/6/others",
        status: 404,
        body: r#"{"error_code": 12013}"#,
        ..GOOD
    };
    check(Case { ..unknown }, &[]);
    // Only the error of an unknown address says that the operation is none.
    check(
        Case {
            body: r#"{"error_code": 22002}"#,
            ..unknown
        },
        &["path: no such operation in our own document"],
    );
    check(
        Case {
            status: 201,
            ..GOOD
        },
        &["status: 201 is not documented"],
    );
}

#[test]
fn what_was_accepted_must_be_valid() {
    check(
        Case {
            query: "page=0",
            ..GOOD
        },
        &["query.page: 0 is out of bounds"],
    );
    check(
        Case {
            query: "page=x",
            ..GOOD
        },
        &["query.page: \"x\" is no integer"],
    );
    check(
        Case {
            query: "targets=a,c",
            ..GOOD
        },
        &["query.targets[1]: \"c\" is none of [String(\"a\"), String(\"b\")]"],
    );
    check(
        Case {
            query: "other=1",
            ..GOOD
        },
        &["query.other: not in the contract"],
    );
    check(
        Case {
            path: "/6/things/x",
            ..GOOD
        },
        &["path.thing_id: \"x\" is no \"uuid\""],
    );
    let post = Case {
        method: "POST",
        query: "",
        status: 204,
        headers: &[],
        body: "",
        ..GOOD
    };
    let json = &[("content-type", "application/json")];
    check(Case { ..post }, &["request: has no body"]);
    check(
        Case {
            sent: Some("{\"a\": 1}"),
            asked: json,
            ..post
        },
        &[],
    );
    check(
        Case {
            sent: Some("{\"a\": \"1\"}"),
            asked: json,
            ..post
        },
        &["request.a: \"1\" is no integer"],
    );
    check(
        Case {
            sent: Some("x"),
            asked: &[("content-type", "text/plain")],
            ..post
        },
        &["request: \"text/plain\" is not a documented type"],
    );
}

#[test]
fn answers_have_their_headers_and_bodies() {
    check(
        Case {
            headers: &[("content-type", "application/json")],
            ..GOOD
        },
        &["header.Luna-Request-Id: missing"],
    );
    check(
        Case {
            headers: &[
                ("luna-request-id", "1536751345,x"),
                ("content-type", "text/html"),
            ],
            ..GOOD
        },
        &[
            "header.Content-Type: \"text/html\" is none of [String(\"application/json\")]",
            "body: \"text/html\" is not a documented type",
        ],
    );
    check(Case { body: "{}", ..GOOD }, &["body.a: missing"]);
    check(Case { body: "", ..GOOD }, &["body: empty"]);
}

#[test]
fn an_id_that_is_none_makes_an_address_that_is_none() {
    let nowhere = Case {
        path: "/6/things/x",
        status: 404,
        headers: &[("content-type", "application/json")],
        body: r#"{"error_code": 12013}"#,
        ..GOOD
    };
    check(Case { ..nowhere }, &[]);
    check(
        Case {
            path: GOOD.path,
            ..nowhere
        },
        &["error_code: 12013 is not among [22002]"],
    );
}

#[test]
fn what_a_contract_forgot_our_own_document_tells() {
    let refused = Case {
        headers: &[("content-type", "application/json")],
        body: r#"{"error_code": 22016}"#,
        status: 400,
        ..GOOD
    };
    let fault = Fault::new("error_code", "22016 is not among [12012]");
    let asked = HeaderMap::new();
    let coded = headers(&[("content-encoding", "gzip")]);
    let headers = headers(refused.headers);
    let exchange = |asked, status, body: &'static str| Exchange {
        service: Service::Api,
        method: refused.method,
        path: refused.path,
        query: refused.query,
        asked,
        sent: None,
        status,
        headers: &headers,
        body: body.as_bytes(),
    };
    let target = exchange(&asked, 400, refused.body);
    assert!(known::is_known(&target, true, &fault));
    assert!(!known::is_known(&target, false, &fault));
    // Bodies in a coding are refused everywhere, but only they.
    let squeezed = r#"{"error_code": 12024}"#;
    let fault = Fault::new("status", "415 is not documented");
    assert!(known::is_known(
        &exchange(&coded, 415, squeezed),
        false,
        &fault
    ));
    assert!(!known::is_known(
        &exchange(&asked, 415, squeezed),
        true,
        &fault
    ));
}

#[test]
fn error_codes_are_among_the_documented() {
    let refused = Case {
        status: 404,
        headers: &[("content-type", "application/json")],
        body: r#"{"error_code": 22002}"#,
        ..GOOD
    };
    check(Case { ..refused }, &[]);
    check(
        Case {
            body: r#"{"error_code": 1}"#,
            ..refused
        },
        &["error_code: 1 is not among [22002]"],
    );
    check(
        Case {
            status: 400,
            ..refused
        },
        &["error_code: 22002 is not among [12012]"],
    );
}
