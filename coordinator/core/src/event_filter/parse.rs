//! Event filters out of query strings.

use goshawk_proto::id::{AccountId, EventId, FaceId, HandlerId, StreamId};
use utoipa::{
    PartialSchema,
    openapi::{RefOr, Schema, path::Parameter},
};

use super::{
    Direction, EventFilters, EventQuery,
    area::{Area, AreaList},
    estimated::{BodyFilter, EstimationFilters},
};
use crate::{
    code::{DeepfakeCode, EmotionCode, EthnicityCode, GenderCode, LivenessCode, MaskCode},
    event::view::EventTarget,
    formats::{Real, Slug, Tag, Whole},
    parameters,
    query::{BadParameter, CommaList, Moment, OneOf, Page, Pairs, Parameters, values::listed},
    words,
};

words! {
    /// Colours of headwear and shoes.
    pub enum Shade: "colours" {
        Undefined = "undefined",
        Black = "black",
        White = "white",
        Other = "other",
    }
}

words! {
    /// Lengths of sleeves.
    pub enum Sleeve: "sleeves" {
        Short = "short",
        Long = "long",
        Undefined = "undefined",
    }
}

words! {
    /// Kinds of lower garments.
    pub enum Garment: "garments" {
        Undefined = "undefined",
        Trousers = "trousers",
        Shorts = "shorts",
        Skirt = "skirt",
    }
}

words! {
    /// Colours of garments.
    pub enum Colour: "colours" {
        Undefined = "undefined",
        Black = "black",
        Blue = "blue",
        Green = "green",
        Gray = "gray",
        Orange = "orange",
        Purple = "purple",
        Red = "red",
        White = "white",
        Yellow = "yellow",
        Pink = "pink",
        Brown = "brown",
        Beige = "beige",
        Khaki = "khaki",
        Multicolored = "multicolored",
    }
}

words! {
    /// Which way a listing goes.
    pub enum Order: "orders" {
        Asc = "asc",
        Desc = "desc",
    }
}

/// A list that the contract writes as plain text.
fn text() -> RefOr<Schema> {
    String::schema()
}

parameters! {
    /// What listings and subscriptions have in common.
    pub struct Common {
        /// Made by one of these handlers.
        optional handler_ids: CommaList<HandlerId> => listed("list of uuid."),
        /// Of one of these streams, `null` for events of none.
        optional stream_ids: OneOf<StreamId> => listed("list of uuid."),
        /// From one of these sources, `null` for events without one.
        optional sources: OneOf<String> => text(),
        /// In one of these cities, `null` for events without one.
        optional cities: OneOf<String> => text(),
        /// In one of these areas, `null` for events without one.
        optional areas: OneOf<String> => text(),
        /// In one of these districts, `null` for events without one.
        optional districts: OneOf<String> => text(),
        /// In one of these streets, `null` for events without one.
        optional streets: OneOf<String> => text(),
        /// In one of these houses, `null` for events without one.
        optional house_numbers: OneOf<String> => text(),
        /// Of this gender, `null` where it was not estimated.
        optional gender: OneOf<GenderCode> => GenderCode::schema(),
        /// At least this old, in years.
        optional age__gte: Whole<0, 100>,
        /// Younger than this, in years.
        optional age__lt: Whole<0, 100>,
        /// With one of these outcomes of the liveness check, `null` where there was none.
        optional liveness: OneOf<LivenessCode> => listed("list of integer and null (0, 1 ,2, null)"),
        /// With all of these tags.
        optional tags: CommaList<Tag>,
        /// Part of the user data.
        optional user_data: String,
    }
}

parameters! {
    /// Filters by what was estimated besides age, gender and liveness; `null` means that it was not.
    pub struct Estimated {
        /// One of these emotions.
        optional emotions: OneOf<EmotionCode> => listed("list of integer and null (1, 2, 3, 4, 5, 6, 7, null)"),
        /// One of these states of masks.
        optional masks: OneOf<MaskCode> => listed("list of integer and null (1, 2, 3, null)"),
        /// One of these ethnic groups; nothing estimates them here, so only `null` finds events.
        optional ethnic_groups: OneOf<EthnicityCode> => listed("list of integer and null (1, 2, 3, 4, null)"),
        /// One of these outcomes of a deepfake check.
        optional deepfake: OneOf<DeepfakeCode> => listed("list of integer and null (0, 1, null)"),
        /// One of these genders of a body.
        optional apparent_gender: OneOf<Whole<0, 2>>,
        /// A body at least this old.
        optional apparent_age__gte: Whole<0, 100>,
        /// A body younger than this.
        optional apparent_age__lt: Whole<0, 100>,
        /// With or without headwear.
        optional headwear_states: OneOf<Whole<0, 2>>,
        /// With headwear of one of these colours.
        optional headwear_apparent_colors: OneOf<Shade>,
        /// With sleeves of one of these lengths.
        optional sleeve_lengths: OneOf<Sleeve>,
        /// In one of these colours above.
        optional upper_clothing_colors: OneOf<Colour>,
        /// In one of these colours below.
        optional lower_garment_colors: OneOf<Colour>,
        /// In one of these garments.
        optional lower_garment_types: OneOf<Garment>,
        /// In shoes of one of these colours.
        optional shoes_apparent_colors: OneOf<Shade>,
        /// With or without a backpack.
        optional backpack_states: OneOf<Whole<0, 2>>,
    }
}

