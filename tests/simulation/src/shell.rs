//! The plugin's shell, with another look at the webviews.

#[path = "../../../src/shell/bridge.rs"]
mod bridge;
#[path = "../../../src/shell/builder.rs"]
mod builder;
#[path = "../../../src/shell/capability_files.rs"]
pub(crate) mod capability_files;
#[path = "../../../src/shell/commands/mod.rs"]
pub(crate) mod commands;
pub(crate) use crate::calls;
#[path = "../../../src/shell/compat/mod.rs"]
mod compat;
#[path = "../../../src/shell/convert.rs"]
mod convert;
#[path = "../../../src/shell/hidden.rs"]
mod hidden;
#[path = "../../../src/shell/link.rs"]
mod link;
#[path = "../../../src/shell/manager.rs"]
mod manager;
#[path = "../../../src/shell/plugin.rs"]
pub(crate) mod plugin;
#[path = "../../../src/shell/registration.rs"]
mod registration;
#[path = "../../../src/shell/reply.rs"]
pub(crate) mod reply;
#[path = "../../../src/shell/seen.rs"]
mod seen;
#[path = "../../../src/shell/window_events.rs"]
mod window_events;

use crate::platform;

use crate::api::bus::EventBus;
use crate::hub::ids::SessionId;
use crate::model::error::Error;

/// Applies what comes with the answer to a call.
pub(crate) fn apply_carried(
    bus: &EventBus,
    label: &str,
    session: SessionId,
    json: &str,
) -> Vec<Error> {
    commands::apply_carried_text(bus, label, session, json)
}
