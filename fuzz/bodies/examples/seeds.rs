//! Writes the seeds and the dictionary of each body below a folder, as libFuzzer takes them: `NAME/*` and `NAME.dict`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "fuzz/corpus".into()));
    for body in fuzz_bodies::ALL {
        let seeds = folder.join(body.name);
        std::fs::create_dir_all(&seeds)?;
        for (at, seed) in (body.seeds)().iter().enumerate() {
            std::fs::write(seeds.join(format!("seed-{at}")), seed)?;
        }
        let escaped = |word: &&str| word.bytes().map(|byte| format!("\\x{byte:02x}")).collect::<String>();
        let words: String = body.words.iter().map(|word| format!("\"{}\"\n", escaped(word))).collect();
        std::fs::write(folder.join(body.name).with_extension("dict"), words)?;
    }
    Ok(())
}
