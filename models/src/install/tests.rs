//! Whole installations with a small plan and packages made here.

use std::{cell::RefCell, io::Write};

use super::*;

/// Gives packages out of memory, and counts.
#[derive(Default)]
struct FakeFetch {
    packages: BTreeMap<&'static str, Vec<u8>>,
    calls: RefCell<Vec<&'static str>>,
}

impl Fetch for FakeFetch {
    fn fetch(
        &self,
        download: &Download,
        into: &Path,
        tick: &mut dyn FnMut(),
    ) -> Result<PathBuf, FetchError> {
        tick();
        self.calls.borrow_mut().push(download.file);
        let Some(content) = self.packages.get(download.file) else {
            return Err(FetchError::NoFile {
                command: "fake".into(),
                file: download.file,
            });
        };
        let path = into.join(download.file);
        fs::write(&path, content).unwrap();
        Ok(path)
    }
}

#[derive(Default)]
struct Notes(Vec<String>);

impl Report for Notes {
    fn begin(&mut self, _: &str) {}
    fn tick(&mut self) {}
    fn end(&mut self) {}
    fn note(&mut self, what: &str) {
        self.0.push(what.to_owned());
    }
}

fn wheel(member: &str, content: &[u8]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    writer
        .start_file(member, zip::write::SimpleFileOptions::default())
        .unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap().into_inner()
}

struct Case {
    dir: tempfile::TempDir,
    plan: Plan,
    fetch: FakeFetch,
}

impl Case {
    fn new() -> Self {
        let package = wheel("in/side", b"content");
        let download = Download {
            about: "a package",
            source: Source::Npm("a"),
            file: "a.whl",
            sha256: Checksum::of(&package),
        };
        let artifacts = vec![
            Artifact {
                path: "models/file".into(),
                sha256: Checksum::of(b"content"),
                recipe: Recipe::Member {
                    download: 0,
                    member: "in/side",
                },
            },
            Artifact {
                path: "models/text".into(),
                sha256: Checksum::of(b"text"),
                recipe: Recipe::Text("text"),
            },
        ];
        let mut fetch = FakeFetch::default();
        fetch.packages.insert("a.whl", package);
        Self {
            dir: tempfile::tempdir().unwrap(),
            plan: Plan {
                downloads: vec![download],
                artifacts,
            },
            fetch,
        }
    }

    fn home(&self) -> Home {
        Home::new(self.dir.path().join("home"))
    }

    fn install(&self) -> (Result<Summary, InstallError>, Vec<String>) {
        let mut notes = Notes::default();
        let result = install(&self.plan, &self.home(), &self.fetch, &mut notes);
        (result, notes.0)
    }

    fn calls(&self) -> usize {
        self.fetch.calls.borrow().len()
    }

    fn file(&self) -> PathBuf {
        self.home().path().join("models/file")
    }

    /// Names of everything in the home that was not finished.
    fn leftovers(&self) -> Vec<PathBuf> {
        let folders = [self.home().models(), self.home().downloads()];
        let entries = folders
            .iter()
            .filter_map(|f| fs::read_dir(f).ok())
            .flatten();
        entries
            .map(|e| e.unwrap().path())
            .filter(|p| p.to_string_lossy().contains(place::PARTIAL))
            .collect()
    }
}

#[test]
fn a_second_run_fetches_nothing() {
    let case = Case::new();
    assert_eq!(
        case.install().0.unwrap(),
        Summary {
            kept: 0,
            made: 2,
            fetched: 1
        }
    );
    assert_eq!(fs::read(case.file()).unwrap(), b"content");
    assert_eq!(
        case.install().0.unwrap(),
        Summary {
            kept: 2,
            made: 0,
            fetched: 0
        }
    );
    assert_eq!(case.calls(), 1);
    assert!(case.leftovers().is_empty());
    assert!(verify(&case.plan, &case.home()).is_ok());
}

