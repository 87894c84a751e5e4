//! A theme from the environment, for pictures that do not depend on the desktop.

const VARIABLE: &str = "EVENT_BUS_PLAYGROUND_THEME";

/// A script that sets the theme of a page, if the environment names one.
pub(crate) fn script() -> Option<&'static str> {
    match std::env::var(VARIABLE).ok()?.as_str() {
        "light" => Some("window.__PLAYGROUND_THEME__ = 'light'"),
        "dark" => Some("window.__PLAYGROUND_THEME__ = 'dark'"),
        other => {
            eprintln!("invalid {VARIABLE} \"{other}\": expected \"light\" or \"dark\"");
            None
        }
    }
}
