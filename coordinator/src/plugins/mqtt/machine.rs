//! The MQTT 3.1.1 protocol without a socket: bytes in, bytes and signs out. The rules are those of
//! `mqtt-protocol-core`; here is only what a publisher needs of them.

use std::time::{Duration, Instant};

use mqtt_protocol_core::mqtt::{
    self, Connection, Version,
    connection::{ConnectionOptions, Event, TimerKind},
    packet::{GenericPacketTrait, Packet, Qos, v3_1_1},
    result_code::{ConnectReturnCode, MqttError},
    role,
};

/// Longest packet that a broker may send. A publisher gets acknowledgements only.
const MAX_INCOMING: u32 = 4096;
/// How often we are heard of, in seconds.
const KEEP_ALIVE_S: u16 = 30;
/// How long an answer to a ping may take, in milliseconds.
const PING_ANSWER_MS: u64 = 15_000;
/// What the will says.
pub(super) const OFFLINE: &[u8] = b"offline";

/// What became known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// The broker lets us in.
    Welcome,
    /// The broker has the message of this packet id.
    Done(u16),
}

/// Why the connection is at its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Broken {
    /// The broker does not let us in.
    #[error("the broker refuses: {0}")]
    Refused(&'static str),
    /// Somebody does not keep to the protocol.
    #[error("protocol: {0:?}")]
    Protocol(MqttError),
    /// The broker does not answer pings.
    #[error("the broker has fallen silent")]
    Silent,
}

/// How we introduce ourselves.
pub(super) struct Hello<'a> {
    pub(super) client_id: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a str>,
    /// Topic of the will.
    pub(super) status_topic: &'a str,
    pub(super) qos: u8,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) payload: Vec<u8>,
    pub(super) retain: bool,
}

/// One connection.
pub(super) struct Machine {
    connection: Connection<role::Client>,
    output: Vec<u8>,
    signs: Vec<Sign>,
    broken: Option<Broken>,
    timers: Vec<(TimerKind, Instant)>,
}

impl Machine {
    pub(super) fn new() -> Self {
        let options = ConnectionOptions::new().maximum_packet_size_recv(MAX_INCOMING);
        let mut connection = Connection::with_options(Version::V3_1_1, options);
        connection.set_auto_pub_response(true);
        connection.set_pingresp_recv_timeout(PING_ANSWER_MS);
        Self {
            connection,
            output: Vec::new(),
            signs: Vec::new(),
            broken: None,
            timers: Vec::new(),
        }
    }

    /// Asks to be let in.
    pub(super) fn connect(&mut self, now: Instant, hello: &Hello<'_>) -> Result<(), Broken> {
        let packet = connect_packet(hello).map_err(Broken::Protocol)?;
        let events = self.connection.checked_send(packet);
        self.take_in(now, events)
    }

    /// Publishes; the packet id by which [`Sign::Done`] tells that the broker has it, none with
    /// quality of service 0.
    pub(super) fn publish(
        &mut self,
        now: Instant,
        message: &Message,
        qos: u8,
    ) -> Result<Option<u16>, Broken> {
        let qos = Qos::try_from(qos).unwrap_or(Qos::AtLeastOnce);
        let mut builder = v3_1_1::Publish::builder()
            .topic_name(message.topic.as_str())
            .map_err(Broken::Protocol)?
            .qos(qos)
            .retain(message.retain)
            .payload(message.payload.as_slice());
        let mut id = None;
        if qos != Qos::AtMostOnce {
            let taken = self
                .connection
                .acquire_packet_id()
                .map_err(Broken::Protocol)?;
            builder = builder.packet_id(taken);
            id = Some(taken);
        }
        let packet = builder.build().map_err(Broken::Protocol)?;
        let events = self.connection.checked_send(packet);
        self.take_in(now, events)?;
        Ok(id)
    }

    /// Takes leave; the will is not published then.
    pub(super) fn disconnect(&mut self, now: Instant) -> Result<(), Broken> {
        let events = self.connection.checked_send(v3_1_1::Disconnect::new());
        match self.take_in(now, events) {
            // Our own goodbye ends it.
            Err(Broken::Silent) | Ok(()) => Ok(()),
            other => other,
        }
    }

