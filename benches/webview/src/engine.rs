//! The engines whose pages are measured.

use serde::Serialize;

use crate::plan::{Method, Scenario};

/// What renders the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Engine {
    WebKit,
    /// With the runtime of the journeys, over DevTools.
    Chromium,
}

impl Engine {
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::WebKit => "webkit",
            Self::Chromium => "chromium",
        }
    }

    /// Memory and wake-ups are those of WebKit's processes. Chromium shares its processes between windows.
    pub(crate) fn measures(self, scenario: Scenario) -> bool {
        let of_processes = [Scenario::SmallMemory, Scenario::LargeMemory, Scenario::Idle];
        self == Self::WebKit || !of_processes.contains(&scenario)
    }

    /// In Chromium, all pages pull. It connects a page to this machine only if the user permits it, and no user is there.
    pub(crate) fn has(self, method: Method) -> bool {
        self == Self::WebKit || !matches!(method, Method::Pull | Method::WebSocket)
    }
}
