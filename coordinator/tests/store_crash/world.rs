//! What an account holds, the changes that a thread makes to it, and the model of both.

use std::collections::{BTreeMap, BTreeSet};

use goshawk_coordinator::store::{
    AttributeStore, EventStore, FaceQuery, FaceStore, Finish, IncomingStore, ListChange, ListStore,
    StoreError, sled::SledStore,
};
use goshawk_coordinator_core::{
    event::{EventEstimations, StoredEvent},
    event_filter::EventQuery,
    face::{Attributes, FaceList, FacePatch, FaceRecord, TemporaryAttribute},
    query::Page,
};
use goshawk_proto::{
    id::{AccountId, AgentId, AttributeId, EventId, FaceId, HandlerId, ListId},
    stream::Location,
    time::Timestamp,
};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IteratorRandom};
use uuid::Uuid;

const AGENT: AgentId = AgentId(Uuid::from_u128(7));
/// Most faces of an account; beyond them it rather removes some.
const MANY: usize = 60;
/// Attributes that an account may have.
const ATTRIBUTES: u128 = 6;
const EVERYTHING: Page = Page {
    number: 1,
    size: 100_000,
};

/// The account of a thread.
pub fn account(thread: u64) -> AccountId {
    AccountId(Uuid::from_u128(0xacc0_0000 + u128::from(thread)))
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000)
}

/// A change.
#[derive(Clone, Debug)]
pub enum Change {
    CreateList(ListId, String),
    RenameList(ListId, String),
    DeleteList(ListId, bool),
    CreateFace(Box<FaceRecord>),
    PatchFace(FaceId, String),
    DeleteFace(FaceId),
    Attach(ListId, ListChange),
    PutAttribute(AttributeId, usize),
    DeleteAttribute(AttributeId),
    Receive(EventId, usize),
    Finish(EventId, Box<Option<FaceRecord>>),
}

/// What an account holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct World {
    lists: BTreeMap<ListId, String>,
    faces: BTreeMap<FaceId, FaceRecord>,
    attributes: BTreeMap<AttributeId, usize>,
    incoming: BTreeSet<EventId>,
    events: BTreeSet<EventId>,
}

/// Chooses a thread's changes, always the same ones for the same world.
pub struct Driver {
    rng: StdRng,
    account: AccountId,
}

impl Driver {
    pub fn new(seed: u64, life: u64, thread: u64) -> Self {
        Self {
            rng: StdRng::seed_from_u64(seed ^ (life << 8) ^ (thread << 40)),
            account: account(thread),
        }
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u128(self.rng.random())
    }

    /// Mostly short, sometimes so long that it is cut into pieces.
    fn text(&mut self) -> String {
        let most = if self.rng.random_bool(0.2) {
            40_000
        } else {
            60
        };
        let letter = char::from(b'a' + self.rng.random_range(0..26));
        String::from(letter).repeat(self.rng.random_range(0..most))
    }

    fn face(&mut self, world: &World) -> FaceRecord {
        let mut lists = Vec::new();
        for list in world.lists.keys() {
            if self.rng.random_bool(0.3) {
                lists.push(*list);
            }
        }
        FaceRecord {
            face_id: FaceId(self.id()),
            account_id: self.account,
            event_id: None,
            user_data: self.text(),
            external_id: format!("ext-{}", self.rng.random_range(0..4)),
            avatar: String::new(),
            lists,
            create_time: at(self.rng.random_range(0..1_000)),
            attributes: Attributes::default(),
        }
    }

    fn some_faces(&mut self, world: &World) -> Vec<FaceId> {
        let count = self.rng.random_range(0..6);
        world
            .faces
            .keys()
            .copied()
            .choose_multiple(&mut self.rng, count)
    }

