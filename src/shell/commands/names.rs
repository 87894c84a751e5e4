// The only list of the plugin's commands. `build.rs` includes this file, too, so it holds nothing else.

/// Every command of the plugin, in the order of the permission reference.
pub const COMMANDS: &[&str] = &[
    "emit",
    "emit_to",
    "clear_retained",
    "subscribe",
    "unsubscribe",
    "settle",
    "pull",
    "start_job",
    "stop_job",
    "pause_job",
    "resume_job",
    "update_job",
    "list_jobs",
    "start_task",
    "attach_task",
    "cancel_task",
    "list_tasks",
    "request",
    "cancel_request",
    "set_responders",
    "respond",
    "pages",
    "page",
    "presence",
    "catalog",
    "inspect",
    "compat_report",
    "tap",
];

/// The commands of the inspector, which the plugin grants to the inspector's own page, and the one that opens it. They exist
/// with the feature `inspector`, and their permissions always.
pub const INSPECTOR_COMMANDS: &[&str] = &[
    "open_inspector",
    "inspector_records",
    "inspector_state",
    "inspector_act",
    "inspector_export",
];
