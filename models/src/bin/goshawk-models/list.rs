//! `goshawk-models list`: what can be estimated, and by which models.

use std::{
    collections::BTreeSet,
    io::{self, Write},
    process::ExitCode,
};

use goshawk_models::{
    Capabilities, Pack, PackError, RuntimeOptions, Source, Vision,
    install::{Home, Offer, RECOMMENDED},
    manifest::{self, Manifest, Role},
    pack::serving,
};

use crate::together;

/// Columns of the names before what is said of them.
const NAMES: usize = 17;

/// Prints each estimation with where it comes from, then each role with its models.
pub fn run(home: &Home, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let installed = home.models().is_dir();
    if installed {
        match capabilities(home) {
            Ok(capabilities) => print_capabilities(&capabilities, out)?,
            // What is wrong with which file is told below, at the model.
            Err(error) => writeln!(out, "Nothing can be estimated: {error}")?,
        }
        writeln!(out)?;
    }
    let manifests = match installed {
        true => manifest::read_dir(&home.models())?,
        false => manifest::default_pack()?,
    };
    let offers = Offer::read(RECOMMENDED)?;
    let mut told = BTreeSet::new();
    for role in Role::ALL {
        let found = serving(&manifests, role);
        if found.is_empty() {
            let how = how_to_add(role, &offers);
            writeln!(out, "{role}: {}; MISSING: {how}", role.about())?;
            continue;
        }
        writeln!(out, "{role}: {}", role.about())?;
        for model in &found {
            let used = match together(found[0], model) || model.name == found[0].name {
                true => "used",
                false => "not used",
            };
            writeln!(out, "  {} ({used}): {}", model.name, model.about)?;
            if told.insert(&model.name) {
                print_model(model, home, out)?;
            } else {
                writeln!(out, "    as above")?;
            }
        }
    }
    if !installed {
        writeln!(
            out,
            "Nothing is installed in {}; run `goshawk-models install`.",
            home.path().display()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn capabilities(home: &Home) -> Result<Capabilities, PackError> {
    let options = RuntimeOptions::new(home.onnx_runtime());
    let pack = Pack::open(&home.models(), &options)?;
    Ok(Vision::open(&pack)?.capabilities().clone())
}

fn print_capabilities(capabilities: &Capabilities, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "Estimations, and where they come from")?;
    for (estimation, source) in capabilities.all() {
        let from = match source {
            Source::Model { models } => models.join(", "),
            Source::Formula {
                about,
                source,
                over,
            } => {
                let over = match over.as_slice() {
                    [] => String::new(),
                    models => format!(" over {}", models.join(", ")),
                };
                format!("formula{over}: {about}; {source}")
            }
            Source::Missing { role: Some(role) } => format!("MISSING: needs a model of {role}"),
            Source::Missing { role: None } => "MISSING: no role serves it".to_owned(),
        };
        writeln!(out, "  {:NAMES$} {from}", estimation.name())?;
    }
    // Read from the file itself, so it cannot be missing.
    writeln!(
        out,
        "  {:NAMES$} the notes in a JPEG file; CIPA DC-008",
        "exif"
    )
}

/// What an operator can do about a role that nothing serves.
fn how_to_add(role: Role, offers: &[Offer]) -> String {
    let offered = offers.iter().find(|o| o.manifest.roles.contains(&role));
    match offered {
        Some(offer) => format!(
            "`goshawk-models install recommended {}` fetches one",
            offer.manifest.name
        ),
        None => "MANIFESTS.md says how to add a model".to_owned(),
    }
}

fn print_model(model: &Manifest, home: &Home, out: &mut dyn Write) -> io::Result<()> {
    let state = match model.checked_file(&home.models()) {
        Ok(_) => "in place".to_owned(),
        Err(error) => error.to_string(),
    };
    writeln!(out, "    file     {} ({state})", model.file)?;
    let sum = model.sha256.to_string();
    let sum = sum.get(..12).unwrap_or(&sum);
    match &model.descriptor {
        Some(descriptor) => writeln!(
            out,
            "    version  {} of {} values; sha256 {sum}",
            descriptor.version, descriptor.length
        )?,
        None => writeln!(out, "    version  sha256 {sum}")?,
    }
    writeln!(
        out,
        "    licence  {}; {}",
        model.licence.spdx,
        commercial(model)
    )?;
    if let Some(note) = &model.licence.note {
        writeln!(out, "             {note}")?;
    }
    writeln!(out, "    source   {}", model.source.text)?;
    if model.quality.is_empty() {
        writeln!(out, "    measured nothing")?;
    }
    for q in &model.quality {
        writeln!(out, "    measured {}: {} ({})", q.what, q.value, q.on)?;
    }
    Ok(())
}

/// What its licence says of commercial use, in a few words.
pub fn commercial(model: &Manifest) -> &'static str {
    match model.licence.commercial {
        Some(true) => "commercial use allowed",
        Some(false) => "NOT FOR COMMERCIAL USE",
        None => "commercial use not checked",
    }
}
