//! The folder that a measurement is made on: which pictures there are, and their labels.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use goshawk_proto::geometry::BBox;

/// Endings of files that are taken for pictures, in small letters.
const ENDINGS: [&str; 9] = [
    "jpg", "jpeg", "png", "bmp", "tif", "tiff", "ppm", "pgm", "pnm",
];
/// The first line of the labels.
const HEADER: &str = "file,x,y,width,height";
/// The most bytes that labels may have: a million lines or so.
const MAX_LABELS: u64 = 64 << 20;

/// Why a folder cannot be measured on.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file or folder cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A line of the labels makes no sense.
    #[error("{}, line {line}: {reason}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A folder is called what it cannot be.
    #[error("{}: want folders called `genuine` or `attack-KIND`", .0.display())]
    Kind(PathBuf),
    /// There is nothing to measure.
    #[error(
        "{} has neither `detection`, `people` nor `liveness` in it; EVAL.md says how the folder has to look", .0.display()
    )]
    Empty(PathBuf),
}

/// A picture and the faces in it; `None` where no line of the labels names it.
pub(super) type Labelled = (PathBuf, Option<Vec<BBox>>);

/// Pictures for liveness.
#[derive(Default)]
pub(super) struct LivenessFiles {
    /// Of live people.
    pub(super) genuine: Vec<PathBuf>,
    /// By kind of attack.
    pub(super) attacks: BTreeMap<String, Vec<PathBuf>>,
}

/// What the folder has.
pub(super) struct Files {
    pub(super) labelled: Option<Vec<Labelled>>,
    /// By name of the person.
    pub(super) people: Option<BTreeMap<String, Vec<PathBuf>>>,
    pub(super) liveness: Option<LivenessFiles>,
}

/// Finds out what is in `root`.
pub(super) fn read(root: &Path) -> Result<Files, FolderError> {
    // So that a wrong path is told apart from a folder without parts.
    entries(root)?;
    let part = |name: &str| Some(root.join(name)).filter(|p| p.is_dir());
    let files = Files {
        labelled: part("detection").map(|p| labelled(&p)).transpose()?,
        people: part("people").map(|p| by_name(&p)).transpose()?,
        liveness: part("liveness").map(|p| liveness(&p)).transpose()?,
    };
    if files.labelled.is_none() && files.people.is_none() && files.liveness.is_none() {
        return Err(FolderError::Empty(root.to_owned()));
    }
    Ok(files)
}

fn liveness(root: &Path) -> Result<LivenessFiles, FolderError> {
    let mut found = LivenessFiles::default();
    for (name, files) in by_name(root)? {
        match name.strip_prefix("attack-") {
            Some(kind) if !kind.is_empty() => drop(found.attacks.insert(kind.to_owned(), files)),
            _ if name == "genuine" => found.genuine = files,
            _ => return Err(FolderError::Kind(root.join(name))),
        }
    }
    Ok(found)
}

/// The pictures of each folder in `root`.
fn by_name(root: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, FolderError> {
    let mut found = BTreeMap::new();
    for path in entries(root)?.into_iter().filter(|p| p.is_dir()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        found.insert(name.into_owned(), pictures(&path)?);
    }
    Ok(found)
}

fn pictures(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let is_picture = |path: &PathBuf| {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        ENDINGS.contains(&ending.to_lowercase().as_str()) && path.is_file()
    };
    Ok(entries(folder)?.into_iter().filter(is_picture).collect())
}

/// What is in a folder, by name, without hidden things.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let fail = |source| FolderError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn labelled(folder: &Path) -> Result<Vec<Labelled>, FolderError> {
    let path = folder.join("boxes.csv");
    let fail = |source| FolderError::Io {
        path: path.clone(),
        source,
    };
    if fs::metadata(&path).map_err(fail)?.len() > MAX_LABELS {
        let source = io::Error::new(io::ErrorKind::InvalidData, "too long for labels");
        return Err(fail(source));
    }
    let text = fs::read_to_string(&path).map_err(fail)?;
    let mut boxes = labels(&text).map_err(|(line, reason)| FolderError::Labels {
        path: path.clone(),
        line,
        reason,
    })?;
    let mut files: Vec<Labelled> = pictures(folder)?
        .into_iter()
        .map(|file| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            let boxes = boxes.remove(name.as_ref());
            (file, boxes)
        })
        .collect();
    // What is named but is not there fails when it is to be read, and is noted then.
    files.extend(
        boxes
            .into_iter()
            .map(|(file, boxes)| (folder.join(file), Some(boxes))),
    );
    Ok(files)
}

