//! From TOML to a [`Manifest`]: field by field, with the checks that types cannot make.

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use goshawk_proto::descriptor::DescriptorVersion;

use super::{
    Colour, Decision, DescriptorSpec, Family, Input, Licence, Manifest, Origin, Problem, Quality,
    Role,
    section::{Section, unknown},
};

/// Largest width or height of an input, in pixels; beyond it a mistake is likelier than a model.
const MAX_SIDE: u32 = 4096;

/// Reads `text`, or says everything that is wrong with it.
pub(super) fn manifest(file: &str, text: &str) -> Result<Manifest, Vec<Problem>> {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            let message = format!("not TOML: {}", error.to_string().trim_end());
            return Err(vec![Problem {
                path: file.to_owned(),
                message,
            }]);
        }
    };
    let mut problems = Vec::new();
    let manifest = read(Section::top(file, table), &mut problems);
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(manifest),
        _ => Err(problems),
    }
}

fn read(mut top: Section, out: &mut Vec<Problem>) -> Option<Manifest> {
    let name = top.text("name", out);
    let about = top.text("about", out);
    let family: Option<Family> = top.required("family", out);
    let roles = roles(&mut top, family, out);
    let file = file_name(&mut top, out);
    let sha256 = top.required("sha256", out);
    let input = required_section(&mut top, "input", out).and_then(|s| input(s, out));
    let outputs = required_section(&mut top, "outputs", out).map(|s| outputs(s, family, out));
    let descriptor = top.section("descriptor", out).map(|s| descriptor(s, out));
    let decision = top.section("decision", out).map(|s| decision(s, out));
    let licence = required_section(&mut top, "licence", out).and_then(|s| licence(s, out));
    let source = required_section(&mut top, "source", out).and_then(|s| origin(s, out));
    let quality = top
        .sections("quality", out)
        .into_iter()
        .filter_map(|s| quality(s, out))
        .collect();
    if let Some(roles) = &roles {
        let describes = roles.contains(&Role::FaceDescriptor);
        if describes != descriptor.is_some() {
            let message = if describes {
                "missing for a face-descriptor"
            } else {
                "only for a face-descriptor"
            };
            top.complain("descriptor", message, out);
        }
    }
    top.finish(out);
    Some(Manifest {
        name: name?,
        about: about?,
        roles: roles?,
        family: family?,
        file: file?,
        sha256: sha256?,
        input: input?,
        outputs: outputs?,
        descriptor: flatten(descriptor)?,
        decision: flatten(decision)?,
        licence: licence?,
        source: source?,
        quality,
    })
}

/// An absent section is fine, a malformed one is not: `None` only for the latter.
fn flatten<T>(section: Option<Option<T>>) -> Option<Option<T>> {
    match section {
        None => Some(None),
        Some(Some(value)) => Some(Some(value)),
        Some(None) => None,
    }
}

fn required_section(
    top: &mut Section,
    key: &'static str,
    out: &mut Vec<Problem>,
) -> Option<Section> {
    let before = out.len();
    let section = top.section(key, out);
    if section.is_none() && out.len() == before {
        top.complain(key, "missing", out);
    }
    section
}

fn roles(top: &mut Section, family: Option<Family>, out: &mut Vec<Problem>) -> Option<Vec<Role>> {
    let roles: Vec<Role> = top.required("roles", out)?;
    if roles.is_empty() {
        top.complain("roles", "must name at least one role", out);
    }
    for role in &roles {
        if family.is_some_and(|f| !f.roles().contains(role)) {
            top.complain("roles", format!("{role:?} is no role of this family"), out);
        }
    }
    Some(roles)
}

/// The file must lie beside its manifest: a plain name, no path.
fn file_name(top: &mut Section, out: &mut Vec<Problem>) -> Option<String> {
    let file = top.text("file", out)?;
    let plain = Path::new(&file).components().collect::<Vec<_>>();
    if !matches!(plain[..], [Component::Normal(_)]) || !file.ends_with(".onnx") {
        top.complain(
            "file",
            "want the name of an .onnx file in the same folder, without a path",
            out,
        );
        return None;
    }
    Some(file)
}

