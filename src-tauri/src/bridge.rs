//! The typed border to the web view: the commands it may call and the one event it hears. `ui/src/bridge/bindings.ts` is generated from here.

use serde::Serialize;
use signedcall_agent::view::AppView;
use specta::Type;
use tauri_specta::{Builder, Event, collect_commands, collect_events};

use crate::commands;

/// Everything that the windows show has changed to this.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub(crate) struct ViewChanged(pub(crate) AppView);

/// Collects the commands and the event.
pub(crate) fn builder() -> Builder<tauri::Wry> {
    Builder::new()
        // The web view only receives views and only sends forms: one TypeScript type each is enough.
        .disable_serde_phases()
        .commands(collect_commands![
            commands::view,
            commands::sign_in,
            commands::sign_out,
            commands::set_preferences,
            commands::dial,
            commands::answer,
            commands::decline,
            commands::hang_up,
            commands::mute,
            commands::set_volume,
            commands::hold,
            commands::swap,
            commands::transfer,
            commands::call_again,
            commands::see_missed,
            commands::dismiss_call,
            commands::dismiss_notice,
            commands::refresh_devices,
            commands::begin_trial,
            commands::end_trial,
            commands::check_setup,
            commands::set_autostart,
            commands::dismiss_link,
            commands::show_main,
        ])
        .events(collect_events![ViewChanged])
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use specta_typescript::Typescript;

    use super::*;

    include!("command_names.rs");

    /// Where the UI reads them.
    fn committed() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../ui/src/bridge/bindings.ts")
    }

    fn generated() -> String {
        let file = std::env::temp_dir().join(format!("signedcall-bindings-{}.ts", uuid::Uuid::new_v4()));
        builder().export(Typescript::default(), &file).expect("every type of the bridge has a TypeScript type");
        let text = std::fs::read_to_string(&file).expect("the export wrote it");
        std::fs::remove_file(&file).expect("the export wrote it");
        text
    }

    #[test]
    fn the_committed_bindings_are_those_of_the_bridge() {
        let generated = generated();
        if std::fs::read_to_string(committed()).is_ok_and(|committed| committed == generated) {
            return;
        }
        std::fs::create_dir_all(committed().parent().expect("a file lies in a folder")).expect("the UI's folder can be written");
        // Written first, so that committing the file is all that is left to do.
        std::fs::write(committed(), &generated).expect("ui/src/bridge is there");
        panic!("ui/src/bridge/bindings.ts was stale and has been written anew: look at the difference and commit it");
    }

    #[test]
    fn every_command_of_the_bridge_has_a_permission_and_no_other_has() {
        let generated = generated();
        // Every call reads `__TAURI_INVOKE("name"` or `__TAURI_INVOKE<Type>("name"`.
        let called: Vec<&str> = generated.split("__TAURI_INVOKE").filter_map(|rest| rest.split_once("(\"")?.1.split('"').next()).collect();
        assert_eq!(called, COMMAND_NAMES);
    }
}