    /// The next change.
    pub fn choose(&mut self, world: &World) -> Change {
        let list = world.lists.keys().copied().choose(&mut self.rng);
        let face = world.faces.keys().copied().choose(&mut self.rng);
        let attribute = world.attributes.keys().copied().choose(&mut self.rng);
        let waits = world.incoming.iter().copied().choose(&mut self.rng);
        match (self.rng.random_range(0..20), list, face) {
            (0, Some(list), _) if world.lists.len() > 1 => {
                Change::DeleteList(list, self.rng.random_bool(0.5))
            }
            (1, Some(list), _) => Change::RenameList(list, self.text()),
            (2..=4, Some(list), Some(_)) => {
                let (attach, detach) = (self.some_faces(world), self.some_faces(world));
                Change::Attach(list, ListChange { attach, detach })
            }
            (5..=7, _, Some(face)) => Change::PatchFace(face, self.text()),
            (8..=9, _, Some(face)) => Change::DeleteFace(face),
            (10, _, _) if world.lists.len() < 8 => {
                Change::CreateList(ListId(self.id()), self.text())
            }
            (11, _, _) => {
                let id = attribute_id(self.account, self.rng.random_range(0..ATTRIBUTES));
                Change::PutAttribute(id, self.rng.random_range(0..900))
            }
            (12, _, _) if attribute.is_some() => Change::DeleteAttribute(attribute.unwrap()),
            (13..=15, _, _) if world.incoming.len() < 3 => {
                Change::Receive(EventId(self.id()), self.rng.random_range(0..60_000))
            }
            (13..=16, _, _) if waits.is_some() => {
                let face = self.rng.random_bool(0.5).then(|| self.face(world));
                Change::Finish(waits.unwrap(), Box::new(face))
            }
            (_, _, Some(face)) if world.faces.len() > MANY => Change::DeleteFace(face),
            _ => Change::CreateFace(Box::new(self.face(world))),
        }
    }
}

/// There is no listing of attributes, so an account has a few with known ids.
fn attribute_id(account: AccountId, n: u128) -> AttributeId {
    AttributeId(Uuid::from_u128((account.0.as_u128() << 32) + n))
}

fn attributes(store: &SledStore, account: AccountId) -> BTreeMap<AttributeId, usize> {
    let ids = (0..ATTRIBUTES).map(|n| attribute_id(account, n));
    ids.filter_map(|id| match store.attribute(account, id, at(0)) {
        Ok(found) => Some((id, found.attributes.descriptor_samples.len())),
        Err(StoreError::NotFound { .. }) => None,
        Err(error) => panic!("{error}"),
    })
    .collect()
}

fn attribute(account: AccountId, id: AttributeId, size: usize) -> TemporaryAttribute {
    TemporaryAttribute {
        attribute_id: id,
        account_id: account,
        attributes: Attributes {
            descriptor_samples: vec![goshawk_proto::id::SampleId(id.0); size],
            ..Attributes::default()
        },
        create_time: at(0),
        expires_at: at(1_000_000),
    }
}

fn event(account: AccountId, id: EventId) -> StoredEvent {
    StoredEvent {
        event_id: id,
        account_id: account,
        handler_id: HandlerId(Uuid::from_u128(1)),
        create_time: at(5),
        end_time: at(6),
        external_id: String::new(),
        user_data: String::new(),
        source: None,
        stream_id: None,
        track_id: None,
        location: Location::default(),
        tags: vec![id.to_string()],
        meta: None,
        detections: Vec::new(),
        attributes: None,
        liveness: None,
        estimated: EventEstimations::default(),
        matches: None,
        top_match: None,
        face: None,
        stored: true,
        request_id: None,
    }
}

impl Change {
    /// Makes it in the store; returns when it is acknowledged.
    pub fn perform(&self, store: &SledStore, account: AccountId) {
        let now = at(2_000);
        match self {
            Self::CreateList(id, text) => store.create_list(&FaceList {
                list_id: *id,
                account_id: account,
                user_data: text.clone(),
                create_time: now,
                last_update_time: now,
            }),
            Self::RenameList(id, text) => store.rename_list(account, *id, text, now),
            Self::DeleteList(id, with_faces) => store.delete_list(account, *id, *with_faces),
            Self::CreateFace(face) => store.create_face(face),
            Self::PatchFace(id, text) => {
                let patch = FacePatch {
                    user_data: Some(text.clone()),
                    ..FacePatch::default()
                };
                store.patch_face(account, *id, &patch).map(|_| ())
            }
            Self::DeleteFace(id) => store.delete_face(account, *id),
            Self::Attach(list, change) => store.attach(account, *list, change, now),
            Self::PutAttribute(id, size) => store.put_attribute(&attribute(account, *id, *size)),
            Self::DeleteAttribute(id) => store.delete_attribute(account, *id),
            Self::Receive(id, size) => {
                let raw = vec![*size as u8; *size];
                store.receive(account, AGENT, *id, &raw, now).map(|_| ())
            }
            Self::Finish(id, face) => finish(store, account, *id, (**face).clone()),
        }
        .unwrap();
    }
}

