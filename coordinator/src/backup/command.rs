//! The commands `backup`, `restore` and `verify`.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, BufWriter, IsTerminal, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use goshawk_proto::time::Timestamp;
use serde::Serialize;
use tokio::runtime::Handle;

use super::{
    BackupError, Manifest, Report, archive,
    control::{self, Answer, Order},
    restore::{self, open_source},
    take, verify_file, verify_folder,
};

/// Exit code when damage was found.
pub const DAMAGED: u8 = 3;
/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(500);

/// The three commands, without the settings that lead to the data folder.
pub fn commands() -> [Command; 3] {
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name)
            .value_name("PATH")
            .value_parser(value_parser!(PathBuf))
            .help(help)
    };
    let json = Arg::new("json")
        .long("json")
        .action(ArgAction::SetTrue)
        .help("Print one JSON object");
    let replace = Arg::new("replace")
        .long("replace")
        .action(ArgAction::SetTrue)
        .help("Put aside what is in the data folder");
    let codes = "Exit codes: 0 all is well, 1 it could not be done, 2 wrong usage, 3 it was done \
                 and damage was found.";
    [
        Command::new("backup")
            .about("Back up everything in the data folder, also while the coordinator runs")
            .after_help(codes)
            .arg(path("to", "File to write, or folder to put one in").required(true))
            .arg(json.clone()),
        Command::new("restore")
            .about("Put a backup back into an empty data folder")
            .after_help(codes)
            .arg(path("from", "The backup").required(true))
            .arg(replace)
            .arg(json.clone()),
        Command::new("verify")
            .about("Check every checksum, index and reference of a backup or a data folder")
            .after_help(codes)
            .arg(path(
                "what",
                "A backup or a data folder; without it, the configured one",
            ))
            .arg(json),
    ]
}

/// Runs the command `name`; the exit code when it was done.
pub fn run(name: &str, matches: &ArgMatches, data_dir: &Path) -> Result<u8, BackupError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(BackupError::Write)?;
    let runtime = runtime.handle();
    let path = |name| matches.get_one::<PathBuf>(name).cloned();
    let json = matches.get_flag("json");
    match name {
        "backup" => {
            let to = path("to").unwrap_or_default();
            let taken = backup(data_dir, &to, runtime)?;
            print(json, &taken, |out| tell_backup(out, &taken))?;
            Ok(code(taken.manifest.damaged == 0))
        }
        "restore" => {
            let from = path("from").unwrap_or_default();
            let replace = matches.get_flag("replace");
            let done = restore::restore(&from, data_dir, replace, runtime)?;
            print(json, &done, |out| tell_restored(out, data_dir, &done))?;
            Ok(code(done.report.sound))
        }
        _ => {
            let what = path("what").unwrap_or_else(|| data_dir.to_owned());
            let report = verify(&what, runtime)?;
            print(json, &report, |out| tell_report(out, &what, &report))?;
            Ok(code(report.sound))
        }
    }
}

fn code(sound: bool) -> u8 {
    if sound { 0 } else { DAMAGED }
}

fn verify(what: &Path, runtime: &Handle) -> Result<Report, BackupError> {
    if what.is_file() {
        return verify_file(what);
    }
    match control::order(what, Order::Verify)? {
        Some((Answer::Report(report), _)) => Ok(report),
        Some((Answer::Error(reason), _)) => Err(BackupError::Refused(reason)),
        Some((Answer::Ok(_), _)) => Err(BackupError::Refused("it sent no report".to_owned())),
        None => verify_folder(what, runtime),
    }
}

/// What `backup` has done.
#[derive(Serialize)]
struct Taken {
    file: PathBuf,
    bytes: u64,
    seconds: f64,
    /// Whether a running coordinator gave it.
    running: bool,
    #[serde(flatten)]
    manifest: Manifest,
}

fn backup(data_dir: &Path, to: &Path, runtime: &Handle) -> Result<Taken, BackupError> {
    let began = Instant::now();
    let file = target(to);
    let mut partial = file.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let done = write(data_dir, &partial, runtime).and_then(|running| {
        // Read once more as it lies on the disk; only then it gets its name.
        let input = File::open(&partial).map_err(BackupError::file(&partial))?;
        let manifest = archive::read(BufReader::new(input), &mut |_, _, _| Ok(()))?;
        fs::rename(&partial, &file).map_err(BackupError::file(&file))?;
        sync_folder(&file).map_err(BackupError::file(&file))?;
        Ok((running, manifest))
    });
    let (running, manifest) = done.inspect_err(|_| {
        let _ = fs::remove_file(&partial);
    })?;
    Ok(Taken {
        bytes: fs::metadata(&file).map_or(0, |meta| meta.len()),
        file,
        seconds: began.elapsed().as_secs_f64(),
        running,
        manifest,
    })
}

/// The file to write: in a folder, one that is named after the time.
fn target(to: &Path) -> PathBuf {
    if !to.is_dir() {
        return to.to_owned();
    }
    let now = Timestamp::from_system(SystemTime::now()).to_string();
    let now: String = now
        .chars()
        .take(19)
        .filter(char::is_ascii_alphanumeric)
        .collect();
    to.join(format!("goshawk-{now}Z.backup"))
}

