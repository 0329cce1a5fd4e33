//! What each kind of row wants beside it.

use goshawk_coordinator_core::{
    account::Account,
    event::StoredEvent,
    face::{FaceList, FaceRecord, TemporaryAttribute},
    handler::Handler,
    stream::{Group, StreamRecord},
};
use goshawk_proto::id::{AccountId, EventId};
use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::{Checker, hash};
use crate::{
    blobs::{BlobKey, BlobKind},
    pki::{AgentRecord, JoinTokenRecord},
    store::{
        DeadLetter,
        sled::{
            agents, codec, incoming,
            keys::{self, Table, key, owned},
        },
    },
};

/// Whether cut values under a key are put together to be looked into. Those that no index belongs
/// to are only counted: their checksums tell enough.
pub(super) fn looks_into(key: &[u8]) -> bool {
    matches!(
        Table::of(key),
        Some(Table::Account | Table::Stream | Table::Face | Table::Attribute | Table::Event)
    )
}

impl Checker {
    /// Looks at a row whose checksum is right.
    pub(super) fn content(&mut self, table: Table, key: &[u8], content: &[u8]) {
        match table {
            Table::Login
            | Table::StreamOwner
            | Table::TokenOwner
            | Table::FaceTime
            | Table::ListFace
            | Table::ExternalId
            | Table::Expiry
            | Table::EventTime => self.found(table, key, content),
            Table::Seen => {
                self.seen.insert(hash(key, &[]));
            }
            Table::Account => self.account(key, content),
            Table::Stream => self.stream(key, content),
            Table::Token => self.token(key),
            Table::Face => self.face(key, content),
            Table::List => {
                self.read::<FaceList>(table, key, content);
            }
            Table::Group => {
                if let Some(group) = self.read::<Group>(table, key, content) {
                    let id = group.group_id;
                    self.place(table, key, &owned(table, group.account_id, id.as_bytes()));
                }
            }
            Table::Attribute => self.attribute(key, content),
            Table::Event => self.event(key, content),
            Table::Incoming => self.incoming(key, content),
            Table::Handler => {
                self.read::<Handler>(table, key, content);
            }
            Table::Outgoing => {
                self.read::<StoredEvent>(table, key, content);
            }
            Table::Dead => {
                self.read::<DeadLetter>(table, key, content);
            }
            Table::JoinToken => {
                if let Some(token) = self.read::<JoinTokenRecord>(table, key, content) {
                    self.place(table, key, &agents::token_key(token.id));
                }
            }
            Table::Agent => {
                if let Some(agent) = self.read::<AgentRecord>(table, key, content) {
                    self.place(table, key, &agents::agent_key(agent.agent_id));
                }
            }
            // Theirs is checked by their checksums alone.
            _ => {}
        }
    }

    fn read<T: DeserializeOwned>(&mut self, table: Table, key: &[u8], content: &[u8]) -> Option<T> {
        let read = codec::read(table.what(), content);
        if let Err(error) = &read {
            let message = format!("{}: {error}", keys::shown(key));
            self.report.fault(table.what(), message);
        }
        read.ok()
    }

    /// A row must lie where its content says.
    fn place(&mut self, table: Table, key: &[u8], wanted: &[u8]) {
        if key != wanted {
            let message = format!("{} lies in a wrong place", keys::shown(key));
            self.report.fault(table.what(), message);
        }
    }

    fn account(&mut self, at: &[u8], content: &[u8]) {
        let Some(account) = self.read::<Account>(Table::Account, at, content) else {
            return;
        };
        let id = account.account_id;
        self.place(Table::Account, at, &key(Table::Account, &[id.as_bytes()]));
        let login = key(Table::Login, &[account.login.as_bytes()]);
        self.wanted(&login, id.as_bytes());
    }

