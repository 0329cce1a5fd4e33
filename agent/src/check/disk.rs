//! The state folder, the outbox and the certificate.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use goshawk_proto::{link::Assignments, time::Timestamp};
use rustix::fs::{Access, access};

use super::Report;
use crate::{app::papers::Papers, assign::FILE as ASSIGNMENTS, config::Config, enrol::Identity};

/// Time before a certificate's end from which an operator should know.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

pub(super) fn look(config: &Config, report: &mut Report) {
    state(&config.state_dir, report);
    space(config, report);
    assignments(&config.state_dir, report);
    identity(config, report);
}

fn state(dir: &Path, report: &mut Report) {
    let about = "state_dir";
    let Some(there) = nearest(dir) else {
        return report.wrong(about, format!("{} cannot be made", dir.display()));
    };
    if !there.is_dir() {
        return report.wrong(about, format!("{} is no folder", there.display()));
    }
    if let Err(error) = access(&there, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        return report.wrong(
            about,
            format!("{} cannot be written to: {error}", there.display()),
        );
    }
    if there != dir {
        return report.right(about, format!("{} will be made", dir.display()));
    }
    let mode = std::fs::metadata(dir).map(|data| data.permissions().mode() & 0o777);
    match mode {
        Ok(mode) if mode & 0o077 != 0 => report.doubt(
            about,
            format!(
                "{} is open to others (mode {mode:o}); want 700",
                dir.display()
            ),
        ),
        Ok(_) => report.right(about, format!("{} can be written to", dir.display())),
        Err(error) => report.wrong(about, format!("{}: {error}", dir.display())),
    }
}

/// The folder itself, or the nearest one above it that is there.
fn nearest(dir: &Path) -> Option<PathBuf> {
    let absolute = std::path::absolute(dir).ok()?;
    let mut above = absolute.ancestors();
    let found = above.find(|path| path.exists())?.to_owned();
    Some(if found == absolute {
        dir.to_owned()
    } else {
        found
    })
}

fn space(config: &Config, report: &mut Report) {
    let about = "outbox";
    let place = nearest(&config.state_dir.join("outbox"));
    let disk = place.and_then(|place| rustix::fs::statvfs(&place).ok());
    let Some(disk) = disk else {
        return report.wrong(about, "its disk cannot be looked at");
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let (want, most) = (config.outbox_min_free.0, config.outbox_max.0);
    let mib = |bytes: u64| bytes >> 20;
    let free_text = format!("{} MiB are free on its disk", mib(free));
    if free < want {
        report.wrong(
            about,
            format!(
                "{free_text}, and outbox.min_free leaves {} MiB free",
                mib(want)
            ),
        );
    } else if free - want < most {
        report.doubt(
            about,
            format!(
                "{free_text}: less than outbox.max_bytes ({} MiB) beside outbox.min_free",
                mib(most)
            ),
        );
    } else {
        report.right(about, free_text);
    }
}

fn assignments(state_dir: &Path, report: &mut Report) {
    let about = "streams";
    let path = state_dir.join(ASSIGNMENTS);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return report.right(about, "none assigned yet");
        }
        Err(error) => return report.wrong(about, format!("{}: {error}", path.display())),
    };
    // The parser's message may quote the file, which may hold passwords.
    match serde_json::from_slice::<Assignments>(&bytes) {
        Ok(last) if !last.streams.is_empty() => {
            report.right(about, format!("{} assigned last", last.streams.len()));
        }
        Ok(_) => report.right(about, "none assigned last"),
        Err(_) => report.doubt(
            about,
            format!("{} is damaged and will be ignored", path.display()),
        ),
    }
}

fn identity(config: &Config, report: &mut Report) {
    let about = "identity";
    match Papers::find(config) {
        Ok(Papers::Identity(identity)) => {
            let now = Timestamp::from_system(SystemTime::now());
            validity(&identity, now, report);
        }
        Ok(Papers::Token(request)) => report.right(
            about,
            format!(
                "not enrolled yet; a join token for {} is set",
                request.coordinator
            ),
        ),
        Err(error) => report.wrong(about, error),
    }
}

fn validity(identity: &Identity, now: Timestamp, report: &mut Report) {
    let about = "identity";
    let agent = identity.agent_id();
    let Some((from, until)) = identity.validity() else {
        return report.wrong(about, "the certificate cannot be read");
    };
    if now < from {
        report.wrong(
            about,
            format!("agent {agent}: its certificate counts from {from} on; is this clock right?"),
        );
    } else if now >= until {
        report.wrong(
            about,
            format!("agent {agent}: its certificate ended at {until}; enrol again"),
        );
    } else if until.since(now) < SOON {
        report.doubt(
            about,
            format!("agent {agent}: its certificate ends soon, at {until}"),
        );
    } else {
        report.right(
            about,
            format!("agent {agent}, with a certificate until {until}"),
        );
    }
}
