//! `/goshawk/1/dead-letters`: events of agents that were accepted and could not be processed. For
//! operators, as [`super::agents`] is. Pictures and descriptors in them are not shown.

use goshawk_coordinator_core::{formats::Whole, parameters};
use goshawk_proto::{
    event::Event,
    id::{AccountId, AgentId, EventId, StreamId, TrackId},
    time::Timestamp,
};
use serde::Serialize;
use utoipa::{PartialSchema, ToSchema};

use super::{
    call::Call,
    operation::Operation,
    payload::Params,
    reply::{Done, NoContent},
    routes::{Access, Resource},
};
use crate::{
    errors::{ApiError, Code},
    store::{DeadLetter, Store, StoreError, Stored},
};

/// Letters read at once: each has its whole envelope with it until it is looked into.
const AT_ONCE: usize = 4;

/// A letter's number in a path or query.
type Number = Whole<0, { i64::MAX }>;

/// The resources.
pub fn resources() -> Vec<Resource> {
    let me = Access::Administrator;
    let at = |template| Resource::at(template).tagged("dead letters");
    let unknown = &[Code::PageNotFound];
    vec![
        at("/goshawk/1/dead-letters").serve(
            Operation::get("listDeadLetters", me, list)
                .about("Events that could not be processed and were set aside, oldest first."),
        ),
        at("/goshawk/1/dead-letters/retry").serve(
            Operation::post("retryDeadLetters", me, retry_all)
                .about("Has all of them processed again, as if they had just come."),
        ),
        at("/goshawk/1/dead-letters/{number}")
            .segment("number", Number::schema())
            .serve(
                Operation::get("getDeadLetter", me, get)
                    .about("One event that was set aside.")
                    .fails(unknown),
            )
            .serve(
                Operation::delete("deleteDeadLetter", me, forget)
                    .about("Forgets an event that was set aside, for good.")
                    .fails(unknown),
            ),
        at("/goshawk/1/dead-letters/{number}/retry")
            .segment("number", Number::schema())
            .serve(
                Operation::post("retryDeadLetter", me, retry)
                    .about("Has it processed again, as if it had just come.")
                    .fails(unknown),
            ),
    ]
}

parameters! {
    /// Which of them.
    pub struct Listing {
        /// Only those with a higher number: the `next` of the page before.
        optional after: Number,
        /// How many at most.
        default page_size: Whole<1, 100> = Whole::<1, 100>::of::<10>(),
    }
}

/// What an event that was set aside says of itself.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetterEvent)]
pub struct EventSummary {
    /// The stream that saw it.
    pub stream_id: StreamId,
    /// The name of the stream at that time.
    pub source: String,
    /// The track.
    pub track_id: TrackId,
    /// When its first frame was taken.
    pub track_start: Timestamp,
    /// When its last frame was taken.
    pub track_end: Timestamp,
    /// When the agent decided to send it.
    pub decided_at: Timestamp,
    /// How many shots of a face it has.
    pub faces: u64,
    /// How many shots of a body it has.
    pub bodies: u64,
    /// Whether it has a whole frame.
    pub full_frame: bool,
}

impl From<Event> for EventSummary {
    fn from(event: Event) -> Self {
        Self {
            stream_id: event.stream_id,
            source: event.source,
            track_id: event.track_id,
            track_start: event.track_start,
            track_end: event.track_end,
            decided_at: event.decided_at,
            faces: event.faces.len() as u64,
            bodies: event.bodies.len() as u64,
            full_frame: event.full_frame.is_some(),
        }
    }
}