    fn stream(&mut self, at: &[u8], content: &[u8]) {
        let Some(stream) = self.read::<StreamRecord>(Table::Stream, at, content) else {
            return;
        };
        let (account, id) = (stream.account_id, stream.stream_id);
        self.place(
            Table::Stream,
            at,
            &owned(Table::Stream, account, id.as_bytes()),
        );
        let owner = key(Table::StreamOwner, &[id.as_bytes()]);
        self.wanted(&owner, account.as_bytes());
    }

    fn token(&mut self, at: &[u8]) {
        let (Some(account), Some(id)) = (at.get(1..17), at.get(17..33)) else {
            return self.place(Table::Token, at, &[]);
        };
        let owner = key(Table::TokenOwner, &[id]);
        self.wanted(&owner, account);
    }

    fn face(&mut self, at: &[u8], content: &[u8]) {
        let Some(face) = self.read::<FaceRecord>(Table::Face, at, content) else {
            return;
        };
        let (account, id) = (face.account_id, face.face_id);
        self.place(Table::Face, at, &owned(Table::Face, account, id.as_bytes()));
        self.wanted(&keys::face_time(account, face.create_time, id), &[]);
        self.wanted(&keys::external_face(account, &face.external_id, id), &[]);
        for list in &face.lists {
            self.wanted(&keys::list_face(account, *list, id), &[]);
            let list = owned(Table::List, account, list.as_bytes());
            self.lists_named.insert(list);
        }
        let avatar = face.avatar.strip_prefix("/6/samples/faces/");
        if let Some(sample) = avatar.and_then(|id| Uuid::try_parse(id).ok()) {
            self.names(account, BlobKind::FaceSample, sample);
        }
    }

    fn attribute(&mut self, at: &[u8], content: &[u8]) {
        let Some(attribute) = self.read::<TemporaryAttribute>(Table::Attribute, at, content) else {
            return;
        };
        let (account, id) = (attribute.account_id, attribute.attribute_id);
        self.place(
            Table::Attribute,
            at,
            &owned(Table::Attribute, account, id.as_bytes()),
        );
        let expiry = keys::moment(attribute.expires_at);
        let expiry = key(Table::Expiry, &[&expiry, account.as_bytes(), id.as_bytes()]);
        self.wanted(&expiry, &[]);
    }

    fn event(&mut self, at: &[u8], content: &[u8]) {
        let Some(event) = self.read::<StoredEvent>(Table::Event, at, content) else {
            return;
        };
        let (account, id) = (event.account_id, event.event_id);
        self.place(
            Table::Event,
            at,
            &owned(Table::Event, account, id.as_bytes()),
        );
        self.wanted(&keys::event_time(account, event.create_time, id), &[]);
        self.was_seen(Table::Event, at, account, id);
        for detection in &event.detections {
            if let Some(image) = detection.image_id {
                self.names(account, BlobKind::Image, image.0);
            }
            if let Some(face) = detection.face.as_ref().filter(|face| face.stored) {
                self.names(account, BlobKind::FaceSample, face.sample_id.0);
            }
            if let Some(body) = detection.body.as_ref().filter(|body| body.stored) {
                self.names(account, BlobKind::BodySample, body.sample_id.0);
            }
        }
    }

    fn incoming(&mut self, at: &[u8], content: &[u8]) {
        let Some(head) = self.read::<incoming::Head>(Table::Incoming, at, content) else {
            return;
        };
        if let Some(seq) = keys::place_of(at) {
            self.wanted(&keys::place(Table::Envelope, seq), &[]);
        }
        self.was_seen(Table::Incoming, at, head.account, head.event);
    }

    fn was_seen(&mut self, table: Table, at: &[u8], account: AccountId, event: EventId) {
        let seen = owned(Table::Seen, account, event.as_bytes());
        if !self.seen.contains(&hash(&seen, &[])) {
            let message = format!("{} is not among the events taken in", keys::shown(at));
            self.report.fault(table.what(), message);
        }
    }

    fn names(&mut self, account: AccountId, kind: BlobKind, id: Uuid) {
        self.blobs.insert(BlobKey { account, kind, id });
    }
}
