//! The form of errors, and the table against the contracts.

mod contract;
mod operations;
mod raised;

use super::*;

#[test]
fn an_error_has_the_contracts_four_fields() {
    let error = Code::ListNotFound.with("7acc35cf-a3b2-4f87-8d8b-5496a2782d37");
    assert_eq!(
        error.body(),
        json!({
            "error_code": 22003,
            "desc": "Object not found",
            "detail": "List with id '7acc35cf-a3b2-4f87-8d8b-5496a2782d37' not found",
            "link": "/docs/errors#22003",
        })
    );
    assert_eq!(error.status(), StatusCode::NOT_FOUND);
}

#[test]
fn validation_errors_name_the_path() {
    let error = Code::BadJson.at("action", "field required");
    assert_eq!(
        error.body()["detail"],
        "Failed to validate input json. Path: 'action', message: 'field required'"
    );
}

#[test]
fn holes_are_filled_in_order_and_values_are_left_alone() {
    let error = Code::TaskEnded.fill(&[&"{}", &5]);
    assert_eq!(
        error.body()["detail"],
        "Task '{}' with status 5 can not canceled"
    );
    let error = Code::BadJson.plain();
    assert!(
        error.body()["detail"]
            .as_str()
            .unwrap()
            .contains("Path: ''")
    );
}

#[test]
fn codes_are_unique_and_on_the_page() {
    let page = page();
    for (at, code) in Code::ALL.iter().enumerate() {
        let number = code.number();
        assert_eq!(
            page.matches(&format!(" id={number}>")).count(),
            1,
            "{code:?}"
        );
        let said = |code: &Code| (code.number(), code.desc(), code.detail());
        let same = |other: &Code| said(other) == said(code);
        assert!(!Code::ALL[at + 1..].iter().any(same), "{code:?}");
    }
    assert!(!page.contains("{}") && !page.contains("http"));
}