/// An event that could not be processed and was set aside.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub struct DeadLetterView {
    /// What it is called here. Numbers rise; tried again in vain, it comes back under a new one.
    pub number: u64,
    /// The event's id.
    pub event_id: EventId,
    /// Whose stream saw it.
    pub account_id: AccountId,
    /// The agent that sent it.
    pub agent_id: AgentId,
    /// When it was taken in, or last put back; null where that is not known any more.
    #[schema(required)]
    pub received_at: Option<Timestamp>,
    /// When it was set aside.
    pub set_aside_at: Timestamp,
    /// How often processing it failed since then; 0 where that is not known any more.
    pub attempts: u32,
    /// Why it failed at last.
    pub reason: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it says of itself; null where it cannot be read.
    #[schema(required)]
    pub event: Option<EventSummary>,
}

impl DeadLetterView {
    fn of(number: u64, letter: DeadLetter) -> Self {
        Self {
            number,
            event_id: letter.event_id,
            account_id: letter.account_id,
            agent_id: letter.agent_id,
            received_at: letter.received_at,
            set_aside_at: letter.at,
            attempts: letter.tries,
            reason: letter.reason,
            bytes: letter.raw.len() as u64,
            event: Event::decode(&letter.raw).ok().map(Into::into),
        }
    }
}

/// A page of events that were set aside.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeadLetters {
    /// The events, oldest first.
    pub dead_letters: Vec<DeadLetterView>,
    /// How many there are in all.
    pub total: u64,
    /// The `after` of the next page; null at the end.
    #[schema(required)]
    pub next: Option<u64>,
}

/// Up to `most` letters after a number. Few are read at once, so that not all their pictures are
/// in memory together.
fn page(store: &dyn Store, mut after: Option<u64>, most: usize) -> Stored<DeadLetters> {
    let mut views = Vec::new();
    while views.len() < most {
        let few = store.dead_after(after, AT_ONCE.min(most - views.len()))?;
        let Some((last, _)) = few.last() else {
            break;
        };
        after = Some(*last);
        views.extend(few.into_iter().map(|(at, one)| DeadLetterView::of(at, one)));
    }
    let more = views.len() == most && !store.dead_after(after, 1)?.is_empty();
    Ok(DeadLetters {
        dead_letters: views,
        total: store.dead_len()?,
        next: after.filter(|_| more),
    })
}

async fn list(call: Call, Params(listing): Params<Listing>) -> Result<Done<DeadLetters>, ApiError> {
    let after = listing.after.map(|number| number.get().unsigned_abs());
    let most = listing.page_size.as_usize();
    let page = call.api.store.run(move |store| page(store, after, most));
    Ok(Done(page.await?))
}

/// The number that the path names.
fn number(call: &Call) -> Result<u64, ApiError> {
    let text = call.params.get("number").map_or("", String::as_str);
    text.parse().map_err(|_| unknown(text))
}

fn unknown(number: impl std::fmt::Display) -> ApiError {
    let text = format!("Dead letter with number '{number}' not found");
    ApiError::new(Code::PageNotFound, text)
}

async fn get(call: Call) -> Result<Done<DeadLetterView>, ApiError> {
    let number = number(&call)?;
    let found = call.api.store.run(move |store| {
        let letter = store.dead_letter(number)?;
        Ok(DeadLetterView::of(number, letter))
    });
    match found.await {
        Err(StoreError::NotFound { .. }) => Err(unknown(number)),
        found => Ok(Done(found?)),
    }
}

async fn forget(call: Call) -> Result<NoContent, ApiError> {
    let number = number(&call)?;
    match call.api.processor.forget(number).await? {
        true => Ok(NoContent),
        false => Err(unknown(number)),
    }
}

/// Events that are processed again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Retried {
    /// How many they are.
    pub retried: u64,
}

async fn retry(call: Call) -> Result<Done<Retried>, ApiError> {
    let number = number(&call)?;
    match call.api.processor.retry(number).await? {
        true => Ok(Done(Retried { retried: 1 })),
        false => Err(unknown(number)),
    }
}

async fn retry_all(call: Call) -> Result<Done<Retried>, ApiError> {
    let retried = call.api.processor.retry_all().await?;
    Ok(Done(Retried { retried }))
}
