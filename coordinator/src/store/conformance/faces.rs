//! Faces and lists.

use goshawk_coordinator_core::{candidates::FaceFilters, face::FacePatch};
use goshawk_proto::id::ListId;

use super::{ACCOUNT, STRANGER, at, clashes, face, face_id, list, list_id, missing, page};
use crate::store::{FaceQuery, ListChange, Store};

fn numbers(store: &dyn Store, filters: FaceFilters) -> Vec<u128> {
    let query = FaceQuery {
        filters: filters.clone(),
        page: page(1, 1000),
    };
    let found = store.faces(ACCOUNT, &query, at(100)).unwrap();
    let count = store.count_faces(ACCOUNT, &filters, at(100)).unwrap();
    assert_eq!(found.len() as u64, count);
    found
        .iter()
        .map(|f| f.face_id.0.as_u128() - 0xf000)
        .collect()
}

fn in_list(n: u128) -> FaceFilters {
    FaceFilters {
        list_id: Some(list_id(n)),
        ..FaceFilters::default()
    }
}

pub(super) fn faces(store: &dyn Store) {
    for n in 1..=5 {
        store.create_face(&face(n, &[])).unwrap();
    }
    assert!(clashes(store.create_face(&face(1, &[]))));
    assert_eq!(store.face(ACCOUNT, face_id(1)).unwrap(), face(1, &[]));
    assert!(missing(store.face(STRANGER, face_id(1))));
    assert_eq!(numbers(store, FaceFilters::default()), [5, 4, 3, 2, 1]);
    let second = FaceQuery {
        page: page(2, 2),
        ..FaceQuery::default()
    };
    let found = store.faces(ACCOUNT, &second, at(100)).unwrap();
    assert_eq!(found, [face(3, &[]), face(2, &[])]);
    assert!(
        store
            .faces(STRANGER, &FaceQuery::default(), at(100))
            .unwrap()
            .is_empty()
    );

    let patch = FacePatch {
        user_data: Some("new".into()),
        ..FacePatch::default()
    };
    assert_eq!(
        store
            .patch_face(ACCOUNT, face_id(2), &patch)
            .unwrap()
            .user_data,
        "new"
    );
    assert!(missing(store.patch_face(STRANGER, face_id(2), &patch)));
    let mut seen = 0;
    store.each_face(&mut |_| seen += 1).unwrap();
    assert_eq!(seen, 5);
    store.delete_face(ACCOUNT, face_id(3)).unwrap();
    assert!(missing(store.delete_face(ACCOUNT, face_id(3))));
    assert_eq!(numbers(store, FaceFilters::default()), [5, 4, 2, 1]);
}

pub(super) fn indexes(store: &dyn Store) {
    for n in 1..=6 {
        store.create_face(&face(n, &[])).unwrap();
    }
    let external = |ids: &[&str]| FaceFilters {
        external_ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
        ..FaceFilters::default()
    };
    assert_eq!(numbers(store, external(&["ext-1"])), [4, 1]);
    assert_eq!(
        numbers(store, external(&["ext-1", "ext-1", "ext-2"])),
        [5, 4, 2, 1]
    );
    assert!(numbers(store, external(&["ext-"])).is_empty());
    let patch = FacePatch {
        external_id: Some("ext-2".into()),
        ..FacePatch::default()
    };
    store.patch_face(ACCOUNT, face_id(1), &patch).unwrap();
    assert_eq!(numbers(store, external(&["ext-1"])), [4]);
    let range = FaceFilters {
        face_id_gte: Some(face_id(2)),
        face_id_lt: Some(face_id(5)),
        ..FaceFilters::default()
    };
    assert_eq!(
        numbers(store, range),
        [2, 3, 4],
        "by id, ascending, when ids are bounded"
    );
    let some = FaceFilters {
        face_ids: Some(vec![face_id(6), face_id(6), face_id(99)]),
        ..FaceFilters::default()
    };
    assert_eq!(numbers(store, some), [6]);
}

fn change(attach: &[u128], detach: &[u128]) -> ListChange {
    let ids = |n: &[u128]| n.iter().map(|n| face_id(*n)).collect();
    ListChange {
        attach: ids(attach),
        detach: ids(detach),
    }
}

pub(super) fn lists(store: &dyn Store) {
    for n in 1..=3 {
        store.create_list(&list(n)).unwrap();
    }
    assert!(clashes(store.create_list(&list(1))));
    assert_eq!(
        store.lists(ACCOUNT, page(1, 2)).unwrap(),
        [list(3), list(2)]
    );
    assert!(store.lists(STRANGER, page(1, 2)).unwrap().is_empty());
    assert_eq!(store.count_lists(ACCOUNT).unwrap(), 3);
    assert!(missing(store.list(STRANGER, list_id(1))));
    store
        .rename_list(ACCOUNT, list_id(1), "staff", at(50))
        .unwrap();
    let renamed = store.list(ACCOUNT, list_id(1)).unwrap();
    assert_eq!(
        (renamed.user_data.as_str(), renamed.last_update_time),
        ("staff", at(50))
    );

    store.create_face(&face(1, &[list_id(1)])).unwrap();
    store.create_face(&face(2, &[])).unwrap();
    store.create_face(&face(3, &[])).unwrap();
    store
        .attach(ACCOUNT, list_id(1), &change(&[2, 3, 2], &[]), at(60))
        .unwrap();
    assert_eq!(numbers(store, in_list(1)), [3, 2, 1]);
    assert_eq!(
        store.list(ACCOUNT, list_id(1)).unwrap().last_update_time,
        at(60)
    );
    store
        .attach(ACCOUNT, list_id(1), &change(&[], &[1, 1]), at(61))
        .unwrap();
    assert_eq!(numbers(store, in_list(1)), [3, 2]);
    // Attached and detached at once, the later step wins.
    store
        .attach(ACCOUNT, list_id(2), &change(&[1], &[1]), at(62))
        .unwrap();
    assert!(numbers(store, in_list(2)).is_empty());
    assert!(missing(store.attach(
        STRANGER,
        list_id(1),
        &change(&[1], &[]),
        at(62)
    )));

    store
        .attach(ACCOUNT, list_id(2), &change(&[2], &[]), at(63))
        .unwrap();
    store.delete_list(ACCOUNT, list_id(2), false).unwrap();
    assert_eq!(store.face(ACCOUNT, face_id(2)).unwrap().lists, [list_id(1)]);
    store.delete_list(ACCOUNT, list_id(1), true).unwrap();
    assert!(missing(store.face(ACCOUNT, face_id(2))));
    assert_eq!(numbers(store, FaceFilters::default()), [1]);
    assert!(missing(store.delete_list(ACCOUNT, list_id(1), true)));
}

pub(super) fn a_failed_change_changes_nothing(store: &dyn Store) {
    store.create_list(&list(1)).unwrap();
    store.create_face(&face(1, &[])).unwrap();
    let nowhere: ListId = list_id(9);
    assert!(missing(store.create_face(&face(2, &[list_id(1), nowhere]))));
    assert!(missing(store.face(ACCOUNT, face_id(2))));
    assert!(missing(store.attach(
        ACCOUNT,
        list_id(1),
        &change(&[1, 9], &[]),
        at(60)
    )));
    assert!(numbers(store, in_list(1)).is_empty());
    assert_eq!(
        store.list(ACCOUNT, list_id(1)).unwrap().last_update_time,
        at(1)
    );
}
