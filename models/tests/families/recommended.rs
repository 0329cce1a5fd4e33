//! Fetching recommended models from a server of the test: what is taken, what is refused, and
//! that a refusal changes nothing.

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
};

use goshawk_models::{
    RuntimeOptions,
    install::{DownloadError, Home, Offer, OfferError, RECOMMENDED, Taken, Terms, in_place, take},
    manifest::{self, Manifest},
};

use crate::{
    folder::{Quiet, example, with_checksum},
    home,
    net::Net,
};

/// How the server answers.
#[derive(Clone)]
enum Manner {
    /// Everything, and the rest of it where that is asked for.
    Good(Vec<u8>),
    /// Everything, whatever part is asked for.
    NoParts(Vec<u8>),
    /// Promises everything and hangs up in the middle.
    HangsUp(Vec<u8>),
    /// Sends this without saying how long it is.
    Endless(Vec<u8>),
    /// It does not have it.
    NotFound,
}

struct Server {
    address: String,
    manner: Arc<Mutex<Manner>>,
    /// The first lines and ranges of all requests.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: format!("http://{}/models", listener.local_addr().unwrap()),
            manner: Arc::new(Mutex::new(manner)),
            asked: Arc::default(),
        };
        let (manner, asked) = (server.manner.clone(), server.asked.clone());
        thread::spawn(move || {
            for connection in listener.incoming() {
                let manner = manner.lock().unwrap().clone();
                let request = read_request(&mut connection.unwrap(), &manner);
                asked.lock().unwrap().push(request);
            }
        });
        server
    }

    fn behave(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn read_request(connection: &mut TcpStream, manner: &Manner) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() == 1 {
        request.push(byte[0]);
    }
    let request = String::from_utf8(request).unwrap().to_lowercase();
    let from = request
        .split("range: bytes=")
        .nth(1)
        .and_then(|r| r.split('-').next()?.parse::<usize>().ok());
    let (head, body) = answer(manner, from);
    // The client may have hung up: it has its reasons.
    let _ = connection.write_all(head.as_bytes());
    let _ = connection.write_all(&body);
    let line = request.lines().next().unwrap_or_default();
    format!("{line} from {}", from.unwrap_or(0))
}

fn answer(manner: &Manner, from: Option<usize>) -> (String, Vec<u8>) {
    let whole = |length: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    match manner {
        Manner::Good(body) => match from {
            Some(from) => {
                let (rest, all) = (body[from..].to_vec(), body.len());
                let head = format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {from}-{}/{all}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    all - 1,
                    rest.len()
                );
                (head, rest)
            }
            None => (whole(body.len()), body.clone()),
        },
        Manner::NoParts(body) => (whole(body.len()), body.clone()),
        Manner::HangsUp(body) => (whole(body.len()), body[..body.len() / 2].to_vec()),
        Manner::Endless(body) => (
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_owned(),
            body.clone(),
        ),
        Manner::NotFound => (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            Vec::new(),
        ),
    }
}

/// An empty home, an offer, and the file that is meant by it.
struct World {
    home: tempfile::TempDir,
    library: PathBuf,
    offer: Offer,
    file: Vec<u8>,
}

impl World {
    fn new() -> Option<Self> {
        let library = RuntimeOptions::at_home(&home::home()?).library;
        let net = Net::new("input", &[-1, 3, 96, 96]).mean("input");
        let file = net
            .op("Identity", &["mean"], "scores", Vec::new())
            .output("scores", &[-1, 3])
            .bytes();
        let text = with_checksum(&example("classifier"), &file);
        let manifest = Manifest::parse("classifier.toml", &text).unwrap();
        Some(Self {
            home: tempfile::tempdir().unwrap(),
            library,
            offer: Offer {
                manifest,
                text,
                url: "https://models.invalid/glasses.onnx".to_owned(),
                bytes: file.len() as u64,
            },
            file,
        })
    }

    fn home(&self) -> Home {
        Home::new(self.home.path())
    }

    fn take(&self, server: &Server) -> Result<Taken, OfferError> {
        let terms = Terms {
            mirror: Some(server.address.clone()),
            ..Terms::default()
        };
        self.take_by(&terms)
    }

    fn take_by(&self, terms: &Terms) -> Result<Taken, OfferError> {
        let options = RuntimeOptions::new(&self.library);
        take(&self.offer, &self.home(), terms, &options, &mut Quiet)
    }

    fn downloads(&self) -> Vec<String> {
        let Ok(files) = fs::read_dir(self.home().downloads()) else {
            return Vec::new();
        };
        files
            .map(|f| f.unwrap().file_name().to_string_lossy().into_owned())
            .collect()
    }

    fn is_untouched(&self) -> bool {
        !in_place(&self.offer, &self.home())
            && fs::read_dir(self.home().models()).map_or(0, Iterator::count) == 0
    }
}

fn download(error: OfferError) -> DownloadError {
    match error {
        OfferError::Download { source, .. } => *source,
        other => panic!("{other}"),
    }
}

