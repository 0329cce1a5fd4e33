//! The administrator's account, made at the first start.

use std::{fs, io, path::Path};

use goshawk_coordinator_core::{
    account::{Account, AccountType},
    formats::{Login, Password},
    query::Page,
};
use goshawk_proto::{id::AccountId, settings::Secret, time::Timestamp};
use rand::Rng;

use super::StartError;
use crate::{auth::password, config::Config, files, store::Store};

/// Name of the file that holds a made-up password, where the settings ask for it.
pub const FILE: &str = "bootstrap-credentials";
/// Characters of a made-up password, those easily mistaken for each other left out.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// Length of a made-up password: 20 characters out of 54 are 115 bits.
const LENGTH: usize = 20;

/// Makes the account unless there is one already. Blocks.
pub fn ensure(config: &Config, store: &dyn Store, now: Timestamp) -> Result<(), StartError> {
    if !store.accounts(Page { number: 1, size: 1 })?.is_empty() {
        return Ok(());
    }
    if Login::new(config.bootstrap_login.clone()).is_err() {
        let reason = format!(
            "bootstrap.login `{}` is not of the form name@domain.zone in lower case",
            config.bootstrap_login
        );
        return Err(StartError::Bootstrap(reason));
    }
    let (password, made_up) = match given(config)? {
        Some(password) => (password, false),
        None => (made_up_password(), true),
    };
    if Password::new(password.clone()).is_err() {
        return Err(StartError::Bootstrap(
            "the bootstrap password must have 3 to 128 characters on one line".to_owned(),
        ));
    }
    let password_hash =
        password::hash(&password).map_err(|error| StartError::Bootstrap(error.to_string()))?;
    let account = Account {
        account_id: AccountId::random(),
        login: config.bootstrap_login.clone(),
        password_hash,
        account_type: AccountType::Admin,
        description: "administrator".to_owned(),
        create_time: now,
        last_update_time: now,
    };
    // The password is told before the account exists: a crash between the two costs nothing,
    // the other way round nobody would know the password.
    if made_up {
        tell(config, &password)?;
    }
    store.create_account(&account)?;
    tracing::info!(login = account.login, account_id = %account.account_id, "administrator's account made");
    Ok(())
}

fn given(config: &Config) -> Result<Option<String>, StartError> {
    if let Some(password) = &config.bootstrap_password {
        return Ok(Some(Secret::expose(password).to_owned()));
    }
    let Some(path) = &config.bootstrap_password_file else {
        return Ok(None);
    };
    let text = fs::read_to_string(path).map_err(|error| {
        StartError::Bootstrap(format!(
            "bootstrap.password_file {}: {error}",
            path.display()
        ))
    })?;
    Ok(text.lines().next().map(str::to_owned))
}

fn made_up_password() -> String {
    let mut rng = rand::rng();
    (0..LENGTH)
        .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
        .collect()
}

fn tell(config: &Config, password: &str) -> Result<(), StartError> {
    if config.bootstrap_save {
        let path = config.data_dir.join(FILE);
        return save(&path, &config.bootstrap_login, password)
            .map_err(|error| StartError::Bootstrap(format!("{}: {error}", path.display())));
    }
    // Not through the log, which may be shipped elsewhere; shown this once only.
    let mut out = io::stderr().lock();
    let text = format!(
        "\n  Administrator's account (shown once):\n    login    {}\n    password {password}\n\n",
        config.bootstrap_login
    );
    io::Write::write_all(&mut out, text.as_bytes())
        .map_err(|error| StartError::Bootstrap(error.to_string()))
}

fn save(path: &Path, login: &str, password: &str) -> io::Result<()> {
    files::write_whole(path, format!("{login}:{password}\n").as_bytes())?;
    tracing::info!("administrator's credentials are in {}", path.display());
    Ok(())
}
