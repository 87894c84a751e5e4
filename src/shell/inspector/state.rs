//! Whether there is an inspector, in which webview, and what it reads.

use std::sync::{Arc, PoisonError};

use crate::api::tap::feed::{Feed, FeedReader};
use crate::engine::core::Core;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::id::Id;
use crate::model::tap::filter::TapFilter;
use crate::shell::hidden::INSPECTOR;
use crate::sync::{Mutex, MutexGuard};

/// How many bytes of a payload the page gets. It shows no more of one.
pub(in crate::shell) const PAYLOAD_BYTES: usize = 64 << 10;

/// The header by which the page shows that the plugin has made its webview.
pub(in crate::shell) const TOKEN_HEADER: &str = "Event-Bus-Inspector";

/// The inspector of an app.
pub(in crate::shell) struct Inspector {
    /// What the builder says.
    setting: Option<bool>,
    window: Mutex<Window>,
    feed: Mutex<Option<(String, Feed)>>,
}

#[derive(Default)]
struct Window {
    stage: Stage,
    /// What only the webview knows that the plugin has built last. A label alone may be given to another one.
    token: String,
    /// Whether the capability of its page was added.
    is_granted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Closed,
    Opening,
    Open,
}

/// What is to be done to open the inspector.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// It is open, or about to be.
    Focus,
    Build {
        token: String,
        /// Whether its capability was added before.
        is_granted: bool,
    },
}

impl Inspector {
    pub(in crate::shell) fn new(setting: Option<bool>) -> Self {
        Self {
            setting,
            window: Mutex::default(),
            feed: Mutex::default(),
        }
    }

    /// Whether this build of the app has it.
    pub(in crate::shell) fn is_on(&self) -> bool {
        self.setting.unwrap_or(cfg!(debug_assertions))
    }

    /// Whether it opens by itself, and by the shortcut.
    pub(in crate::shell) fn opens_itself(&self) -> bool {
        self.setting == Some(true) && cfg!(debug_assertions)
    }

    /// Whether the webview with this label may be the one that the plugin has opened.
    pub(in crate::shell) fn is_in(&self, webview: &str) -> bool {
        webview == INSPECTOR && self.window().stage != Stage::Closed
    }

    /// Whether the webview with this label is the one that the plugin has opened: it has its token.
    pub(in crate::shell) fn is_shown_by(&self, webview: &str, token: Option<&[u8]>) -> bool {
        let window = self.window();
        let is_open = webview == INSPECTOR && window.stage != Stage::Closed;
        is_open && !window.token.is_empty() && token == Some(window.token.as_bytes())
    }

    #[cfg(test)]
    pub(super) fn token(&self) -> String {
        self.window().token.clone()
    }

