//! Every code of the table is raised somewhere, or there is a reason why it is not.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::Code;

/// Why codes are raised by nothing.
const NOT_RAISED: &[(&str, &[Code])] = &[
    (
        "no task runs in this installation yet",
        &[
            Code::TaskNotFound,
            Code::TaskErrorNotFound,
            Code::TaskEmpty,
            Code::TaskWithoutReport,
            Code::TaskNotReportable,
            Code::TaskResultNotFound,
            Code::TaskResultPending,
            Code::TaskEnded,
            Code::ScheduleNotFound,
            Code::HandlerDynamic,
        ],
    ),
    (
        "lambdas are not part of this installation",
        &[
            Code::LambdaIncomplete,
            Code::LambdaNotFound,
            Code::LambdaArchiveNotFound,
        ],
    ),
    (
        "verifiers are not served yet",
        &[Code::VerifierNotFound, Code::NoCandidates],
    ),
    (
        "foreign objects are not kept in this installation",
        &[Code::ObjectNotFound, Code::NoData],
    ),
    (
        "groups of streams are served by the Streams service only",
        &[Code::ApiGroupTaken, Code::ApiGroupNotFound],
    ),
    ("analytics are not served yet", &[Code::AnalyticNotFound]),
    (
        "nothing is fetched by its address, so no address gives a wrong type",
        &[Code::BadImageUrlType],
    ),
    (
        "the service is part of every installation",
        &[Code::EventsDisabled, Code::HandlersDisabled],
    ),
    (
        "the store is in the process and is asked without a connection",
        &[Code::StoreTimeout],
    ),
    (
        "filters compare values of different types as different",
        &[Code::FilterMismatch],
    ),
    (
        "named by the contract in a link, not in an answer",
        &[Code::AuthorizationFailedLink, Code::FaceNotFoundLink],
    ),
    (
        "the parts of an installation are in one process: what takes too long is 37001",
        &[Code::Timeout],
    ),
    (
        "temporary attributes are not made of multipart bodies or descriptor files here",
        &[
            Code::PartUnknown,
            Code::PartDuplicate,
            Code::BadPartType,
            Code::XpkEmpty,
        ],
    ),
    (
        "belongs to `/6/handlers/{handler_id}/events/raw`, which is not served yet",
        &[Code::SampleNotFound],
    ),
    (
        "belongs to `/6/streams/{stream_id}/ws`, which is not served yet",
        &[Code::StreamNotProcessed],
    ),
];

/// The source of the service without tests, by file.
fn sources(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" && name != "errors" {
            sources(&path, found);
        } else if name.ends_with(".rs") && name != "tests.rs" {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            found.insert(path, without_lists(code));
        }
    }
}

/// Text without lists of codes: those say what an operation may answer, they raise nothing.
fn without_lists(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        kept.push_str(before);
        let end = after.find([']', '[']).unwrap_or(after.len());
        let mut items = after[..end]
            .split(',')
            .map(str::trim)
            .filter(|item| !item.is_empty());
        let list = after[end..].starts_with(']') && items.all(|item| item.starts_with("Code::"));
        rest = if list { &after[end..] } else { after };
    }
    kept + rest
}

/// Whether `text` names `code`.
fn names(text: &str, code: Code) -> bool {
    let name = format!("Code::{code:?}");
    text.match_indices(&name).any(|(at, _)| {
        let after = text[at + name.len()..].chars().next();
        let compared = text[..at].trim_end().ends_with("==");
        !compared && !after.is_some_and(|c| c.is_alphanumeric())
    })
}

#[test]
fn every_code_is_raised_or_there_is_a_reason() {
    let mut found = BTreeMap::new();
    sources(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
        &mut found,
    );
    let domain = concat!(env!("CARGO_MANIFEST_DIR"), "/src/errors/domain.rs");
    found.insert(domain.into(), std::fs::read_to_string(domain).unwrap());
    assert!(found.len() > 100, "sources were not found");
    let (mut silent, mut raised) = (Vec::new(), Vec::new());
    for code in Code::ALL {
        let known = NOT_RAISED.iter().any(|(_, codes)| codes.contains(code));
        match (found.values().any(|text| names(text, *code)), known) {
            (false, false) => silent.push(format!("{code:?} ({})", code.number())),
            (true, true) => raised.push(format!("{code:?}")),
            _ => {}
        }
    }
    assert!(
        silent.is_empty(),
        "raised nowhere, and no reason given: {silent:?}"
    );
    assert!(
        raised.is_empty(),
        "raised now: take out of NOT_RAISED {raised:?}"
    );
}

#[test]
fn lists_of_codes_raise_nothing() {
    let text = "x[Code::A, Code::B,] y [Code::C, d] z[[Code::D]]";
    assert_eq!(without_lists(text), "x] y Code::C, d] z]]");
    assert!(!names(
        "if code == Code::PageNotFound {",
        Code::PageNotFound
    ));
    assert!(!names("Code::PageNotFoundHere", Code::PageNotFound));
}
