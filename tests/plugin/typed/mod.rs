//! Typed events.

mod checks;
mod events;
mod generated;

use std::fmt::Debug;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tauri::App;
use tauri::test::MockRuntime;
use tauri_plugin_event_bus::typed::*;
use tauri_plugin_event_bus::{Builder, Policy};

use crate::support::app_with;

const PATIENCE: Duration = Duration::from_secs(20);

fn typed_app() -> App<MockRuntime> {
    app_with(declared_events::register(Builder::new()))
}

/// An event of an app.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Moved {
    to: Vec<Point>,
    by: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Point {
    x: f64,
    y: f64,
}

impl Event for Moved {
    const NAME: &'static str = "moved";
    const POLICY: Policy = Policy::new().retain(true);
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Counted {
    id: u64,
}

impl Event for Counted {
    const NAME: &'static str = "counted";
}

fn moved(x: f64) -> Moved {
    Moved {
        to: vec![Point { x, y: 0.5 }],
        by: None,
    }
}
