//! Profiles of the configuration file. Secrets are never shown.

use clap::Subcommand;
use serde_json::{Value, json};

use crate::{
    args::Connection,
    failure::Failure,
    output::{Column, Output},
    profile::{self, File},
    settings::variable,
};

const COLUMNS: &[Column] = &[
    Column::new("PROFILE", "/name"),
    Column::new("DEFAULT", "/default"),
    Column::new("URL", "/url"),
    Column::new("LOGIN", "/login"),
    Column::new("HOLDS", "/holds"),
];

/// `goshawk profiles`.
#[derive(Debug, Subcommand)]
pub enum Profiles {
    /// All profiles.
    List,
    /// Where the configuration file is.
    Path,
    /// Use a profile where none is named.
    Use {
        /// Its name.
        name: String,
    },
    /// Forget a profile and what it holds.
    #[command(visible_alias = "delete")]
    Remove {
        /// Its name.
        name: String,
    },
}

/// Runs a `profiles` command.
pub fn run(flags: &Connection, command: Profiles, output: &mut Output) -> Result<(), Failure> {
    let path = profile::path(flags.config.as_deref(), variable)?;
    let mut file = File::load(&path)?;
    match command {
        Profiles::List => {
            let mut rows = output.rows(COLUMNS);
            rows.page(&shown(&file))?;
            rows.end()
        }
        Profiles::Path => output.text(&path.display().to_string()),
        Profiles::Use { name } => {
            file.find(Some(&name))?;
            file.default = Some(name.clone());
            file.save(&path)?;
            output.done(format!("`{name}` is used where no profile is named"))
        }
        Profiles::Remove { name } => {
            file.find(Some(&name))?;
            file.profiles.remove(&name);
            if file.default.as_ref() == Some(&name) {
                file.default = None;
            }
            file.save(&path)?;
            output.done(format!("profile `{name}` is forgotten"))
        }
    }
}

fn shown(file: &File) -> Vec<Value> {
    let default = file.default.as_deref().unwrap_or(profile::DEFAULT);
    let rows = file.profiles.iter().map(|(name, profile)| {
        let holds = match (&profile.token, &profile.password) {
            (Some(_), _) => "token",
            (None, Some(_)) => "password",
            (None, None) => "no secret",
        };
        json!({
            "name": name,
            "default": name == default,
            "url": profile.url,
            "login": profile.login,
            "holds": holds,
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_shown() {
        let text = "[profiles.a]\nurl = 'https://a'\ntoken = 'hunter2'";
        let file: File = toml::from_str(text).unwrap();
        let rows = shown(&file);
        assert_eq!(rows[0]["holds"], "token");
        assert!(!json!(rows).to_string().contains("hunter2"));
    }
}
