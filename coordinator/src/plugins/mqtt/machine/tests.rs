//! The publisher's side of the protocol, with packets written out by hand.

use super::*;
use proptest::prelude::*;

const HELLO: Hello<'static> = Hello {
    client_id: "goshawk",
    user: Some("me"),
    password: Some("pw"),
    status_topic: "goshawk/status",
    qos: 1,
};

fn message() -> Message {
    Message {
        topic: "a/b".into(),
        payload: b"x".to_vec(),
        retain: true,
    }
}

fn connected(now: Instant) -> Machine {
    let mut machine = Machine::new();
    machine.connect(now, &HELLO).unwrap();
    machine.take_output();
    let signs = machine.receive(now, &[0x20, 2, 0, 0]).unwrap();
    assert_eq!(signs, [Sign::Welcome]);
    machine
}

#[test]
fn the_greeting_is_mqtt_3_1_1_with_a_retained_will() {
    let mut machine = Machine::new();
    machine.connect(Instant::now(), &HELLO).unwrap();
    let bytes = machine.take_output();
    assert_eq!(bytes[0], 0x10);
    assert_eq!(bytes[2..9], *b"\x00\x04MQTT\x04");
    // user, password, retained will of quality 1, clean session
    assert_eq!(bytes[9], 0b1110_1110);
    assert_eq!(bytes[10..12], [0, 30]);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.contains("goshawk/status") && text.contains("offline"));
}

#[test]
fn a_message_is_done_when_the_broker_says_so() {
    let now = Instant::now();
    let mut machine = connected(now);
    let id = machine.publish(now, &message(), 1).unwrap().unwrap();
    let [high, low] = id.to_be_bytes();
    assert_eq!(
        machine.take_output(),
        [0x33, 8, 0, 3, b'a', b'/', b'b', high, low, b'x']
    );
    // In two pieces, as a socket may deliver it.
    assert_eq!(machine.receive(now, &[0x40, 2]).unwrap(), []);
    assert_eq!(
        machine.receive(now, &[high, low]).unwrap(),
        [Sign::Done(id)]
    );
    assert_eq!(machine.publish(now, &message(), 0).unwrap(), None);
}

#[test]
fn quality_two_is_done_after_both_rounds() {
    let now = Instant::now();
    let mut machine = connected(now);
    let id = machine.publish(now, &message(), 2).unwrap().unwrap();
    let [high, low] = id.to_be_bytes();
    machine.take_output();
    assert_eq!(machine.receive(now, &[0x50, 2, high, low]).unwrap(), []);
    assert_eq!(machine.take_output(), [0x62, 2, high, low]);
    assert_eq!(
        machine.receive(now, &[0x70, 2, high, low]).unwrap(),
        [Sign::Done(id)]
    );
}

#[test]
fn a_refusal_says_why() {
    let now = Instant::now();
    let mut machine = Machine::new();
    machine.connect(now, &HELLO).unwrap();
    assert_eq!(
        machine.receive(now, &[0x20, 2, 0, 4]),
        Err(Broken::Refused("user or password is wrong"))
    );
}

#[test]
fn silence_is_noticed() {
    let now = Instant::now();
    let mut machine = connected(now);
    let ping = machine.deadline().expect("a ping is planned");
    assert_eq!((ping - now).as_secs(), u64::from(KEEP_ALIVE_S));
    machine.on_time(ping).unwrap();
    assert_eq!(machine.take_output(), [0xc0, 0]);
    let end = machine.deadline().expect("an answer is waited for");
    assert!(machine.on_time(end).is_err());
}

#[test]
fn goodbye_is_no_failure() {
    let now = Instant::now();
    let mut machine = connected(now);
    machine.disconnect(now).unwrap();
    assert_eq!(machine.take_output(), [0xe0, 0]);
}

#[test]
fn a_long_packet_is_refused_before_it_is_read() {
    let now = Instant::now();
    let mut machine = connected(now);
    // A message of 100 MB is announced.
    assert!(
        machine
            .receive(now, &[0x30, 0x80, 0xc2, 0xd7, 0x2f])
            .is_err()
    );
}

proptest! {
    /// Whatever a broker sends, nothing panics.
    #[test]
    fn any_bytes_are_borne(bytes in proptest::collection::vec(any::<u8>(), 0..64), split in 0usize..64) {
        let now = Instant::now();
        let mut machine = connected(now);
        let _ = machine.publish(now, &message(), 1);
        let (first, second) = bytes.split_at(split.min(bytes.len()));
        if machine.receive(now, first).is_ok() {
            let _ = machine.receive(now, second);
        }
    }
}