fn sync_folder(file: &Path) -> io::Result<()> {
    match file.parent() {
        Some(folder) if folder != Path::new("") => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Writes the stream of a backup; whether a running coordinator gave it.
fn write(data_dir: &Path, partial: &Path, runtime: &Handle) -> Result<bool, BackupError> {
    let file = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(partial).map_err(BackupError::file(partial))
    };
    let (file, running) = match control::order(data_dir, Order::Backup)? {
        Some((Answer::Ok(_), stream)) => {
            let mut file = file()?;
            receive(stream, &mut file).map_err(BackupError::file(partial))?;
            (file, true)
        }
        Some((Answer::Error(reason), _)) => return Err(BackupError::Refused(reason)),
        Some((Answer::Report(_), _)) => {
            return Err(BackupError::Refused("it sent a report".to_owned()));
        }
        None => {
            let source = open_source(data_dir)?;
            let file = file()?;
            let mut progress = Progress::new(&file);
            take(
                &source,
                BufWriter::with_capacity(1 << 20, &mut progress),
                runtime,
            )?;
            progress.end();
            (file, false)
        }
    };
    file.sync_all().map_err(BackupError::file(partial))?;
    Ok(running)
}

fn receive(mut stream: impl Read, file: &mut File) -> io::Result<()> {
    let mut progress = Progress::new(file);
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        progress.write_all(&buffer[..length])?;
    }
    progress.end();
    Ok(())
}

/// Tells on a terminal how far a backup has come.
struct Progress<W> {
    out: W,
    bytes: u64,
    told: Instant,
    loud: bool,
}

impl<W: Write> Progress<W> {
    fn new(out: W) -> Self {
        Self {
            out,
            bytes: 0,
            told: Instant::now(),
            loud: io::stderr().is_terminal(),
        }
    }

    fn tell(&self) {
        // Telling is a courtesy; a closed terminal must not end a backup.
        let _ = write!(io::stderr(), "\r{} MiB", self.bytes >> 20);
    }

    fn end(self) {
        if self.loud {
            self.tell();
            let _ = writeln!(io::stderr());
        }
    }
}

impl<W: Write> Write for Progress<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.out.write(bytes)?;
        self.bytes += length as u64;
        if self.loud && self.told.elapsed() >= PROGRESS {
            self.told = Instant::now();
            self.tell();
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn print(
    json: bool,
    what: &impl Serialize,
    text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), BackupError> {
    let mut out = io::stdout().lock();
    let printed = if json {
        serde_json::to_writer(&mut out, what)
            .map_err(io::Error::from)
            .and_then(|()| writeln!(out))
    } else {
        text(&mut out)
    };
    printed.map_err(BackupError::Write)
}

fn tell_backup(out: &mut dyn Write, taken: &Taken) -> io::Result<()> {
    let manifest = &taken.manifest;
    writeln!(
        out,
        "{}: {} rows, {} images, {} files, {} bytes, {:.1} s{}",
        taken.file.display(),
        manifest.rows,
        manifest.blobs,
        manifest.files,
        taken.bytes,
        taken.seconds,
        if taken.running {
            ", coordinator running"
        } else {
            ""
        },
    )?;
    if manifest.damaged > 0 {
        let count = manifest.damaged;
        writeln!(
            out,
            "{count} rows or images were damaged already; `verify` names them"
        )?;
    }
    Ok(())
}

fn tell_restored(out: &mut dyn Write, data_dir: &Path, done: &restore::Restored) -> io::Result<()> {
    let shown = data_dir.display();
    writeln!(
        out,
        "{shown}: {} rows, {} images, {} files as they were at {}",
        done.rows, done.blobs, done.files, done.made_at
    )?;
    if let Some(aside) = &done.put_aside {
        writeln!(out, "what was there is in {}", aside.display())?;
    }
    tell_report(out, data_dir, &done.report)
}

fn tell_report(out: &mut dyn Write, what: &Path, report: &Report) -> io::Result<()> {
    if let Some(made_at) = report.made_at {
        writeln!(out, "made at {made_at}")?;
    }
    for (kind, count) in &report.rows {
        writeln!(out, "{count:>10}  {kind}")?;
    }
    writeln!(out, "{:>10}  image or sample", report.blobs)?;
    if report.absent_blobs > 0 {
        let count = report.absent_blobs;
        writeln!(
            out,
            "{count:>10}  named by a row and not there: removed, or lost"
        )?;
    }
    if report.unread > 0 {
        writeln!(out, "{:>10}  looked at by checksum only", report.unread)?;
    }
    for (kind, message) in &report.findings {
        writeln!(out, "FAULT {kind}: {message}")?;
    }
    let told = report.findings.len() as u64;
    if report.faults > told {
        writeln!(out, "and {} more faults", report.faults - told)?;
    }
    let verdict = if report.sound { "sound" } else { "DAMAGED" };
    writeln!(out, "{}: {verdict}", what.display())
}
