//! Accounts of the installation, and our own.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use serde::Serialize;

use super::list;
use crate::{
    args::{Filters, Limit},
    client::Client,
    failure::Failure,
    output::{Column, Output},
    secret::{self, Secret},
};

const COLUMNS: &[Column] = &[
    Column::new("ACCOUNT ID", "/account_id"),
    Column::new("LOGIN", "/login"),
    Column::new("TYPE", "/account_type"),
    Column::new("CREATED", "/create_time"),
    Column::new("DESCRIPTION", "/description"),
];

/// `goshawk accounts`.
#[derive(Debug, Subcommand)]
pub enum Accounts {
    /// All accounts.
    List {
        /// Those of this type.
        #[arg(long, value_enum)]
        account_type: Option<AnyType>,
        #[command(flatten)]
        filters: Filters,
        #[command(flatten)]
        limit: Limit,
    },
    /// Make an account; its password is asked for, or read from a file.
    Create {
        /// Login, `name@domain.zone`.
        #[arg(value_name = "LOGIN")]
        new_login: String,
        /// What it may do.
        #[arg(long, value_enum, default_value_t = AccountType::User)]
        account_type: AccountType,
        /// Free text of at most 128 characters.
        #[arg(long)]
        description: Option<String>,
        /// File whose first line is the new account's password; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
    /// Our own account.
    Show,
    /// Change our own account.
    #[command(group(clap::ArgGroup::new("change").required(true).multiple(true)))]
    Update {
        /// New login.
        #[arg(long, group = "change")]
        new_login: Option<String>,
        /// New type.
        #[arg(long, value_enum, group = "change")]
        account_type: Option<AccountType>,
        /// New description.
        #[arg(long, group = "change")]
        description: Option<String>,
    },
    /// Change our own password; it is asked for twice, or read from a file.
    Password {
        /// File whose first line is the new password; `-` is standard input.
        #[arg(long, value_name = "FILE")]
        new_password_file: Option<PathBuf>,
    },
}

/// Types that an account can be given.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum AccountType {
    /// Sees its own data.
    User,
    /// Sees the data of all.
    AdvancedUser,
}

/// Types that an account can have.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum AnyType {
    /// Sees its own data.
    User,
    /// Sees the data of all.
    AdvancedUser,
    /// Manages the installation.
    Admin,
}

/// What is made or changed; what is absent stays or takes the default.
#[derive(Default, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_type: Option<AccountType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
}

/// Runs an `accounts` command.
pub async fn run(client: &Client, command: Accounts, output: &mut Output) -> Result<(), Failure> {
    match command {
        Accounts::List {
            account_type,
            filters,
            limit,
        } => {
            let kind = account_type.and_then(|kind| kind.to_possible_value());
            let request = client
                .get("/6/accounts")
                .query_some("account_type", kind.map(|kind| kind.get_name().to_owned()))
                .filters(&filters.filters);
            list(output, request.pages("accounts", limit.get()), COLUMNS).await
        }
        Accounts::Create {
            new_login,
            account_type,
            description,
            new_password_file,
        } => {
            let password = new_password(new_password_file, &new_login)?;
            let body = Body {
                login: Some(&new_login),
                password: Some(password.expose()),
                account_type: Some(account_type),
                description: description.as_deref(),
            };
            let made = client.post("/6/accounts").json(&body)?.value().await?;
            output.made(&made, "account_id")
        }
        Accounts::Show => output.object(&client.get("/6/account").value().await?),
        Accounts::Update {
            new_login,
            account_type,
            description,
        } => {
            let body = Body {
                login: new_login.as_deref(),
                account_type,
                description: description.as_deref(),
                ..Body::default()
            };
            client.patch("/6/account").json(&body)?.done().await?;
            output.done("changed")
        }
        Accounts::Password { new_password_file } => {
            let password = new_password(new_password_file, "the account")?;
            let body = Body {
                password: Some(password.expose()),
                ..Body::default()
            };
            client.patch("/6/account").json(&body)?.done().await?;
            output.done("changed; a profile still holds the old one until `goshawk login`")
        }
    }
}

/// A new password from a file, or asked for twice.
fn new_password(file: Option<PathBuf>, whose: &str) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return secret::read(&file);
    }
    let first = secret::ask(&format!("New password of {whose}"))?;
    if secret::ask("Once more")? != first {
        return Err(Failure::Usage("the two are not the same".to_owned()));
    }
    Ok(first)
}
