//! The webviews: how the hub learns of them, where they are, and how they end.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::flood::Flood;
use crate::hub::effects::Effects;
use crate::hub::history::History;
use crate::hub::pages::PageStanding;
use crate::hub::will::LeftWills;
use crate::hub::{Hub, Webview, sessions};
use crate::model::error::Result;
use crate::model::page::PageEnd;
use crate::permissions::WebviewLocation;

impl<W> Hub<W> {
    /// Adds a webview. A known one only gets its window noted.
    pub(crate) fn announce(&mut self, label: &str, window: &str) -> Effects<W> {
        if self.knows(label) {
            return self.note_window(label, window);
        }
        let flood = Arc::new(Flood::new(&self.limits));
        self.add_webview(label, window, flood);
        Effects::default()
    }

    fn add_webview(&mut self, label: &str, window: &str, flood: Arc<Flood>) {
        self.newest_webview += 1;
        let webview = Webview {
            number: self.newest_webview,
            is_ready: false,
            is_callable: false,
            window: window.into(),
            flood,
            session: None,
            ended: VecDeque::new(),
            origin: None,
            loaded: None,
            loaded_at: self.seq,
            left: None,
            standing: PageStanding::default(),
            left_wills: LeftWills::default(),
            watched: None,
            history: Some(History::for_first_page(self.backlog_bound(), self.seq)),
        };
        self.webviews.insert(label.into(), webview);
    }

    /// Notes the window that a known webview is in, which may be another one than before.
    pub(crate) fn note_window(&mut self, label: &str, window: &str) -> Effects<W> {
        let mut effects = Effects::default();
        let known = self.webviews.get_mut(label);
        if let Some(webview) = known.filter(|known| *known.window != *window) {
            webview.window = window.into();
            // What is sent to the window before is not for its page any more.
            if let Some(page) = webview.session {
                self.release_waiting(page, &mut effects);
            }
        }
        effects
    }

    /// The platform tells once of each webview that it is ready. If it tells again, the webview before was closed without
    /// a word, and this one has only the label in common with it. Returns whether that is so.
    pub(crate) fn webview_is_ready(&mut self, label: &str, window: &str) -> (bool, Effects<W>) {
        let before = self.webviews.get(label).filter(|known| known.is_ready);
        let flood = before.map(|before| Arc::clone(&before.flood));
        let is_replaced = flood.is_some();
        let effects = match flood {
            // The limits are those of the label: closing a webview does not reset them.
            Some(flood) => {
                let effects = self.remove_webviews(&[label.into()]);
                self.add_webview(label, window, flood);
                effects
            }
            None => self.announce(label, window),
        };
        if let Some(webview) = self.webviews.get_mut(label) {
            webview.is_ready = true;
        }
        (is_replaced, effects)
    }

    pub(crate) fn knows(&self, webview: &str) -> bool {
        self.webviews.contains_key(webview)
    }

    /// The number of the webview that has this label now. A later one of the same label has another.
    pub(crate) fn webview_number(&self, webview: &str) -> Option<u64> {
        self.webviews.get(webview).map(|known| known.number)
    }

    /// Every webview and its window.
    pub(crate) fn locations(&self) -> Vec<WebviewLocation> {
        let webviews = self.webviews.iter();
        webviews
            .map(|(label, webview)| (Arc::clone(label), Arc::clone(&webview.window)))
            .collect()
    }

    /// The account of how fast the pages of this webview may send.
    pub(crate) fn flood(&self, webview: &str) -> Result<Arc<Flood>> {
        let known = self.webviews.get(webview);
        known
            .map(|known| Arc::clone(&known.flood))
            .ok_or_else(|| sessions::webview_closed(webview))
    }

    /// Removes a window and its webviews, and returns their labels.
    pub(crate) fn remove_window(&mut self, window: &str) -> (Vec<Arc<str>>, Effects<W>) {
        let gone: Vec<Arc<str>> = self
            .webviews
            .iter()
            .filter(|(_, webview)| &*webview.window == window)
            .map(|(label, _)| Arc::clone(label))
            .collect();
        let effects = self.remove_webviews(&gone);
        (gone, effects)
    }

    /// Removes the webview with this number, unless a later one has its label. Returns whether it was there.
    pub(crate) fn remove_webview(&mut self, label: &str, number: u64) -> (bool, Effects<W>) {
        if self.webview_number(label) != Some(number) {
            return (false, Effects::default());
        }
        (true, self.remove_webviews(&[label.into()]))
    }

    fn remove_webviews(&mut self, gone: &[Arc<str>]) -> Effects<W> {
        let mut effects = Effects::default();
        // Callers first: two webviews of a window may wait for each other, and neither is there for a reply.
        for label in gone {
            self.abandon_requests_from(label, &mut effects);
        }
        for label in gone {
            self.end_page(label, PageEnd::Closed, &mut effects);
            self.end_requests_waiting_for(label, &mut effects);
            self.release_wills(label);
            effects.rearm |= !self.due_wills.is_empty();
            effects.rearm |= self.presence.give_up(label);
            if let Some(webview) = self.webviews.remove(label) {
                self.close_page(label, &webview, &mut effects);
                let ended = webview.ended.into_iter();
                let closed = || Err(sessions::webview_closed(label));
                let waiting = ended.flat_map(|mut ended| ended.log.end(closed()));
                effects.mark_gone(waiting, sessions::session_ended);
            }
        }
        effects
    }
}
