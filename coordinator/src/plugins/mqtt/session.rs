//! One connection to the broker, from the greeting to its loss or our goodbye.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

use super::{
    Mqtt,
    announce::Announcer,
    link::Stream,
    machine::{Broken, Hello, Machine, Message, OFFLINE, Sign},
};
use crate::plugins::{
    feed::{Feed, Item},
    status::{State, Status},
};

/// Events under way at once.
const MOST_EVENTS: usize = 32;
/// Longest wait for the broker's greeting, and for any acknowledgement.
const ANSWER: Duration = Duration::from_secs(20);
/// Longest wait until the broker takes what is written.
const WRITE: Duration = Duration::from_secs(20);
/// How often it is looked whether streams came, went or changed.
const REFRESH: Duration = Duration::from_secs(15);
/// How long acknowledgements are waited for when we stop.
const GOODBYE: Duration = Duration::from_secs(3);

/// Why the connection ended, without secrets.
#[derive(Debug)]
pub(super) struct Lost(pub(super) String);

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Self(format!("connection: {error}"))
    }
}

impl From<Broken> for Lost {
    fn from(broken: Broken) -> Self {
        Self(broken.to_string())
    }
}

/// What a packet is for.
#[derive(Clone, Copy)]
enum Purpose {
    Event(u64),
    News,
    /// Says that we are there, or gone.
    Presence,
}

/// What the broker has not acknowledged yet.
#[derive(Default)]
struct Flight {
    packets: HashMap<u16, Purpose>,
    /// Packets left of each event.
    events: BTreeMap<u64, usize>,
    news: Option<(Vec<Message>, usize)>,
    /// When it last got fewer, or began.
    progress: Option<Instant>,
}

impl Flight {
    fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }
}

/// A connection on which we are welcome.
pub(super) struct Session<'a> {
    hook: &'a Mqtt,
    status: &'a Status,
    stream: Box<dyn Stream>,
    machine: Machine,
    flight: Flight,
}

impl<'a> Session<'a> {
    /// Connects and greets; `None` when we stop meanwhile.
    pub(super) async fn open(
        hook: &'a Mqtt,
        status: &'a Status,
        stop: &CancellationToken,
    ) -> Result<Option<Self>, Lost> {
        tokio::select! {
            () = stop.cancelled() => Ok(None),
            greeted = tokio::time::timeout(ANSWER, Self::greet(hook, status)) => match greeted {
                Ok(session) => session.map(Some),
                Err(_) => Err(Lost("the broker does not greet in time".to_owned())),
            },
        }
    }

    async fn greet(hook: &'a Mqtt, status: &'a Status) -> Result<Self, Lost> {
        let mut session = Self {
            hook,
            status,
            stream: hook.link.open().await?,
            machine: Machine::new(),
            flight: Flight::default(),
        };
        let settings = &hook.settings;
        let status_topic = settings.topics.status();
        let hello = Hello {
            client_id: &settings.client_id,
            user: settings.user.as_deref(),
            password: hook.password.as_deref(),
            status_topic: &status_topic,
            qos: settings.qos,
        };
        session.machine.connect(now(), &hello)?;
        session.flush().await?;
        let mut buffer = [0; 512];
        loop {
            let count = session.stream.read(&mut buffer).await?;
            let signs = session.machine.receive(now(), heard(&buffer, count)?)?;
            if signs.contains(&Sign::Welcome) {
                return Ok(session);
            }
        }
    }

    /// Hands events on until the connection is lost (an error) or we stop.
    pub(super) async fn serve(
        mut self,
        feed: &mut Feed,
        announcer: &mut Announcer<'_>,
        stop: &CancellationToken,
    ) -> Result<(), Lost> {
        self.publish(&self.presence(b"online"), Purpose::Presence)?;
        self.status.is(State::Running);
        let mut refresh = tokio::time::interval(REFRESH);
        refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut buffer = [0; 4096];
        loop {
            self.flush().await?;
            let wake = self.wake();
            tokio::select! {
                () = stop.cancelled() => break,
                count = self.stream.read(&mut buffer) => {
                    let signs = self.machine.receive(now(), heard(&buffer, count?)?)?;
                    self.take_in(signs, feed, announcer).await;
                }
                item = feed.next(), if self.flight.events.len() < MOST_EVENTS => {
                    self.hand_on(item, feed).await?;
                }
                _ = refresh.tick(), if self.flight.news.is_none() => self.announce(announcer).await?,
                () = tokio::time::sleep_until(wake) => self.on_time()?,
            }
        }
        match tokio::time::timeout(GOODBYE, self.leave(feed, announcer)).await {
            Ok(left) => left,
            Err(_) => Err(Lost("the broker does not let us go".to_owned())),
        }
    }

    fn wake(&self) -> Instant {
        let far = Instant::now() + REFRESH;
        let timer = self.machine.deadline().map_or(far, Instant::from_std);
        let patience = self.flight.progress.map_or(far, |since| since + ANSWER);
        timer.min(patience)
    }