parameters! {
    /// What only listings have.
    pub struct Listing {
        /// Events of this account. Who sees only their own gets these whatever is asked for.
        optional account_id: AccountId,
        /// Made at this moment or later.
        optional create_time__gte: Moment,
        /// Made before this moment.
        optional create_time__lt: Moment,
        /// Ended at this moment or later.
        optional end_time__gte: Moment,
        /// Ended before this moment.
        optional end_time__lt: Moment,
        /// One of these events.
        optional event_ids: CommaList<EventId> => listed("list of uuid."),
        /// Not below this id; sorts by id.
        optional event_id__gte: EventId => listed("uuid."),
        /// Below this id; sorts by id.
        optional event_id__lt: EventId => listed("uuid."),
        /// Of one of these faces.
        optional face_ids: CommaList<FaceId> => listed("list of uuid"),
        /// With one of these external ids.
        optional external_ids: CommaList<String> => text(),
        /// Of one of these tracks, `null` for events of none.
        optional track_ids: OneOf<Slug<36>> => text(),
        /// The best match is under this label.
        optional top_matching_candidates_label: String,
        /// The best match is one of these faces.
        optional top_similar_object_ids: CommaList<FaceId>,
        /// The best match has one of these external ids.
        optional top_similar_external_ids: CommaList<String>,
        /// The best match is at least this alike.
        optional top_similar_object_similarity__gte: Real<{ i64::MIN }, { i64::MAX }>,
        /// The best match is less alike than this.
        optional top_similar_object_similarity__lt: Real<{ i64::MIN }, { i64::MAX }>,
        /// Which way it goes: by id where a bound on ids is given, else by creation time.
        default order: Order = Order::Desc,
    }
}

parameters! {
    /// Which fields an answer has.
    pub struct Wanted {
        /// Only these fields.
        optional target: CommaList<EventTarget>,
        /// The same by another name.
        optional targets: CommaList<EventTarget>,
    }
}

parameters! {
    /// What only subscriptions have.
    pub struct Subscribed {
        /// At least one of these labels has candidates.
        optional matching_candidates_labels: CommaList<String> => text(),
        /// The best match is at least this alike.
        optional object_similarity__gte: Real<{ i64::MIN }, { i64::MAX }>,
        /// The best match is less alike than this.
        optional object_similarity__lt: Real<{ i64::MIN }, { i64::MAX }>,
    }
}

impl Wanted {
    /// The fields; empty is all.
    pub fn fields(self) -> Vec<EventTarget> {
        self.targets
            .or(self.target)
            .map(|fields| fields.0)
            .unwrap_or_default()
    }
}

impl Parameters for EventQuery {
    const NAMES_FIELDS: bool = Wanted::NAMES_FIELDS;

    fn read(query: Pairs<'_>) -> Result<Self, BadParameter> {
        let listing = Listing::read(query)?;
        let targets = Wanted::read(query)?.fields();
        let direction = match listing.order {
            Order::Asc => Direction::Ascending,
            Order::Desc => Direction::Descending,
        };
        let mut filters = common(query)?;
        filters.geo = Area::read(query)?.0;
        filters.create_time_gte = listing.create_time__gte.map(|moment| moment.0);
        filters.create_time_lt = listing.create_time__lt.map(|moment| moment.0);
        filters.end_time_gte = listing.end_time__gte.map(|moment| moment.0);
        filters.end_time_lt = listing.end_time__lt.map(|moment| moment.0);
        filters.event_ids = listing.event_ids.map(|ids| ids.0);
        filters.event_id_gte = listing.event_id__gte;
        filters.event_id_lt = listing.event_id__lt;
        filters.face_ids = listing.face_ids.map(|ids| ids.0);
        filters.external_ids = listing.external_ids.map(|ids| ids.0);
        filters.track_ids = listing.track_ids.map(|tracks| OneOf {
            values: tracks.values.into_iter().map(String::from).collect(),
            absent: tracks.absent,
        });
        filters.top_label = listing.top_matching_candidates_label;
        filters.top_ids = listing.top_similar_object_ids.map(|ids| ids.0);
        filters.top_external_ids = listing.top_similar_external_ids.map(|ids| ids.0);
        filters.top_similarity_gte = listing.top_similar_object_similarity__gte.map(Real::as_f32);
        filters.top_similarity_lt = listing.top_similar_object_similarity__lt.map(Real::as_f32);
        Ok(Self {
            account_id: listing.account_id,
            filters,
            direction,
            page: Page::read(query)?,
            targets,
        })
    }

