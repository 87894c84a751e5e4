// The one list of the plugin's commands. `build.rs` includes this file as well, so it holds nothing else.

/// Every command of the plugin, in the order of the permission reference.
pub const COMMANDS: &[&str] = &[
    "emit",
    "emit_to",
    "subscribe",
    "unsubscribe",
    "pull",
    "start_periodic",
    "stop_periodic",
    "pause_periodic",
    "resume_periodic",
    "update_periodic",
    "list_periodic",
    "request",
    "cancel_request",
    "respond",
    "reply",
    "catalog",
    "inspect",
];