fn input(mut s: Section, out: &mut Vec<Problem>) -> Option<Input> {
    let name = s.text("name", out);
    let width = side(&mut s, "width", out);
    let height = side(&mut s, "height", out);
    let layout = s.required("layout", out);
    let colour: Option<Colour> = s.required("colour", out);
    let element = s.required("element", out);
    let batch = s.required("batch", out);
    let fit = s.required("fit", out);
    let mean = channels(&mut s, "mean", colour, out);
    let scale = channels(&mut s, "scale", colour, out);
    if scale.as_ref().is_some_and(|scale| scale.contains(&0.0)) {
        s.complain("scale", "must not be 0", out);
    }
    s.finish(out);
    Some(Input {
        name: name?,
        width: width?,
        height: height?,
        layout: layout?,
        colour: colour?,
        element: element?,
        batch: batch?,
        fit: fit?,
        mean: mean?,
        scale: scale?,
    })
}

fn side(s: &mut Section, key: &'static str, out: &mut Vec<Problem>) -> Option<u32> {
    let side: u32 = s.required(key, out)?;
    if !(1..=MAX_SIDE).contains(&side) {
        s.complain(key, format!("want 1 to {MAX_SIDE} pixels"), out);
        return None;
    }
    Some(side)
}

fn channels(
    s: &mut Section,
    key: &'static str,
    colour: Option<Colour>,
    out: &mut Vec<Problem>,
) -> Option<Vec<f32>> {
    let values: Vec<f32> = s.required(key, out)?;
    let want = colour?.channels();
    if values.len() != want || !values.iter().all(|v| v.is_finite()) {
        s.complain(
            key,
            format!("want {want} finite numbers, one per channel"),
            out,
        );
        return None;
    }
    Some(values)
}

fn outputs(
    mut s: Section,
    family: Option<Family>,
    out: &mut Vec<Problem>,
) -> BTreeMap<String, String> {
    let want = family.map_or(&[][..], Family::outputs);
    let mut outputs = BTreeMap::new();
    for (meaning, tensor) in s.rest() {
        match tensor {
            _ if family.is_some() && !want.contains(&meaning.as_str()) => {
                s.complain(&meaning, unknown(&meaning, want.iter().copied()), out);
            }
            toml::Value::String(tensor) if !tensor.is_empty() => {
                outputs.insert(meaning, tensor);
            }
            _ => s.complain(&meaning, "want the name of a tensor", out),
        }
    }
    for meaning in want {
        if !outputs.contains_key(*meaning) {
            s.complain(meaning, "missing", out);
        }
    }
    outputs
}

fn descriptor(mut s: Section, out: &mut Vec<Problem>) -> Option<DescriptorSpec> {
    let version = s.required("version", out).map(DescriptorVersion);
    let length: Option<usize> = s.required("length", out);
    let similarity = s.required("similarity", out);
    if length.is_some_and(|length| !(1..=4096).contains(&length)) {
        s.complain("length", "want 1 to 4096 values", out);
    }
    s.finish(out);
    Some(DescriptorSpec {
        version: version?,
        length: length?,
        similarity: similarity?,
    })
}

fn decision(mut s: Section, out: &mut Vec<Problem>) -> Option<Decision> {
    let score = share(&mut s, "score", out);
    let overlap = share(&mut s, "overlap", out);
    s.finish(out);
    Some(Decision {
        score: score?,
        overlap: overlap?,
    })
}

fn share(s: &mut Section, key: &'static str, out: &mut Vec<Problem>) -> Option<f32> {
    let value: f32 = s.required(key, out)?;
    if !(0.0..=1.0).contains(&value) {
        s.complain(key, "want 0 to 1", out);
        return None;
    }
    Some(value)
}

fn licence(mut s: Section, out: &mut Vec<Problem>) -> Option<Licence> {
    let spdx = s.text("spdx", out);
    let note = s.optional("note", out);
    s.finish(out);
    Some(Licence { spdx: spdx?, note })
}

fn origin(mut s: Section, out: &mut Vec<Problem>) -> Option<Origin> {
    let text = s.text("text", out);
    let tfjs = s.optional("tfjs", out);
    s.finish(out);
    Some(Origin { text: text?, tfjs })
}

fn quality(mut s: Section, out: &mut Vec<Problem>) -> Option<Quality> {
    let (what, value, on) = (s.text("what", out), s.text("value", out), s.text("on", out));
    s.finish(out);
    Some(Quality {
        what: what?,
        value: value?,
        on: on?,
    })
}
