//! Puts the pages of the dashboard into the program, where they are built: `ui/dist-dashboard`. Without them, on a machine that has no Node.js, the program is
//! built all the same, and says so to whoever opens the dashboard.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).ok_or(format!("cargo does not say {name}"));
    let ui = variable("CARGO_MANIFEST_DIR")?.join("../../ui");
    let pages = ui.join("dist-dashboard");
    // Where there are none, whatever comes into the folder may be them.
    println!("cargo::rerun-if-changed={}", if pages.exists() { &pages } else { &ui }.display());
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    if pages.exists() {
        collect(&pages, &mut files)?;
    }
    files.sort();
    // What is to be seen of the pages is tested where there are some, and said to be left out where there are none.
    println!("cargo::rustc-check-cfg=cfg(dashboard_pages)");
    if !files.is_empty() {
        println!("cargo::rustc-cfg=dashboard_pages");
    }
    let mut text = String::from("&[\n");
    for file in files {
        let name = file.strip_prefix(&pages)?.to_string_lossy().replace('\\', "/");
        writeln!(text, "    ({name:?}, include_bytes!({:?})),", file.canonicalize()?)?;
    }
    text.push_str("]\n");
    Ok(std::fs::write(variable("OUT_DIR")?.join("dashboard_pages.rs"), text)?)
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