/// Boxes by file; or which line is wrong, and why.
fn labels(text: &str) -> Result<BTreeMap<String, Vec<BBox>>, (usize, String)> {
    let mut found: BTreeMap<String, Vec<BBox>> = BTreeMap::new();
    let text = text.trim_start_matches('\u{feff}');
    for (at, line) in text.lines().enumerate().map(|(i, l)| (i + 1, l.trim())) {
        if at == 1 {
            if line.replace(' ', "") != HEADER {
                return Err((at, format!("want the header `{HEADER}`")));
            }
            continue;
        }
        if line.is_empty() {
            continue;
        }
        let (file, bbox) = label(line).map_err(|reason| (at, reason))?;
        found.entry(file).or_default().extend(bbox);
    }
    Ok(found)
}

/// A line: a file and a box in it, or a file and four empty fields for a picture without faces.
fn label(line: &str) -> Result<(String, Option<BBox>), String> {
    // From the right, because a file's name may have commas in it.
    let mut fields: Vec<&str> = line.rsplitn(5, ',').map(str::trim).collect();
    fields.reverse();
    let [file, numbers @ ..] = fields.as_slice() else {
        return Err("want five fields".to_owned());
    };
    let file = file.trim_matches('"');
    if numbers.len() != 4 || file.is_empty() || file.contains(['/', '\\']) {
        return Err(format!(
            "want `{HEADER}`, the file being the name of one beside this"
        ));
    }
    if numbers.iter().all(|n| n.is_empty()) {
        return Ok((file.to_owned(), None));
    }
    let number = |text: &&str| text.parse::<f32>().ok().filter(|v| v.is_finite());
    let values: Vec<f32> = numbers.iter().filter_map(number).collect();
    match values.as_slice() {
        [x, y, width, height] if *width > 0.0 && *height > 0.0 => {
            Ok((file.to_owned(), Some(BBox::new(*x, *y, *width, *height))))
        }
        _ => Err("want four numbers in pixels, width and height more than 0".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_by_file() {
        let text = "\u{feff}file,x,y,width,height\r\na.jpg,1,2,3,4\r\na.jpg, 5 , 6,7,8.5\n\n\"b, c.png\",0,0,9,9\nnobody.jpg,,,,\n";
        let found = labels(text).unwrap();
        assert_eq!(found["a.jpg"].len(), 2);
        assert_eq!(found["a.jpg"][1], BBox::new(5.0, 6.0, 7.0, 8.5));
        assert_eq!(found["b, c.png"].len(), 1);
        assert_eq!(found["nobody.jpg"], Vec::new());
    }

    #[test]
    fn mistakes_are_refused_with_their_line() {
        let good = "file,x,y,width,height\n";
        for (text, line) in [
            ("", None),
            ("a.jpg,1,2,3,4", Some(1)),
            (&format!("{good}a.jpg,1,2,3"), Some(2)),
            (&format!("{good}\na.jpg,1,2,0,4"), Some(3)),
            (&format!("{good}a.jpg,1,2,nan,4"), Some(2)),
            (&format!("{good}a.jpg,1,2,inf,4"), Some(2)),
            (&format!("{good}a.jpg,1,,3,4"), Some(2)),
            (&format!("{good}../a.jpg,1,2,3,4"), Some(2)),
            (&format!("{good},1,2,3,4"), Some(2)),
        ] {
            assert_eq!(labels(text).err().map(|e| e.0), line, "{text:?}");
        }
    }

    #[test]
    fn a_folder_without_parts_and_none_at_all_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(read(folder.path()), Err(FolderError::Empty(_))));
        let absent = folder.path().join("absent");
        assert!(matches!(read(&absent), Err(FolderError::Io { .. })));
        fs::create_dir_all(folder.path().join("liveness/attak-print")).unwrap();
        let error = read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("attack-KIND"), "{error}");
    }

    #[test]
    fn pictures_are_found_by_name_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let anna = folder.path().join("people/anna");
        fs::create_dir_all(&anna).unwrap();
        for file in ["b.JPG", "a.png", "notes.txt", ".hidden.jpg"] {
            fs::write(anna.join(file), b"").unwrap();
        }
        let people = read(folder.path()).unwrap().people.unwrap();
        assert_eq!(people["anna"], [anna.join("a.png"), anna.join("b.JPG")]);
    }
}