    /// The inspector is to open. `is_taken` says whether there is a window of its label.
    pub(super) fn begin_opening(&self, is_taken: bool) -> Result<Opening> {
        if !self.is_on() {
            return Err(Error::new(ErrorCode::Denied, self.why_off()));
        }
        let mut window = self.window();
        match (window.stage, is_taken) {
            (Stage::Opening, _) | (Stage::Open, true) => return Ok(Opening::Focus),
            (Stage::Closed, true) => {
                return Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "the inspector cannot open: the app has a window with the label {INSPECTOR:?}, which is the inspector's; give that window another one"
                    ),
                ));
            }
            (Stage::Closed | Stage::Open, false) => {}
        }
        window.token = Id::random()?.to_string();
        window.stage = Stage::Opening;
        Ok(Opening::Build {
            token: window.token.clone(),
            is_granted: std::mem::replace(&mut window.is_granted, true),
        })
    }

    /// Its window was built, or was not.
    pub(super) fn end_opening(&self, is_built: bool) {
        let mut window = self.window();
        // It may have been closed meanwhile.
        if window.stage == Stage::Opening {
            window.stage = match is_built {
                true => Stage::Open,
                false => Stage::Closed,
            };
        }
    }

    /// Its window is closed, and its tap ends.
    pub(in crate::shell) fn close(&self) {
        let mut window = self.window();
        window.stage = Stage::Closed;
        window.token.clear();
        drop(window);
        let feed = self.feed().take();
        drop(feed);
    }

    /// The reader of the tap with this id; `None` if it begins now. It takes the place of the one before.
    pub(in crate::shell) fn reader(
        &self,
        core: &Arc<Core>,
        id: String,
        after: u64,
    ) -> Result<Option<FeedReader>> {
        let known = self.feed().as_ref().and_then(|(own, feed)| {
            let is_same = *own == id;
            is_same.then(|| feed.reader())
        });
        if known.is_some() {
            return Ok(known);
        }
        if after != 0 {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the inspector has no tap with this id, so no text follows the one with the number {after}; begin with 0"
                ),
            ));
        }
        let filter = TapFilter::new().payload_bytes(PAYLOAD_BYTES).check()?;
        let feed = Feed::start(core, filter);
        let before = self.feed().replace((id, feed));
        drop(before);
        Ok(None)
    }

    fn why_off(&self) -> String {
        match self.setting {
            Some(false) => "the inspector is off in this app: Builder::inspector(false)".to_owned(),
            _ => "the inspector is off in this build of the app; turn it on with Builder::inspector(true)".to_owned(),
        }
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn feed(&self) -> MutexGuard<'_, Option<(String, Feed)>> {
        self.feed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_webview_that_was_opened_is_the_inspector() {
        let inspector = Inspector::new(None);
        assert!(!inspector.is_in(INSPECTOR), "no window was opened");
        let Ok(Opening::Build { token, is_granted }) = inspector.begin_opening(false) else {
            panic!("it does not open");
        };
        assert!(!is_granted);
        assert!(inspector.is_in(INSPECTOR) && !inspector.is_in("main"));
        let own = Some(token.as_bytes());
        assert!(inspector.is_shown_by(INSPECTOR, own));
        assert!(!inspector.is_shown_by("main", own));
        assert!(!inspector.is_shown_by(INSPECTOR, None));
        assert!(!inspector.is_shown_by(INSPECTOR, Some(b"")));
        assert_eq!(inspector.begin_opening(false), Ok(Opening::Focus));
        inspector.end_opening(true);
        assert_eq!(inspector.begin_opening(true), Ok(Opening::Focus));
        inspector.close();
        assert!(!inspector.is_in(INSPECTOR), "a later window of its label");
        assert!(!inspector.is_shown_by(INSPECTOR, own));
        assert!(!inspector.is_shown_by(INSPECTOR, Some(b"")));
        let error = inspector.begin_opening(true).unwrap_err();
        assert_eq!(error.code(), ErrorCode::InvalidArgument);
        assert!(error.message().contains(INSPECTOR), "{error}");
        let Ok(Opening::Build {
            token: next,
            is_granted,
        }) = inspector.begin_opening(false)
        else {
            panic!("it does not open again");
        };
        assert!(is_granted && next != token);
        assert!(!inspector.is_shown_by(INSPECTOR, own));
    }

    #[test]
    fn a_window_that_closes_while_it_opens_stays_closed() {
        let inspector = Inspector::new(Some(true));
        inspector.begin_opening(false).unwrap();
        inspector.close();
        inspector.end_opening(true);
        assert!(!inspector.is_in(INSPECTOR));
        inspector.begin_opening(false).unwrap();
        inspector.end_opening(false);
        assert!(!inspector.is_in(INSPECTOR));
    }

    #[test]
    fn it_is_on_as_the_builder_and_the_build_say() {
        assert_eq!(Inspector::new(None).is_on(), cfg!(debug_assertions));
        assert!(!Inspector::new(None).opens_itself());
        assert!(Inspector::new(Some(true)).is_on());
        assert_eq!(
            Inspector::new(Some(true)).opens_itself(),
            cfg!(debug_assertions)
        );
        let off = Inspector::new(Some(false));
        let error = off.begin_opening(false).unwrap_err();
        assert_eq!(error.code(), ErrorCode::Denied);
        assert!(!off.is_in(INSPECTOR));
    }
}
