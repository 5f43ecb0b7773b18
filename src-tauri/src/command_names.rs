// Read by the build script, which makes a permission for each, and by the crate, whose test keeps it in step with the bridge.

/// Every command that a window may be allowed to call.
const COMMAND_NAMES: &[&str] = &[
    "view",
    "sign_in",
    "sign_out",
    "set_preferences",
    "dial",
    "answer",
    "decline",
    "hang_up",
    "mute",
    "set_volume",
    "hold",
    "swap",
    "transfer",
    "call_again",
    "see_missed",
    "dismiss_call",
    "dismiss_notice",
    "refresh_devices",
    "begin_trial",
    "end_trial",
    "check_setup",
    "set_autostart",
    "dismiss_link",
    "show_main",
];
