//! Puts the pages of the dashboard into the program, where they are built: `ui/dist-dashboard`. Without them, on a machine that has no Node.js, the program is
//! built all the same, and says so to whoever opens the dashboard.

use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> std::io::Result<()> {
    let ui = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is")).join("../../ui");
    let pages = ui.join("dist-dashboard");
    // Where there are none, whatever comes into the folder may be them.
    println!("cargo::rerun-if-changed={}", if pages.exists() { &pages } else { &ui }.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if pages.exists() {
        collect(&pages, &mut files)?;
    }
    files.sort();
    let mut text = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&pages).map_err(std::io::Error::other)?.to_string_lossy().replace('\\', "/");
        let path = file.canonicalize()?;
        writeln!(text, "    ({name:?}, include_bytes!({path:?})),").map_err(std::io::Error::other)?;
    }
    text.push_str("]\n");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo says where results go"));
    std::fs::write(out.join("dashboard_pages.rs"), text)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