    /// Takes in what the broker sent.
    pub(super) fn receive(&mut self, now: Instant, bytes: &[u8]) -> Result<Vec<Sign>, Broken> {
        let mut cursor = mqtt::common::Cursor::new(bytes);
        while cursor.position() < bytes.len() as u64 {
            let before = cursor.position();
            let events = self.connection.recv(&mut cursor);
            self.take_in(now, events)?;
            if cursor.position() == before {
                break;
            }
        }
        Ok(std::mem::take(&mut self.signs))
    }

    /// When [`Self::on_time`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.timers.iter().map(|(_, at)| *at).min()
    }

    /// Does what is due: pings, and notices their missing answers.
    pub(super) fn on_time(&mut self, now: Instant) -> Result<(), Broken> {
        let due: Vec<TimerKind> = self
            .timers
            .iter()
            .filter(|(_, at)| *at <= now)
            .map(|(kind, _)| *kind)
            .collect();
        self.timers.retain(|(_, at)| *at > now);
        for kind in due {
            let events = self.connection.notify_timer_fired(kind);
            self.take_in(now, events)?;
        }
        Ok(())
    }

    /// What is to be sent.
    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn take_in(&mut self, now: Instant, events: Vec<Event>) -> Result<(), Broken> {
        for event in events {
            match event {
                Event::RequestSendPacket { packet, .. } => {
                    self.output.extend(packet.to_continuous_buffer());
                }
                Event::NotifyPacketReceived(Packet::V3_1_1Connack(answer)) => {
                    match refusal(answer.return_code()) {
                        None => self.signs.push(Sign::Welcome),
                        Some(reason) => self.breaks(Broken::Refused(reason)),
                    }
                }
                Event::NotifyPacketIdReleased(id) => self.signs.push(Sign::Done(id)),
                Event::RequestTimerReset { kind, duration_ms } => {
                    self.timers.retain(|(other, _)| *other != kind);
                    self.timers
                        .push((kind, now + Duration::from_millis(duration_ms)));
                }
                Event::RequestTimerCancel(kind) => self.timers.retain(|(other, _)| *other != kind),
                Event::NotifyError(error) => self.breaks(Broken::Protocol(error)),
                Event::RequestClose => self.breaks(Broken::Silent),
                Event::NotifyPacketReceived(_) => {}
            }
        }
        match self.broken.clone() {
            None => Ok(()),
            Some(broken) => Err(broken),
        }
    }

    /// The first reason is the one that is told.
    fn breaks(&mut self, reason: Broken) {
        self.broken.get_or_insert(reason);
    }
}

fn connect_packet(hello: &Hello<'_>) -> Result<v3_1_1::Connect, MqttError> {
    let qos = Qos::try_from(hello.qos).unwrap_or(Qos::AtLeastOnce);
    let mut builder = v3_1_1::Connect::builder()
        .client_id(hello.client_id)?
        .clean_session(true)
        .keep_alive(KEEP_ALIVE_S)
        .will_message(hello.status_topic, "offline", qos, true)?;
    if let Some(user) = hello.user {
        builder = builder.user_name(user)?;
    }
    if let Some(password) = hello.password {
        builder = builder.password(password)?;
    }
    builder.build()
}

fn refusal(code: ConnectReturnCode) -> Option<&'static str> {
    match code {
        ConnectReturnCode::Accepted => None,
        ConnectReturnCode::UnacceptableProtocolVersion => Some("it does not speak MQTT 3.1.1"),
        ConnectReturnCode::IdentifierRejected => Some("it does not take the client id"),
        ConnectReturnCode::ServerUnavailable => Some("it is not available"),
        ConnectReturnCode::BadUserNameOrPassword => Some("user or password is wrong"),
        ConnectReturnCode::NotAuthorized => Some("not authorised"),
    }
}

#[cfg(test)]
mod tests;
