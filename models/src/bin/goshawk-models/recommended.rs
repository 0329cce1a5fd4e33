//! `goshawk-models install recommended`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use goshawk_models::{
    RuntimeOptions,
    install::{Home, Offer, RECOMMENDED, Taken, Terms, in_place, take},
};

use crate::Progress;

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
pub fn run(home: &Home, wish: &Recommended) -> anyhow::Result<ExitCode> {
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
        print_offer(offer, home);
        if wish.list {
            continue;
        }
        let mut progress = Progress::default();
        let taken = take(offer, home, &terms, &options, &mut progress);
        progress.clear();
        match taken {
            Ok(Taken::InPlace) => {}
            Ok(Taken::Added) => println!("  added; programs use it from their next start on"),
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

fn print_offer(offer: &Offer, home: &Home) {
    let manifest = &offer.manifest;
    let roles: Vec<String> = manifest.roles.iter().map(ToString::to_string).collect();
    println!(
        "{} ({}): {}",
        manifest.name,
        roles.join(", "),
        manifest.about
    );
    let commercial = match manifest.licence.commercial {
        Some(true) => "commercial use allowed",
        Some(false) => "NOT FOR COMMERCIAL USE",
        None => "commercial use not checked",
    };
    println!("  licence  {}; {commercial}", manifest.licence.spdx);
    if let Some(note) = &manifest.licence.note {
        println!("           {note}");
    }
    println!("  source   {}", manifest.source.text);
    println!("  file     {} ({} bytes)", offer.url, offer.bytes);
    println!("  sha256   {}", manifest.sha256);
    if offer.only_by_name() {
        println!("  only when named: its descriptors cannot be compared with those stored before");
    }
    if in_place(offer, home) {
        println!("  in place");
    }
}