#[test]
fn a_wrong_file_is_named_and_replaced_without_fetching_again() {
    let case = Case::new();
    case.install().0.unwrap();
    fs::write(case.file(), b"contents").unwrap();
    let checks = verify(&case.plan, &case.home()).unwrap();
    let wrong: Vec<_> = checks.iter().filter(|c| c.result.is_err()).collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0].path, case.file());
    let (summary, notes) = case.install();
    assert_eq!(
        summary.unwrap(),
        Summary {
            kept: 1,
            made: 1,
            fetched: 0
        }
    );
    assert!(
        notes[0].contains("models/file is not the pinned file"),
        "{notes:?}"
    );
    assert_eq!(fs::read(case.file()).unwrap(), b"content");
}

#[test]
fn a_truncated_download_is_refused_and_a_later_run_recovers() {
    let mut case = Case::new();
    let whole = case.fetch.packages["a.whl"].clone();
    case.fetch
        .packages
        .insert("a.whl", whole[..whole.len() / 2].to_vec());
    let error = case.install().0.unwrap_err();
    assert!(
        matches!(error, InstallError::Corrupt { file: "a.whl", .. }),
        "{error}"
    );
    assert!(error.to_string().contains("Run the command again"));
    assert!(!case.file().exists() && !case.home().downloads().join("a.whl").exists());
    assert!(case.leftovers().is_empty());
    case.fetch.packages.insert("a.whl", whole);
    case.install().0.unwrap();
}

#[test]
fn a_corrupted_package_in_the_cache_is_fetched_again() {
    let case = Case::new();
    case.install().0.unwrap();
    fs::remove_file(case.file()).unwrap();
    fs::write(case.home().downloads().join("a.whl"), b"rubbish").unwrap();
    let (summary, notes) = case.install();
    assert_eq!(summary.unwrap().fetched, 1);
    assert!(
        notes[0].contains("a.whl is not the pinned package"),
        "{notes:?}"
    );
}

#[test]
fn a_failed_fetch_keeps_what_is_done() {
    let mut case = Case::new();
    case.plan.artifacts.reverse();
    case.fetch.packages.clear();
    assert!(matches!(case.install().0, Err(InstallError::Fetch(_))));
    assert!(case.home().path().join("models/text").exists());
    assert!(case.leftovers().is_empty());
}

#[test]
fn leftovers_of_a_killed_run_are_swept() {
    let case = Case::new();
    fs::create_dir_all(case.home().models()).unwrap();
    fs::write(case.home().models().join(".part-file"), b"cont").unwrap();
    fs::create_dir_all(case.home().downloads().join(".part-a.whl")).unwrap();
    case.install().0.unwrap();
    assert!(case.leftovers().is_empty());
}

#[test]
fn what_is_made_is_checked_too() {
    let mut case = Case::new();
    case.plan.artifacts[0].sha256 = Checksum::of(b"other");
    assert!(matches!(case.install().0, Err(InstallError::Made { .. })));
    assert!(!case.file().exists());
    case.plan.artifacts[0].recipe = Recipe::Member {
        download: 0,
        member: "absent",
    };
    assert!(matches!(
        case.install().0,
        Err(InstallError::Archive { .. })
    ));
}

#[test]
fn models_of_the_operator_are_verified_too() {
    let case = Case::new();
    case.install().0.unwrap();
    let (_, text) = crate::manifest::EMBEDDED[0];
    fs::write(case.home().models().join("mine.toml"), text).unwrap();
    fs::write(case.home().models().join("blazeface.onnx"), b"rubbish").unwrap();
    let checks = verify(&case.plan, &case.home()).unwrap();
    assert_eq!(checks.len(), 3);
    assert!(matches!(
        checks[2].result,
        Err(ModelFileError::Checksum { .. })
    ));
    fs::write(
        case.home().models().join("mine.toml"),
        text.replace("[input]", "[inputs]"),
    )
    .unwrap();
    let error = verify(&case.plan, &case.home()).unwrap_err().to_string();
    assert!(
        error.contains("mine.toml: inputs: unknown key; did you mean `input`?"),
        "{error}"
    );
}