fn finish(
    store: &SledStore,
    account: AccountId,
    id: EventId,
    face: Option<FaceRecord>,
) -> goshawk_coordinator::store::Stored<()> {
    let rows = store.incoming(None, usize::MAX)?;
    let row = rows.iter().find(|row| row.event_id == id).unwrap();
    assert!(row.raw.iter().all(|byte| *byte == row.raw.len() as u8));
    let done = store.finish(&Finish {
        incoming: Some(row.seq),
        event: event(account, id),
        face,
        attribute: None,
        notify: true,
        now: at(2_000),
    })?;
    store.sent(done.unwrap().outgoing.unwrap())
}

impl World {
    pub fn faces(&self) -> usize {
        self.faces.len()
    }

    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// Makes the change in the model.
    pub fn apply(&mut self, change: &Change) {
        match change.clone() {
            Change::CreateList(id, text) | Change::RenameList(id, text) => {
                self.lists.insert(id, text);
            }
            Change::DeleteList(id, with_faces) => {
                self.lists.remove(&id);
                self.faces
                    .retain(|_, face| !(with_faces && face.lists.contains(&id)));
                for face in self.faces.values_mut() {
                    face.detach(id);
                }
            }
            Change::CreateFace(face) => {
                self.faces.insert(face.face_id, *face);
            }
            Change::PatchFace(id, text) => {
                if let Some(face) = self.faces.get_mut(&id) {
                    face.user_data = text;
                }
            }
            Change::DeleteFace(id) => {
                self.faces.remove(&id);
            }
            Change::Attach(list, change) => {
                for id in change.attach {
                    self.faces.get_mut(&id).unwrap().attach(list);
                }
                for id in change.detach {
                    self.faces.get_mut(&id).unwrap().detach(list);
                }
            }
            Change::PutAttribute(id, size) => {
                self.attributes.insert(id, size);
            }
            Change::DeleteAttribute(id) => {
                self.attributes.remove(&id);
            }
            Change::Receive(id, _) => {
                self.incoming.insert(id);
            }
            Change::Finish(id, face) => {
                self.incoming.remove(&id);
                self.events.insert(id);
                self.faces.extend((*face).map(|face| (face.face_id, face)));
            }
        }
    }

    /// What the store holds of an account.
    pub fn read(store: &SledStore, account: AccountId) -> Self {
        let query = FaceQuery {
            page: EVERYTHING,
            ..FaceQuery::default()
        };
        let faces = store.faces(account, &query, at(0)).unwrap();
        let events = EventQuery {
            page: EVERYTHING,
            ..EventQuery::default()
        };
        let events = store.events(account, &events).unwrap();
        let waiting = store.incoming(None, usize::MAX).unwrap();
        Self {
            lists: store
                .lists(account, EVERYTHING)
                .unwrap()
                .into_iter()
                .map(|list| (list.list_id, list.user_data))
                .collect(),
            faces: faces.into_iter().map(|face| (face.face_id, face)).collect(),
            attributes: attributes(store, account),
            incoming: waiting
                .into_iter()
                .filter(|row| row.account_id == account)
                .map(|row| row.event_id)
                .collect(),
            events: events
                .into_iter()
                .inspect(|found| assert_eq!(*found, event(account, found.event_id)))
                .map(|event| event.event_id)
                .collect(),
        }
    }

    /// Where two worlds differ, for people.
    pub fn difference(&self, other: &Self) -> String {
        let faces: Vec<_> = self
            .faces
            .keys()
            .chain(other.faces.keys())
            .filter(|id| self.faces.get(id) != other.faces.get(id))
            .collect();
        format!(
            "faces that differ: {faces:?}; lists {:?} and {:?}; attributes {:?} and {:?}; events {} and {}; waiting {:?} and {:?}",
            self.lists.keys(),
            other.lists.keys(),
            self.attributes,
            other.attributes,
            self.events.len(),
            other.events.len(),
            self.incoming,
            other.incoming
        )
    }
}
