//! What the fuzzers begin with: good input, and input that was made to hurt.

use goshawk_models::{install::RECOMMENDED, manifest::EMBEDDED};

use super::pictures;

/// By the fuzzer that it is for.
const SHORT: &[(&str, &[u8])] = &[
    ("query", b"page=2&page_size=100&targets=face_id,user_data&create_time__lt=2024-01-02T03:04:05.678901Z"),
    ("query", b"face_ids=7acc35cf-a3b2-4f87-8d8b-5496a2782d37,7acc35cf-a3b2-4f87-8d8b-5496a2782d38&gender=0,null"),
    ("query", b"geo_position=origin_longitude,36.6,origin_latitude,55.7,delta_longitude,1,delta_latitude,1"),
    ("query", b"2024-01-02T03:04:05.678901+03:00"),
    ("query", b"a=%ff%fe%00&%=%&page=%f0%9f%92%a9"),
    ("body", br#"0{"description":"a","policies":{"detect_policy":{"detect_face":1},"match_policy":[{"label":"l","candidates":{"origin":"faces"},"limit":3}]}}"#),
    ("body", br#"0{"policies":{"storage_policy":{"callbacks":[{"type":"http","url":"http://a","filters":{"gender":1}}]}}}"#),
    ("body", br#"1{"account_id":"7acc35cf-a3b2-4f87-8d8b-5496a2782d37","data":{"type":"tcp","reference":"rtsp://a","analytics":[]}}"#),
    ("body", b"\x02\x82\xabdescription\xa1a\xa8policies\x81\xaddetect_policy\x80"),
    ("body", b"0{\"description\":\"\xff\xfe\xc0\x80\"}"),
    ("face", br#"0{"user_data":"a","lists":["7acc35cf-a3b2-4f87-8d8b-5496a2782d37"],"attribute":{"basic_attributes":{"age":30,"gender":1,"ethnicity":4}}}"#),
    ("face", br#"2{"face_descriptors":["AQID",{"descriptor":"AACAPwAAAAA=","version":46}],"face_descriptor_samples":[]}"#),
    ("face", br#"4{"basic_attributes":{"age":30,"gender":1,"ethnicity":4}}"#),
    ("face", br#"6{"candidates":[{"filters":{"origin":"faces","create_time__gte":"now-1d"},"limit":3,"targets":["face_id"]}],"references":[{"type":"raw_descriptor","id":"","data":{"descriptor":"AACAPw==","version":46}}]}"#),
    ("face", b"1\x81\xa9attribute\x81\xb0face_descriptors\x91\xc4\x0cGHd1\x2e\0\0\0\0\0\x80\x3f"),
    ("face", b"7\x82\xaacandidates\x90\xaareferences\x91\x82\xa4type\xa4face\xa2id\xd9\x247acc35cf-a3b2-4f87-8d8b-5496a2782d37"),
    ("face", b"0{\"user_data\":\"\xed\xa0\x80\"}"),
    ("multipart", b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\nabc\r\n--b\r\nContent-Disposition: form-data; name=\"face_bounding_boxes\"\r\n\r\n[]\r\n--b--\r\n"),
    ("multipart", b"--b\r\nContent-Disposition: form-data; name=\"image\"\r\nContent-Type: image/x-jpeg-base64\r\n\r\naGk=\r\n--b--\r\n"),
    ("multipart", b"--b\r\nContent-Disposition: form-data; name=\"image\"; filename*=utf-8''%ff%00..%2f\xff\r\nContent-Type: image/png\r\n\r\n\r\n--b--"),
    ("multipart", b"multipart/form-data; boundary=\"b\\\"c\""),
    ("image", b"aGVs\r\nbG8="),
    ("image", br#"{"image":"aGk=","mimetype":"image/x-jpeg-base64","detect_time":"2018-08-11T09:11:41.674Z","detect_ts":1.5,"meta":{}}"#),
    ("image", br#"{"samples":["7acc35cf-a3b2-4f87-8d8b-5496a2782d37"]}"#),
    ("image", br#"{"urls":[{"url":"http://user:secret@10.0.0.1/x"}]}"#),
    ("image", b"{\"image\":\"\xff\",\"mimetype\":\"image/x-png-base64\"}"),
    ("descriptor", b"GHd1\x2e\0\0\0\0\0\x80\x3f\0\0\0\x40"),
    ("descriptor", b"dp\0\0\x2e\0\0\0\x74\x93\x84\x80\x01\xff"),
    ("descriptor", b"dp\0\0\x2e\0\0\0\x80\x80"),
    ("descriptor", b"GHd1\x2e\0\0\0\0\0\xc0\x7f\0\0\x80\x7f"),
    ("token", b"eyJhbGciOiJub25lIiwia2lkIjoiYSJ9"),
    ("token", b"eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiIsImtpZCI6ImEifQ"),
    ("token", b"a=b; token=x.y.z; c"),
    ("event", b"\x81\xa8envelope\x01"),
    ("link", b"\x05\x00\x00\x00\x08\x92\xa5hello\x80"),
    ("manifest", b"name = \"\\u001b[2J\"\nroles = []\npreference = 9223372036854775807\n[input]\nmean = [nan, inf, -inf]\nscale = [1e-50, 1e300, 0]\nwidth = -1"),
    ("manifest", b"file = \"../../etc/passwd.onnx\"\nsha256 = \"\xff\"\n[outputs]\n\"\" = \"\"\n[fetch]\nurl = \"file:///x\"\nbytes = -1"),
    ("picture", b"P6 2 2 255 aaaaaaaaaaaa"),
    ("picture", b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00\x01\x00\x18\x00"),
    ("picture", b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9"),
    ("picture", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x7f\xff\xff\xff\x7f\xff\xff\xff\x08\x02\x00\x00\x00"),
];

/// Headers of MessagePack that promise far more than follows: maps, lists, text, bytes, extensions.
const PROMISES: &[&[u8]] = &[
    b"\xdf\xff\xff\xff\xff",
    b"\xde\xff\xff",
    b"\x81\xa5lists\xdd\xff\xff\xff\xff",
    b"\x81\xa9user_data\xdb\xff\xff\xff\xff",
    b"\x81\xa9attribute\x81\xb0face_descriptors\x91\xc6\xff\xff\xff\xff",
    b"\x81\xa9user_data\xc9\xff\xff\xff\xff\x01",
];

/// Levels of what is deep: far more than any reader may follow on its stack.
const DEEP: usize = 20_000;

/// Everything, each with the fuzzer that it is for.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let short = SHORT.iter().map(|(name, seed)| (*name, seed.to_vec()));
    let mut all: Vec<_> = short.collect();
    let deep = |open: &[u8]| open.repeat(DEEP);
    for name in ["body", "face"] {
        for choice in b'0'..b'8' {
            for seed in PROMISES {
                all.push((name, [&[choice][..], seed].concat()));
            }
            for seed in [
                [&br#"{"x":"#[..], &deep(b"[")].concat(),
                [
                    &br#"{"policies":{"match_policy":"#[..],
                    &deep(br#"[{"candidates":"#),
                ]
                .concat(),
                [&br#"{"attribute":"#[..], &deep(br#"{"a":"#)].concat(),
                [&b"\x81\xa1x"[..], &deep(b"\x91")].concat(),
                [&b"\x81\xa9attribute"[..], &deep(b"\x81\xa1a")].concat(),
            ] {
                all.push((name, [&[choice][..], &seed].concat()));
            }
        }
    }
    all.push(("image", [&br#"{"meta":"#[..], &deep(b"[")].concat()));
    all.push(("event", [&b"\x81\xa8envelope"[..], &deep(b"\x91")].concat()));
    all.push(("event", b"\xdf\xff\xff\xff\xff".to_vec()));
    let pictures = pictures::all().into_iter();
    all.extend(pictures.map(|picture| ("picture", picture)));
    for (_, text) in EMBEDDED.iter().chain(RECOMMENDED) {
        all.push(("manifest", text.as_bytes().to_vec()));
    }
    for (key, deep) in [("x=", b"["), ("[[a.b]]\nx=", b"{"), ("", b"[")] {
        let text = [key.as_bytes(), &deep.repeat(DEEP)].concat();
        all.push(("manifest", text));
    }
    all
}
