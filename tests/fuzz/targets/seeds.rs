//! Writes the input to begin with where the fuzzers look for it.

fn main() -> std::io::Result<()> {
    for (at, (name, seed)) in goshawk_fuzz::seeds::all().into_iter().enumerate() {
        let folder = std::path::Path::new("corpus").join(name);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(format!("seed-{at}")), seed)?;
    }
    Ok(())
}
