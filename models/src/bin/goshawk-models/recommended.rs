//! `goshawk-models install recommended`.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::bail;
use clap::Args;
use goshawk_models::{
    RuntimeOptions,
    install::{Home, Offer, RECOMMENDED, Taken, Terms, in_place, take},
};

use crate::{Progress, list::commercial};

#[derive(Args)]
pub struct Recommended {
    /// Which ones; without names all but those that make other descriptors
    names: Vec<String>,
    /// Show what there is; fetch nothing
    #[arg(long)]
    list: bool,
    /// Take models whose licence does not allow commercial use
    #[arg(long)]
    accept_non_commercial: bool,
    /// Replace installed models of the same names
    #[arg(long)]
    replace: bool,
    /// Fetch URL/FILE in place of the published addresses; the checksums stay
    #[arg(long, value_name = "URL", value_parser = address)]
    mirror: Option<String>,
}

fn address(text: &str) -> Result<String, String> {
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(text.to_owned());
    }
    Err("want an address that begins with https:// or http://".to_owned())
}

/// Shows, or fetches and adds, one after the other; a failure does not keep the others out.
pub fn run(home: &Home, wish: &Recommended, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let offers = Offer::read(RECOMMENDED)?;
    let names: Vec<&str> = offers.iter().map(|o| o.manifest.name.as_str()).collect();
    if let Some(unknown) = wish.names.iter().find(|n| !names.contains(&n.as_str())) {
        bail!(
            "no model called {unknown:?} is recommended; there are {}",
            names.join(", ")
        );
    }
    let wanted = |offer: &&Offer| match wish.names.as_slice() {
        [] => wish.list || !offer.only_by_name(),
        names => names.contains(&offer.manifest.name),
    };
    let terms = Terms {
        accept_non_commercial: wish.accept_non_commercial,
        replace: wish.replace,
        mirror: wish.mirror.clone(),
    };
    let options = RuntimeOptions::new(home.onnx_runtime());
    let mut failed = 0;
    for offer in offers.iter().filter(wanted) {
        print_offer(offer, home, out)?;
        if wish.list {
            continue;
        }
        let mut progress = Progress::default();
        let taken = take(offer, home, &terms, &options, &mut progress);
        progress.clear();
        match taken {
            Ok(Taken::InPlace) => {}
            Ok(Taken::Added) => writeln!(out, "  added; programs use it from their next start on")?,
            Err(error) => {
                failed += 1;
                eprintln!("error: {error}");
            }
        }
    }
    if failed > 0 {
        eprintln!("{failed} of the recommended models could not be installed");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_offer(offer: &Offer, home: &Home, out: &mut dyn Write) -> io::Result<()> {
    let manifest = &offer.manifest;
    let roles: Vec<String> = manifest.roles.iter().map(ToString::to_string).collect();
    writeln!(
        out,
        "{} ({}): {}",
        manifest.name,
        roles.join(", "),
        manifest.about
    )?;
    writeln!(
        out,
        "  licence  {}; {}",
        manifest.licence.spdx,
        commercial(manifest)
    )?;
    if let Some(note) = &manifest.licence.note {
        writeln!(out, "           {note}")?;
    }
    writeln!(out, "  source   {}", manifest.source.text)?;
    writeln!(out, "  file     {} ({} bytes)", offer.url, offer.bytes)?;
    writeln!(out, "  sha256   {}", manifest.sha256)?;
    if offer.only_by_name() {
        writeln!(
            out,
            "  only when named: its descriptors cannot be compared with those stored before"
        )?;
    }
    if in_place(offer, home) {
        writeln!(out, "  in place")?;
    }
    Ok(())
}
