//! One line in the audit log for every operation that may change something.

use goshawk_proto::id::{AccountId, TokenId};
use http::header;

use super::{
    Api,
    call::{Call, Origin},
    operation::Operation,
    routes::Answer,
};
use crate::audit::AuditEntry;

/// What is known of a change before it is made.
pub struct Record {
    api: std::sync::Arc<Api>,
    origin: Origin,
    account_id: Option<AccountId>,
    token_id: Option<TokenId>,
    operation: &'static str,
    object: Option<String>,
}

impl Record {
    /// Of the request `call` for `operation` at the path `template`; `None` where nothing is
    /// changed.
    pub fn of(operation: &Operation, template: &'static str, call: &Call) -> Option<Self> {
        if !operation.changes() {
            return None;
        }
        let caller = call.caller.as_ref();
        let mut segments = template.rsplit('/');
        let name = segments.find_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        Some(Self {
            api: call.api.clone(),
            origin: call.origin.clone(),
            account_id: caller.map(|caller| caller.account_id),
            token_id: caller.and_then(|caller| caller.token_id()),
            operation: match operation.id {
                "" => template,
                id => id,
            },
            object: name.and_then(|name| call.params.get(name).cloned()),
        })
    }

    /// Writes it down with its outcome.
    pub fn told(self, answer: &Answer) {
        let (status, error_code, made) = match answer {
            Ok(response) => {
                let place = response.headers().get(header::LOCATION);
                let place = place.and_then(|place| place.to_str().ok());
                (response.status(), None, place.and_then(id_in))
            }
            Err(error) => (error.status(), Some(error.code().number()), None),
        };
        self.api.audit.record(AuditEntry {
            time: self.api.now(),
            request_id: self.origin.request_id.0,
            account_id: self.account_id,
            token_id: self.token_id,
            peer: self.origin.peer,
            operation: self.operation,
            object: self.object.or(made),
            status: status.as_u16(),
            error_code,
        });
    }
}

/// The id at the end of a path, if there is one.
fn id_in(path: &str) -> Option<String> {
    let last = path.rsplit('/').next()?;
    let is_id = uuid::Uuid::try_parse(last).is_ok() || last.parse::<u64>().is_ok();
    is_id.then(|| last.to_owned())
}
