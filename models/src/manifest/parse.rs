//! From TOML to a [`Manifest`]: field by field, with the checks that types cannot make.

use std::{
    collections::BTreeMap,
    path::{Component, Path},
};

use goshawk_proto::descriptor::DescriptorVersion;

use super::{
    ClassSpec, Colour, CropSpec, Cut, Decision, DescriptorSpec, Family, FetchSpec, Fit, Input,
    Licence, Manifest, Origin, Problem, Quality, Role,
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
    let preference = preference(&mut top, out);
    let input = required_section(&mut top, "input", out).and_then(|s| input(s, out));
    let outputs = required_section(&mut top, "outputs", out).map(|s| outputs(s, family, out));
    let crop = top.section("crop", out).map(|s| crop(s, out));
    let words = words(roles.as_deref(), family);
    let classes = top.section("classes", out).map(|s| classes(s, words, out));
    let descriptor = top.section("descriptor", out).map(|s| descriptor(s, out));
    let decision = top.section("decision", out).map(|s| decision(s, out));
    let licence = required_section(&mut top, "licence", out).and_then(|s| licence(s, out));
    let source = required_section(&mut top, "source", out).and_then(|s| origin(s, out));
    let fetch = top.section("fetch", out).map(|s| fetch(s, out));
    let quality = top
        .sections("quality", out)
        .into_iter()
        .filter_map(|s| quality(s, out))
        .collect();
    if let (Some(roles), Some(family)) = (&roles, family) {
        let describes = roles.iter().any(|r| r.describes());
        belongs(
            &top,
            "descriptor",
            descriptor.is_some(),
            describes,
            describes,
            out,
        );
        let (wants, may) = takes_classes(family);
        belongs(&top, "classes", classes.is_some(), wants, may, out);
        let (wants, may) = takes_crop(family);
        belongs(&top, "crop", crop.is_some(), wants, may, out);
    }
    if let (Some(Some(crop)), Some(input)) = (&crop, &input) {
        aligned_is_square(&top, crop, input, out);
    }
    top.finish(out);
    Some(Manifest {
        name: name?,
        about: about?,
        roles: roles?,
        family: family?,
        file: file?,
        sha256: sha256?,
        preference: preference?,
        input: input?,
        outputs: outputs?,
        crop: flatten(crop)?,
        classes: flatten(classes)?,
        descriptor: flatten(descriptor)?,
        decision: flatten(decision)?,
        licence: licence?,
        source: source?,
        fetch: flatten(fetch)?,
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

/// Complains about a section that a model needs and lacks, or has and must not.
fn belongs(
    top: &Section,
    key: &str,
    there: bool,
    wanted: bool,
    allowed: bool,
    out: &mut Vec<Problem>,
) {
    if wanted && !there {
        top.complain(key, "missing for a model of this family and role", out);
    }
    if there && !allowed {
        top.complain(key, "not for a model of this family and role", out);
    }
}

/// Whether a family needs, and whether it may have, classes.
fn takes_classes(family: Family) -> (bool, bool) {
    let needs = family == Family::Classifier;
    (needs, needs || family == Family::MiniFasnet)
}

/// Whether a family needs, and whether it may have, a crop.
fn takes_crop(family: Family) -> (bool, bool) {
    let needs = matches!(family, Family::Classifier | Family::MiniFasnet);
    (needs, needs || family == Family::Emotion)
}

fn aligned_is_square(top: &Section, crop: &CropSpec, input: &Input, out: &mut Vec<Problem>) {
    if crop.cut == Cut::Aligned && input.width != input.height {
        top.complain("crop.cut", "an aligned face needs a square input", out);
    }
}

/// The words that a manifest's classes may use; empty where that is not known.
fn words(roles: Option<&[Role]>, family: Option<Family>) -> &'static [&'static str] {
    let of_role = roles.and_then(|roles| roles.first()?.classes());
    match family {
        Some(Family::Classifier | Family::MiniFasnet) => of_role.unwrap_or_default(),
        _ => &[],
    }
}

/// Preferences beyond this are mistakes.
const MOST_PREFERRED: i32 = 1000;

fn preference(top: &mut Section, out: &mut Vec<Problem>) -> Option<i32> {
    let before = out.len();
    let value = top.optional("preference", out);
    if out.len() > before {
        return None;
    }
    let value = value.unwrap_or(0);
    if !(-MOST_PREFERRED..=MOST_PREFERRED).contains(&value) {
        let message = format!("want -{MOST_PREFERRED} to {MOST_PREFERRED}");
        top.complain("preference", message, out);
        return None;
    }
    Some(value)
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
            top.complain("roles", format!("{role} is no role of this family"), out);
        }
    }
    if family == Some(Family::Classifier) && roles.len() > 1 {
        top.complain("roles", "a classifier has one role", out);
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
    let fit: Option<Fit> = s.required("fit", out);
    let before = out.len();
    let place: Option<_> = s.optional("place", out);
    let pad: Option<u8> = s.optional("pad", out);
    let sound = out.len() == before;
    if (place.is_some() || pad.is_some()) && fit.is_some_and(|fit| fit != Fit::Letterbox) {
        s.complain("fit", "only a letterbox has a place and padding", out);
    }
    let mean = channels(&mut s, "mean", colour, out);
    let scale = channels(&mut s, "scale", colour, out);
    if scale.as_ref().is_some_and(|scale| scale.contains(&0.0)) {
        s.complain("scale", "must not be 0", out);
    }
    s.finish(out);
    if !sound {
        return None;
    }
    Some(Input {
        name: name?,
        width: width?,
        height: height?,
        layout: layout?,
        colour: colour?,
        element: element?,
        batch: batch?,
        fit: fit?,
        place: place.unwrap_or_default(),
        pad: pad.unwrap_or_default(),
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
    let may = family.map_or(&[][..], Family::optional_outputs);
    let mut outputs = BTreeMap::new();
    for (meaning, tensor) in s.rest() {
        match tensor {
            _ if family.is_some() && !want.iter().chain(may).any(|m| *m == meaning) => {
                let known = want.iter().chain(may).copied();
                s.complain(&meaning, unknown(&meaning, known), out);
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

fn crop(mut s: Section, out: &mut Vec<Problem>) -> Option<CropSpec> {
    let cut = s.required("cut", out);
    let before = out.len();
    let scale: f32 = s.optional("scale", out).unwrap_or(1.0);
    if !(0.2..=8.0).contains(&scale) {
        s.complain("scale", "want 0.2 to 8", out);
    }
    let sound = out.len() == before;
    s.finish(out);
    sound.then_some(CropSpec { cut: cut?, scale })
}

/// Most classes of one model.
const MOST_CLASSES: usize = 1000;

fn classes(mut s: Section, words: &[&str], out: &mut Vec<Problem>) -> Option<ClassSpec> {
    let labels: Option<Vec<String>> = s.required("labels", out);
    let activation = s.required("activation", out);
    for label in labels.iter().flatten() {
        if !words.is_empty() && !words.contains(&label.as_str()) {
            let message = format!(
                "{label:?} is no word of its role; want {}",
                words.join(", ")
            );
            s.complain("labels", message, out);
        }
    }
    if labels
        .as_ref()
        .is_some_and(|l| !(1..=MOST_CLASSES).contains(&l.len()))
    {
        s.complain("labels", format!("want 1 to {MOST_CLASSES} words"), out);
    }
    s.finish(out);
    Some(ClassSpec {
        labels: labels?,
        activation: activation?,
    })
}

fn fetch(mut s: Section, out: &mut Vec<Problem>) -> Option<FetchSpec> {
    let url = s.text("url", out);
    let bytes = s.required("bytes", out);
    if url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
        s.complain("url", "want an https address", out);
    }
    s.finish(out);
    Some(FetchSpec {
        url: url?,
        bytes: bytes?,
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
    let commercial = s.optional("commercial", out);
    let note = s.optional_text("note", out);
    s.finish(out);
    Some(Licence {
        spdx: spdx?,
        commercial,
        note,
    })
}

fn origin(mut s: Section, out: &mut Vec<Problem>) -> Option<Origin> {
    let text = s.text("text", out);
    let tfjs = s.optional_text("tfjs", out);
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