    fn on_time(&mut self) -> Result<(), Lost> {
        if self
            .flight
            .progress
            .is_some_and(|since| since.elapsed() >= ANSWER)
        {
            return Err(Lost("the broker does not acknowledge".to_owned()));
        }
        Ok(self.machine.on_time(now())?)
    }

    fn presence(&self, payload: &[u8]) -> Message {
        Message {
            topic: self.hook.settings.topics.status(),
            payload: payload.to_vec(),
            retain: true,
        }
    }

    /// Whether it will be acknowledged.
    fn publish(&mut self, message: &Message, purpose: Purpose) -> Result<bool, Lost> {
        let qos = self.hook.settings.qos;
        let id = self.machine.publish(now(), message, qos)?;
        if let Some(id) = id {
            self.flight.packets.insert(id, purpose);
            self.flight.progress.get_or_insert_with(Instant::now);
        }
        Ok(id.is_some())
    }

    async fn hand_on(&mut self, item: Item, feed: &mut Feed) -> Result<(), Lost> {
        let messages = self.hook.messages(&item.event).await;
        let mut left = 0;
        for message in &messages {
            left += usize::from(self.publish(message, Purpose::Event(item.seq))?);
        }
        if left > 0 {
            self.flight.events.insert(item.seq, left);
            return Ok(());
        }
        // Quality of service 0: nobody will ever say more.
        self.flush().await?;
        self.status.delivered.inc();
        feed.settle(item.seq);
        Ok(())
    }

    async fn announce(&mut self, announcer: &mut Announcer<'_>) -> Result<(), Lost> {
        let news = match announcer.news().await {
            Ok(news) => news,
            Err(error) => {
                tracing::warn!(plugin = "mqtt", %error, "streams cannot be read");
                return Ok(());
            }
        };
        let mut left = 0;
        for message in &news {
            left += usize::from(self.publish(message, Purpose::News)?);
        }
        if left > 0 {
            self.flight.news = Some((news, left));
        } else if !news.is_empty() {
            self.flush().await?;
            announcer.told(news).await;
        }
        Ok(())
    }

    async fn take_in(&mut self, signs: Vec<Sign>, feed: &mut Feed, announcer: &mut Announcer<'_>) {
        for sign in signs {
            let Sign::Done(id) = sign else {
                continue;
            };
            match self.flight.packets.remove(&id) {
                Some(Purpose::Presence) => {}
                Some(Purpose::Event(seq)) => self.event_acknowledged(seq, feed),
                Some(Purpose::News) => self.news_acknowledged(announcer).await,
                None => continue,
            }
            self.flight.progress = (!self.flight.is_empty()).then(Instant::now);
        }
    }

    fn event_acknowledged(&mut self, seq: u64, feed: &mut Feed) {
        let Some(left) = self.flight.events.get_mut(&seq) else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.flight.events.remove(&seq);
            self.status.delivered.inc();
            feed.settle(seq);
        }
    }

    async fn news_acknowledged(&mut self, announcer: &mut Announcer<'_>) {
        let Some((_, left)) = &mut self.flight.news else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left == 0
            && let Some((news, _)) = self.flight.news.take()
        {
            announcer.told(news).await;
        }
    }

    /// Waits for what is under way, says that we are gone, and takes leave.
    async fn leave(&mut self, feed: &mut Feed, announcer: &mut Announcer<'_>) -> Result<(), Lost> {
        self.land(feed, announcer).await?;
        self.publish(&self.presence(OFFLINE), Purpose::Presence)?;
        self.land(feed, announcer).await?;
        self.machine.disconnect(now())?;
        self.flush().await?;
        Ok(self.stream.shutdown().await?)
    }

    /// Waits until the broker has acknowledged everything.
    async fn land(&mut self, feed: &mut Feed, announcer: &mut Announcer<'_>) -> Result<(), Lost> {
        let mut buffer = [0; 4096];
        self.flush().await?;
        while !self.flight.is_empty() {
            let count = self.stream.read(&mut buffer).await?;
            let signs = self.machine.receive(now(), heard(&buffer, count)?)?;
            self.take_in(signs, feed, announcer).await;
            self.flush().await?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Lost> {
        let output = self.machine.take_output();
        if output.is_empty() {
            return Ok(());
        }
        let written = async {
            self.stream.write_all(&output).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(WRITE, written).await {
            Ok(done) => Ok(done?),
            Err(_) => Err(Lost("the broker does not take what is sent".to_owned())),
        }
    }
}

fn heard(buffer: &[u8], count: usize) -> Result<&[u8], Lost> {
    match buffer.get(..count) {
        Some(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(Lost("the broker closed the connection".to_owned())),
    }
}

fn now() -> std::time::Instant {
    std::time::Instant::now()
}