    fn describe() -> Vec<Parameter> {
        let mut all = Listing::describe();
        all.extend(Common::describe());
        all.extend(Estimated::describe());
        all.extend(Area::describe());
        all.extend(Wanted::describe().into_iter().take(1));
        all.extend(Page::describe());
        all
    }
}

/// The query of a subscription (`/6/ws`, and the Sender's `/1/ws` and `/2/ws`).
#[derive(Debug, Clone)]
pub struct Subscription(pub EventFilters);

impl Parameters for Subscription {
    const NAMES_FIELDS: bool = false;

    fn read(query: Pairs<'_>) -> Result<Self, BadParameter> {
        let subscribed = Subscribed::read(query)?;
        let mut filters = common(query)?;
        filters.any_labels = subscribed.matching_candidates_labels.map(|labels| labels.0);
        filters.top_similarity_gte = subscribed.object_similarity__gte.map(Real::as_f32);
        filters.top_similarity_lt = subscribed.object_similarity__lt.map(Real::as_f32);
        filters.geo = AreaList::read(query)?.0;
        Ok(Self(filters))
    }

    fn describe() -> Vec<Parameter> {
        let mut all = Common::describe();
        all.extend(Estimated::describe());
        all.extend(Subscribed::describe());
        all.extend(AreaList::describe());
        all
    }
}

/// What both kinds of query share.
fn common(query: Pairs<'_>) -> Result<EventFilters, BadParameter> {
    let common = Common::read(query)?;
    let estimated = Estimated::read(query)?.filters();
    let years = |age: Whole<0, 100>| u8::try_from(age.get()).unwrap_or(u8::MAX);
    Ok(EventFilters {
        handler_ids: common.handler_ids.map(|ids| ids.0),
        stream_ids: common.stream_ids,
        sources: common.sources,
        cities: common.cities,
        areas: common.areas,
        districts: common.districts,
        streets: common.streets,
        house_numbers: common.house_numbers,
        gender: common.gender,
        age_gte: common.age__gte.map(years),
        age_lt: common.age__lt.map(years),
        liveness: common.liveness,
        tags: common
            .tags
            .map(|tags| tags.0.into_iter().map(String::from).collect()),
        user_data: common.user_data,
        estimated,
        ..EventFilters::default()
    })
}

impl Estimated {
    fn filters(self) -> EstimationFilters {
        let years = |age: Whole<0, 100>| u8::try_from(age.get()).unwrap_or(u8::MAX);
        let body = [
            BodyFilter::of("/basic_attributes/apparent_gender", self.apparent_gender),
            BodyFilter::of("/upper_body/headwear/state", self.headwear_states),
            BodyFilter::of(
                "/upper_body/headwear/apparent_color",
                self.headwear_apparent_colors,
            ),
            BodyFilter::of("/upper_body/sleeve/length", self.sleeve_lengths),
            BodyFilter::of(
                "/upper_body/upper_clothing/colors",
                self.upper_clothing_colors,
            ),
            BodyFilter::of(
                "/lower_body/lower_garment/colors",
                self.lower_garment_colors,
            ),
            BodyFilter::of("/lower_body/lower_garment/type", self.lower_garment_types),
            BodyFilter::of(
                "/lower_body/shoes/apparent_color",
                self.shoes_apparent_colors,
            ),
            BodyFilter::of("/accessories/backpack/state", self.backpack_states),
        ];
        EstimationFilters {
            emotions: self.emotions,
            masks: self.masks,
            ethnic_groups: self.ethnic_groups,
            deepfake: self.deepfake,
            apparent_age_gte: self.apparent_age__gte.map(years),
            apparent_age_lt: self.apparent_age__lt.map(years),
            body: body.into_iter().flatten().collect(),
        }
    }
}
