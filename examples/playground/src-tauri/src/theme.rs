//! A theme from outside, for pictures that must not depend on the desktop.

const VARIABLE: &str = "EVENT_BUS_PLAYGROUND_THEME";

/// A script that tells a page which theme to start with, when the environment asks for one.
pub(crate) fn script() -> Option<&'static str> {
    match std::env::var(VARIABLE).ok()?.as_str() {
        "light" => Some("window.__PLAYGROUND_THEME__ = 'light'"),
        "dark" => Some("window.__PLAYGROUND_THEME__ = 'dark'"),
        other => {
            eprintln!("{VARIABLE} is \"{other}\"; it can be \"light\" or \"dark\".");
            None
        }
    }
}
