//! The borders between the parts, read from what is really there: cargo's metadata, the manifests and the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

/// Who may use whom. `signedcall-tests` may use all and is not listed.
const EDGES: [(&str, &[&str]); 10] = [
    ("signedcall-wire", &[]),
    ("signedcall-core", &["signedcall-wire"]),
    ("signedcall-opus", &[]),
    ("signedcall-voice", &["signedcall-opus"]),
    ("signedcall", &["signedcall-core", "signedcall-voice", "signedcall-wire"]),
    ("signedcall-echo", &["signedcall"]),
    ("signedcall-server", &["signedcall-wire"]),
    ("signedcall-agent", &["signedcall"]),
    ("signedcall-desktop", &["signedcall-agent"]),
    ("xtask", &[]),
];

/// The crates that say, decide and sound, and do nothing.
const PURE: [&str; 4] = ["signedcall-wire", "signedcall-core", "signedcall-opus", "signedcall-voice"];

/// The one crate that may call C.
const CALLS_C: &str = "signedcall-opus";

/// What a pure crate must not reach, by itself or through a dependency.
const EFFECTS: [&str; 4] = ["tokio", "cpal", "tauri", "rand"];

/// What draws windows, and takes more memory by being linked than the whole of what lives in the tray.
const DRAWING: [&str; 5] = ["tauri", "wry", "tao", "gtk", "webkit2gtk"];

/// Longer than this, a file holds more than one idea.
const LONGEST_FILE: usize = 800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_path_buf()
}

/// The workspace as this platform builds it: dependencies of other platforms are not downloaded, so they cannot be looked into.
fn metadata() -> Metadata {
    let platform = format!("--filter-platform={}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).other_options(vec!["--locked".to_owned(), platform]);
    command.exec().expect("cargo metadata of this workspace")
}

/// Everything that ends in one of `endings` below `folder`, without what is built or downloaded.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of the workspace").filter_map(Result::ok) {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            let made = ["target", "node_modules", "dist", "gen"].contains(&name.as_str()) || name.starts_with('.');
            if !made {
                found.extend(files(&path, endings));
            }
        } else if endings.iter().any(|ending| name.ends_with(ending)) {
            found.push(path);
        }
    }
    found
}

fn manifest_of(metadata: &Metadata, name: &str) -> PathBuf {
    let packages = metadata.workspace_packages();
    let package = packages.iter().find(|package| package.name == name).unwrap_or_else(|| panic!("{name} is no member of the workspace"));
    package.manifest_path.clone().into_std_path_buf()
}

#[test]
fn parts_use_only_the_parts_they_may() {
    let metadata = metadata();
    let members: BTreeSet<&str> = metadata.workspace_packages().iter().map(|package| package.name.as_str()).collect();
    let allowed: BTreeMap<&str, BTreeSet<&str>> = EDGES.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    for package in metadata.workspace_packages() {
        let name = package.name.as_str();
        if name == "signedcall-tests" {
            continue;
        }
        let allowed =
            allowed.get(name).unwrap_or_else(|| panic!("{name} is new: say in EDGES whom it may use, and in ARCHITECTURE.md why"));
        let used: BTreeSet<&str> =
            package.dependencies.iter().map(|dependency| dependency.name.as_str()).filter(|name| members.contains(name)).collect();
        assert_eq!(&used, allowed, "what {name} uses, and what it may use");
    }
}

/// Fails when a member reaches one of these, by itself or through a dependency.
fn reaches_none_of(metadata: &Metadata, member: &str, forbidden: &[&str]) {
    let resolve = metadata.resolve.as_ref().expect("metadata with dependencies");
    let nodes: BTreeMap<&PackageId, _> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();
    let start = metadata.workspace_packages().into_iter().find(|package| package.name == member).expect("it is a member");
    let mut todo = vec![(&start.id, member.to_owned())];
    let mut seen = BTreeSet::new();
    while let Some((id, path)) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        let name = metadata[id].name.as_str();
        assert!(!forbidden.contains(&name), "{member} reaches {name}: {path}");
        for dependency in &nodes[id].deps {
            // What a crate uses only in its own tests is not part of it.
            if dependency.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development) {
                todo.push((&dependency.pkg, format!("{path} -> {}", dependency.name)));
            }
        }
    }
    assert!(seen.len() > 1, "{member} has dependencies, and they were looked at");
}

