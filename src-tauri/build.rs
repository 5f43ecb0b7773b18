//! Gives every window only the commands that its capability names, and refuses to build without the UI in plain words.

include!("src/command_names.rs");

fn main() {
    // The macro that embeds the UI would panic deep inside a dependency; a newcomer should read what to do instead.
    let page = std::path::Path::new("../ui/dist/index.html");
    println!("cargo::rerun-if-changed=../ui/dist");
    if !page.exists() {
        println!(
            "cargo::error=The UI is not built: ui/dist/index.html is missing. Run `npm ci && npm run build` in ui/, or `cargo xtask run`."
        );
        return;
    }
    // Naming the commands makes Tauri's access control cover them; otherwise every window could call every one of them.
    let attributes = tauri_build::Attributes::new().app_manifest(tauri_build::AppManifest::new().commands(COMMAND_NAMES));
    if let Err(error) = tauri_build::try_build(attributes) {
        println!("cargo::error={error:#}");
    }
}
