//! Tests of event filters.

use super::*;
use crate::{
    query::{Pairs, Parameters},
    testing,
};

fn pairs(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[track_caller]
fn check(query: &str, expect: bool) {
    let event = testing::event(1);
    let query = EventQuery::read(Pairs(&pairs(query))).unwrap();
    assert_eq!(query.filters.accept(&event), expect);
}

#[track_caller]
fn subscribed(query: &str, expect: bool) {
    let filters = Subscription::read(Pairs(&pairs(query))).unwrap().0;
    assert_eq!(filters.accept(&testing::event(1)), expect);
}

#[test]
fn each_query_filter_can_pass_and_fail() {
    check("", true);
    check("sources=gate,door", true);
    check("sources=door,null", false);
    check("cities=Riga", true);
    check("cities=null", false);
    check("areas=null", true);
    check("tags=staff", true);
    check("tags=staff,guest", false);
    check("age__gte=30&age__lt=31", true);
    check("age__lt=30", false);
    check("gender=1", true);
    check("gender=0,null", false);
    check("liveness=1", true);
    check("liveness=null", false);
    check("user_data=fl", true);
    check("user_data=roof", false);
    check("top_matching_candidates_label=staff", true);
    check("top_matching_candidates_label=guests", false);
    check("top_similar_object_similarity__gte=0.9", true);
    check("top_similar_object_similarity__lt=0.9", false);
    check("top_similar_external_ids=ada", true);
    check(
        "create_time__gte=1970-01-01T00:00:01Z&create_time__lt=1970-01-01T00:00:02Z",
        true,
    );
    check("create_time__lt=1970-01-01T00:00:01Z", false);
    check("end_time__lt=1970-01-01T00:00:02Z", false);
    check("track_ids=track-1", true);
    check("track_ids=null", false);
    check("masks=2", true);
    check("masks=1,null", false);
    check("emotions=4", true);
    check("emotions=1,null", false);
    check("deepfake=0", false);
    check("deepfake=0,null", true);
    check("ethnic_groups=1", false);
    check("ethnic_groups=null", true);
    check("apparent_gender=1,2", true);
    check("apparent_gender=0", false);
    check("apparent_age__gte=30&apparent_age__lt=31", true);
    check("apparent_age__gte=31", false);
    check("apparent_age__lt=30", false);
    check("upper_clothing_colors=red", true);
    check("upper_clothing_colors=white,null", false);
    check("sleeve_lengths=long", true);
    check("headwear_states=1", false);
    check("headwear_apparent_colors=undefined", true);
    check("lower_garment_types=null", true);
    check("lower_garment_colors=blue", false);
    check("shoes_apparent_colors=black", false);
    check("backpack_states=2", true);
    check("backpack_states=1", false);
    check("origin_longitude=24.1&origin_latitude=56.9", true);
    check("origin_longitude=25.1&origin_latitude=56.9", false);
    check(
        "origin_longitude=25.1&origin_latitude=56.9&longitude_delta=2",
        true,
    );
    check("origin_longitude=null&origin_latitude=null", false);
}

#[test]
fn each_subscription_filter_can_pass_and_fail() {
    subscribed("", true);
    subscribed("matching_candidates_labels=guests,staff", true);
    subscribed("matching_candidates_labels=guests", false);
    subscribed("object_similarity__gte=0.9", true);
    subscribed("object_similarity__gte=0.99", false);
    subscribed(
        "geo_position=origin_longitude,24.1,origin_latitude,56.9",
        true,
    );
    subscribed(
        "geo_position=origin_longitude,20,origin_latitude,56.9,longitude_delta,1",
        false,
    );
    subscribed("emotions=4", true);
    subscribed("emotions=5", false);
}

#[test]
fn nonsense_names_the_parameter() {
    let query = |text: &str| EventQuery::read(Pairs(&pairs(text))).unwrap_err().name;
    assert_eq!(query("age__lt=101"), "age__lt");
    assert_eq!(query("handler_ids=1"), "handler_ids");
    assert_eq!(query("order=up"), "order");
    assert_eq!(query("page_size=1001"), "page_size");
    assert_eq!(query("liveness=7"), "liveness");
    assert_eq!(query("create_time__gte=yesterday"), "create_time__gte");
    assert_eq!(query("origin_longitude=3"), "origin_longitude");
    let subscription = Subscription::read(Pairs(&pairs("geo_position=x")));
    assert_eq!(subscription.unwrap_err().name, "geo_position");
}

#[test]
fn boxes_reach_across_the_date_line() {
    let area = GeoBox {
        origin: GeoPosition {
            longitude: 179.9,
            latitude: 0.0,
        },
        longitude_delta: 0.5,
        latitude_delta: 1.0,
    };
    assert!(area.covers(GeoPosition {
        longitude: -179.8,
        latitude: 0.5
    }));
    assert!(!area.covers(GeoPosition {
        longitude: -179.0,
        latitude: 0.5
    }));
}