#[test]
fn pure_crates_reach_no_effect() {
    let metadata = metadata();
    for pure in PURE {
        reaches_none_of(&metadata, pure, &EFFECTS);
    }
}

#[test]
fn what_lives_in_the_tray_reaches_nothing_that_draws_windows() {
    reaches_none_of(&metadata(), "signedcall-agent", &DRAWING);
}

#[test]
fn pure_crates_read_no_clock() {
    let metadata = metadata();
    for pure in PURE {
        let folder = manifest_of(&metadata, pure).parent().expect("a manifest lies in a folder").to_path_buf();
        for file in files(&folder.join("src"), &[".rs"]) {
            let text = fs::read_to_string(&file).expect("a source file");
            for clock in ["Instant::now", "SystemTime::now"] {
                assert!(!text.contains(clock), "{} reads a clock: {clock}", file.display());
            }
        }
    }
}

#[test]
fn the_core_repeats_the_lint_settings_of_the_root() {
    let entries = |path: PathBuf| -> BTreeSet<String> {
        let text = fs::read_to_string(path).expect("a clippy.toml");
        text.lines()
            .map(|line| line.trim().trim_end_matches(',').to_owned())
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
            .collect()
    };
    let core = entries(root().join("crates/signedcall-core/clippy.toml"));
    for entry in entries(root().join("clippy.toml")) {
        assert!(core.contains(&entry), "clippy reads one file and does not merge: signedcall-core/clippy.toml lacks {entry}");
    }
}

#[test]
fn every_member_takes_the_lints_of_the_workspace() {
    for package in metadata().workspace_packages().into_iter().filter(|package| package.name != CALLS_C) {
        let text = fs::read_to_string(&package.manifest_path).expect("a manifest");
        let inherits = text.split("[lints]").nth(1).is_some_and(|rest| rest.trim_start().starts_with("workspace = true"));
        assert!(inherits, "{} does not say [lints] workspace = true", package.name);
    }
}

/// What forbids cannot be overridden, so this crate has a table of its own.
#[test]
fn the_crate_that_calls_c_takes_all_other_lints_too() {
    let lints = |path: PathBuf, table: &str| -> BTreeSet<String> {
        let text = fs::read_to_string(path).expect("a manifest");
        let from = text.find(table).unwrap_or_else(|| panic!("there is no {table}"));
        text[from..].lines().skip(1).take_while(|line| !line.starts_with('[')).map(str::to_owned).filter(|line| !line.is_empty()).collect()
    };
    for tool in ["rust", "clippy"] {
        let here = lints(manifest_of(&metadata(), CALLS_C), &format!("[lints.{tool}]"));
        for lint in lints(root().join("Cargo.toml"), &format!("[workspace.lints.{tool}]")) {
            assert!(here.contains(&lint) || lint.starts_with("unsafe_code"), "{CALLS_C} lacks {lint}");
        }
    }
}

#[test]
fn only_the_bridge_knows_tauri() {
    let (ui, bridge) = (root().join("ui/src"), root().join("ui/src/bridge"));
    for file in files(&root(), &[".ts", ".svelte"]) {
        if file.starts_with(&ui) && !file.starts_with(&bridge) {
            let text = fs::read_to_string(&file).expect("a source file");
            assert!(!text.contains("@tauri-apps"), "{} imports Tauri outside ui/src/bridge", file.display());
        }
    }
}

#[test]
fn no_file_outgrows_one_idea() {
    for file in files(&root(), &[".rs", ".ts", ".svelte", ".css", ".mjs", ".py"]) {
        let text = fs::read_to_string(&file).expect("a source file");
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE || text.starts_with("// This file was generated"), "{}: {lines} lines", file.display());
    }
}