#[test]
fn a_good_file_is_added_and_not_fetched_again() {
    let Some(world) = World::new() else { return };
    let server = Server::new(Manner::Good(world.file.clone()));
    assert_eq!(world.take(&server).unwrap(), Taken::Added);
    let installed = manifest::read_dir(&world.home().models()).unwrap();
    assert_eq!(
        installed.as_slice(),
        std::slice::from_ref(&world.offer.manifest)
    );
    assert!(in_place(&world.offer, &world.home()));
    assert_eq!(
        world.downloads(),
        Vec::<String>::new(),
        "nothing is left over"
    );
    assert_eq!(world.take(&server).unwrap(), Taken::InPlace);
    let want = format!("get /models/{} http/1.1 from 0", world.offer.manifest.file);
    assert_eq!(server.asked(), [want]);
}

#[test]
fn another_file_of_the_same_length_is_refused_and_not_kept() {
    let Some(world) = World::new() else { return };
    let mut other = world.file.clone();
    other[100] ^= 1;
    let server = Server::new(Manner::Good(other));
    let error = download(world.take(&server).unwrap_err());
    assert!(matches!(error, DownloadError::Checksum { .. }), "{error}");
    assert!(world.is_untouched() && world.downloads().is_empty());
}

#[test]
fn what_was_cut_off_goes_on_where_it_ended() {
    let Some(world) = World::new() else { return };
    let server = Server::new(Manner::HangsUp(world.file.clone()));
    let half = world.file.len() / 2;
    match download(world.take(&server).unwrap_err()) {
        DownloadError::Short { want, found } => {
            assert_eq!((want, found), (world.offer.bytes, half as u64));
        }
        other => panic!("{other}"),
    }
    assert!(world.is_untouched());
    server.behave(Manner::Good(world.file.clone()));
    assert_eq!(world.take(&server).unwrap(), Taken::Added);
    assert!(
        server.asked()[1].ends_with(&format!("from {half}")),
        "{:?}",
        server.asked()
    );
}

#[test]
fn a_server_that_cannot_go_on_is_asked_from_the_beginning() {
    let Some(world) = World::new() else { return };
    let server = Server::new(Manner::HangsUp(world.file.clone()));
    world.take(&server).unwrap_err();
    server.behave(Manner::NoParts(world.file.clone()));
    assert_eq!(world.take(&server).unwrap(), Taken::Added);
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn a_file_that_is_too_long_is_stopped() {
    let Some(world) = World::new() else { return };
    let mut longer = world.file.clone();
    longer.resize(world.file.len() + 10_000_000, 7);
    for manner in [Manner::Good(longer.clone()), Manner::Endless(longer)] {
        let server = Server::new(manner);
        let error = download(world.take(&server).unwrap_err());
        assert!(matches!(error, DownloadError::TooLong(_)), "{error}");
        assert!(world.is_untouched() && world.downloads().is_empty());
    }
}

#[test]
fn an_error_names_the_model_the_address_and_the_way_round() {
    let Some(world) = World::new() else { return };
    let server = Server::new(Manner::NotFound);
    let error = world.take(&server).unwrap_err().to_string();
    let address = format!("{}/{}", server.address, world.offer.manifest.file);
    for part in [
        world.offer.manifest.name.as_str(),
        &address,
        "404",
        &world.offer.manifest.sha256.to_string(),
        &world.home().downloads().display().to_string(),
    ] {
        assert!(error.contains(part), "{part:?} is not in {error}");
    }
    assert!(world.is_untouched() && world.downloads().is_empty());
    // And the way round works.
    let by_hand = world.home().downloads().join(&world.offer.manifest.file);
    fs::write(by_hand, &world.file).unwrap();
    assert_eq!(world.take(&server).unwrap(), Taken::Added);
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn an_address_without_a_server_is_a_precise_error() {
    let Some(world) = World::new() else { return };
    let error = world.take_by(&Terms::default()).unwrap_err().to_string();
    assert!(
        error.contains("https://models.invalid/glasses.onnx"),
        "{error}"
    );
    assert!(world.is_untouched());
}

#[test]
fn no_commercial_use_has_to_be_accepted_before_anything_is_fetched() {
    let Some(mut world) = World::new() else {
        return;
    };
    world.offer.manifest.licence.commercial = Some(false);
    let server = Server::new(Manner::Good(world.file.clone()));
    let error = world.take(&server).unwrap_err();
    assert!(matches!(error, OfferError::NonCommercial { .. }), "{error}");
    assert!(error.to_string().contains("--accept-non-commercial"));
    assert!(server.asked().is_empty() && world.is_untouched());
    let terms = Terms {
        accept_non_commercial: true,
        mirror: Some(server.address.clone()),
        ..Terms::default()
    };
    assert_eq!(world.take_by(&terms).unwrap(), Taken::Added);
}

#[test]
fn the_list_can_be_read_and_nobody_gets_other_descriptors_unasked() {
    let offers = Offer::read(RECOMMENDED).unwrap();
    assert_eq!(offers.len(), RECOMMENDED.len(), "each can be fetched");
    for offer in &offers {
        let manifest = &offer.manifest;
        assert!(offer.url.starts_with("https://") && offer.url.ends_with(&manifest.file));
        assert!(offer.bytes > 1000, "{}", manifest.name);
        let describes = manifest.descriptor.is_some();
        assert_eq!(offer.only_by_name(), describes, "{}", manifest.name);
    }
    assert!(offers.iter().any(Offer::only_by_name));
    assert!(offers.iter().any(|o| !o.only_by_name()));
}
