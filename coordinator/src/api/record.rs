//! One line in the audit log for every operation that may change something, and for every one that
//! was refused to whoever asked for it.

use goshawk_proto::id::{AccountId, TokenId};
use http::{StatusCode, header};

use super::{
    Api,
    call::{Call, Origin},
    operation::Operation,
    routes::Answer,
};
use crate::{
    audit::AuditEntry,
    auth::{Claim, Reason, Shown},
};

/// What is known of a request before it is answered.
pub struct Record {
    api: std::sync::Arc<Api>,
    origin: Origin,
    account_id: Option<AccountId>,
    token_id: Option<TokenId>,
    shown: Option<Shown>,
    claimed: Option<Claim>,
    operation: &'static str,
    route: &'static str,
    changes: bool,
    object: Option<String>,
}

impl Record {
    /// Of the request `call` for `operation` at the path `template`.
    pub fn of(operation: &Operation, template: &'static str, call: &Call) -> Self {
        let caller = call.caller.as_ref();
        let mut segments = template.rsplit('/');
        let name = segments.find_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        Self {
            api: call.api.clone(),
            origin: call.origin.clone(),
            account_id: caller.map(|caller| caller.account_id),
            token_id: caller.and_then(|caller| caller.token_id()),
            shown: caller.map(|caller| caller.shown()),
            claimed: match caller {
                Some(_) => None,
                None => Claim::of(&call.headers),
            },
            operation: match operation.id {
                "" => template,
                id => id,
            },
            route: template,
            changes: operation.changes(),
            object: name.and_then(|name| call.params.get(name).cloned()),
        }
    }

    /// Writes it down with its outcome, if that is worth a line.
    pub fn told(self, answer: &Answer) {
        let (status, error) = match answer {
            Ok(response) => (response.status(), None),
            Err(error) => (error.status(), Some(error)),
        };
        if let (Some(shown), StatusCode::FORBIDDEN) = (self.shown, status) {
            self.api.auth.count_refused(shown, Reason::Forbidden);
        }
        let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if !denied && !self.changes {
            return;
        }
        let made = || {
            let place = answer.as_ref().ok()?.headers().get(header::LOCATION)?;
            place.to_str().ok().and_then(id_in)
        };
        self.api.audit.record(AuditEntry {
            time: self.api.now(),
            request_id: self.origin.request_id.0,
            account_id: self.account_id,
            token_id: self.token_id,
            claimed: self.claimed,
            peer: self.origin.peer,
            operation: self.operation,
            route: self.route,
            object: self.object.or_else(made),
            status: status.as_u16(),
            error_code: error.map(|error| error.code().number()),
            retry_after_s: error.and_then(|error| error.retry_after_s()),
        });
    }
}

/// The id at the end of a path, if there is one.
fn id_in(path: &str) -> Option<String> {
    let last = path.rsplit('/').next()?;
    let is_id = uuid::Uuid::try_parse(last).is_ok() || last.parse::<u64>().is_ok();
    is_id.then(|| last.to_owned())
}
