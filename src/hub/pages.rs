//! Whether the page of a webview is there: from its first sign of life, over reloads, to its end.
//!
//! A page that goes is away for a grace, in which it may come back. What others are told of it is in `page_events.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::hub::effects::Effects;
use crate::hub::ids::{SessionId, SubscriberKey};
use crate::hub::session::Session;
use crate::hub::{Hub, Webview};
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::page::{PageEnd, PageInfo, PageState};

/// How long after its first command a page that does not pull counts as there. A page that was left sends no more by then.
pub(super) const SHOWN_AFTER: Duration = Duration::from_secs(3);

/// How many sessions of a page that is away are remembered, one after the other.
const MAX_SESSIONS: usize = 8;

/// What is known of the page of one webview.
#[derive(Debug, Default)]
pub(super) struct PageStanding {
    stage: Stage,
    since: Option<SystemTime>,
}

#[derive(Debug, Default)]
enum Stage {
    /// No page has shown that it is there.
    #[default]
    Unknown,
    Opened,
    Ready,
    Away(Box<Away>),
}

/// A page that is gone, and may come back.
#[derive(Debug)]
struct Away {
    /// Its sessions, which it may continue.
    sessions: Vec<SessionId>,
    origin: Option<String>,
    was_ready: bool,
    is_deferred: bool,
    end: PageEnd,
    /// When its grace began: as soon as [`Hub::expire`] has run after its end.
    since: Option<Instant>,
    /// Whether it cannot come back.
    is_over: bool,
}

/// A page that is gone for good, with the labels of its webview and window.
#[derive(Debug)]
pub(super) struct ClosedPage {
    label: Arc<str>,
    window: Arc<str>,
    /// The number of the webview.
    webview: u64,
    end: PageEnd,
}

impl ClosedPage {
    fn error(&self) -> Error {
        let Self { label, end, .. } = self;
        let reason = match end {
            PageEnd::Closed => "its webview was closed",
            PageEnd::Navigated => "its webview was navigated, and the page did not come back",
            PageEnd::Crashed => "its process crashed, and the page did not come back",
            PageEnd::Silent => "it gave no sign of life",
        };
        Error::new(
            ErrorCode::PageGone,
            format!("the page in the webview {label:?} is gone: {reason}"),
        )
    }
}

impl PageStanding {
    fn enter(&mut self, stage: Stage, since: SystemTime) {
        self.stage = stage;
        self.since = Some(since);
    }

    pub(super) fn is_ready(&self) -> bool {
        matches!(self.stage, Stage::Ready)
    }

    /// Whether the page that is away is there again in a session that continues this one.
    pub(super) fn is_continued_by(&self, continues: Option<SessionId>) -> bool {
        match &self.stage {
            Stage::Away(away) => {
                !away.is_over && continues.is_some_and(|id| away.sessions.contains(&id))
            }
            _ => false,
        }
    }

    fn state(&self) -> Option<PageState> {
        match &self.stage {
            Stage::Unknown => None,
            Stage::Opened => Some(PageState::Opened),
            Stage::Ready => Some(PageState::Ready),
            Stage::Away(_) => Some(PageState::Away),
        }
    }

    /// The webview loads a page of this origin. Returns whether that is another one, so that the page does not come back.
    pub(super) fn note_load(&mut self, origin: &str) -> bool {
        let Stage::Away(away) = &mut self.stage else {
            return false;
        };
        let before = away.origin.as_deref();
        away.is_over |= before.is_some_and(|before| before != origin);
        away.is_over
    }

    /// The session of the page has ended. Returns whether its grace begins, or goes on.
    pub(super) fn leave<W>(
        &mut self,
        session: &Session<W>,
        end: PageEnd,
        since: SystemTime,
    ) -> bool {
        let arrival = &session.arrival;
        if let Stage::Away(away) = &mut self.stage {
            // It never showed that it was there, but its page may be, and continue it.
            let is_continued = (arrival.continues).is_some_and(|id| away.sessions.contains(&id));
            if is_continued && away.sessions.len() < MAX_SESSIONS {
                away.sessions.push(session.id);
            }
            return true;
        }
        if !arrival.is_shown {
            return false;
        }
        let was_ready = self.is_ready();
        self.enter(
            Stage::Away(Box::new(Away {
                sessions: vec![session.id],
                origin: session.origin.clone(),
                was_ready,
                is_deferred: arrival.is_deferred,
                end,
                since: None,
                is_over: false,
            })),
            since,
        );
        true
    }

    /// When the grace of a page that is away is over.
    pub(super) fn grace_ends(&self, grace: Duration) -> Option<Instant> {
        match &self.stage {
            Stage::Away(away) => Some(away.since? + grace),
            _ => None,
        }
    }
}

impl<W> Webview<W> {
    /// What is told of the end of its page.
    fn closed_page(&self, label: &Arc<str>, end: PageEnd) -> ClosedPage {
        ClosedPage {
            label: Arc::clone(label),
            window: Arc::clone(&self.window),
            webview: self.number,
            end,
        }
    }
}

impl<W> Hub<W> {
    pub(super) fn grace(&self) -> Duration {
        Duration::from_millis(self.limits.page_grace_ms as u64)
    }

    /// A page has shown that it is there: it has pulled, or was not left for a while after its first command.
    pub(super) fn show_page(&mut self, key: SubscriberKey, now: Instant, effects: &mut Effects<W>) {
        self.tell_closed_pages(now, effects);
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        if std::mem::replace(&mut session.arrival.is_shown, true) {
            return;
        }
        let label = Arc::clone(&session.webview);
        let since = self.clock.wall();
        let Some(webview) = self.webviews.get_mut(&label) else {
            return;
        };
        let standing = &mut webview.standing;
        let mut news = "opened";
        let is_continued = standing.is_continued_by(session.arrival.continues);
        if let Stage::Away(away) = &standing.stage {
            if is_continued {
                session.arrival.is_deferred |= away.is_deferred;
                session.arrival.is_arriving = !away.was_ready;
                let is_ready = away.was_ready;
                let stage = match is_ready {
                    true => Stage::Ready,
                    false => Stage::Opened,
                };
                standing.enter(stage, since);
                let (number, window) = (webview.number, Arc::clone(&webview.window));
                self.settle_wills(key, true, effects);
                match is_ready {
                    true => self.announce_ready(&label, &window, number, now, effects),
                    false => self.check_arrival(key, now, effects),
                }
                return;
            }
            news = "reloaded";
            if away.is_over {
                let end = away.end;
                news = "opened";
                self.closed_pages.push(webview.closed_page(&label, end));
            }
        }
        webview.standing.enter(Stage::Opened, since);
        let window = Arc::clone(&webview.window);
        self.settle_wills(key, false, effects);
        self.tell_closed_pages(now, effects);
        self.publish_page_event(news, &label, &window, None, now, effects);
        self.check_arrival(key, now, effects);
    }

    /// The page has pulled.
    pub(super) fn note_arrival(
        &mut self,
        key: SubscriberKey,
        is_first: bool,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        match is_first {
            true => self.show_page(key, now, effects),
            false => self.check_arrival(key, now, effects),
        }
    }

    /// Subscriptions of a page were accepted, and what they get of what came before is queued.
    pub(super) fn note_first_subscription(
        &mut self,
        key: SubscriberKey,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let seq = self.seq;
        if let Some(session) = self.sessions.get_mut(&key)
            && session.arrival.is_arriving
        {
            session.arrival.note_subscribed(seq);
            self.check_arrival(key, now, effects);
        }
    }

    /// Notes whether a page that is there has handled what waited for it.
    pub(super) fn check_arrival(
        &mut self,
        key: SubscriberKey,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let Some(session) = self.sessions.get_mut(&key) else {
            return;
        };
        let arrival = &mut session.arrival;
        if !arrival.is_arriving || !arrival.is_shown || !arrival.has_arrived(&session.outbox) {
            return;
        }
        arrival.is_arriving = false;
        let label = Arc::clone(&session.webview);
        let since = self.clock.wall();
        let Some(webview) = self.webviews.get_mut(&label) else {
            return;
        };
        webview.standing.enter(Stage::Ready, since);
        let window = Arc::clone(&webview.window);
        let number = webview.number;
        self.announce_ready(&label, &window, number, now, effects);
    }

    /// Those that wait for the page go on. They may have begun while it was away.
    fn announce_ready(
        &mut self,
        label: &Arc<str>,
        window: &Arc<str>,
        number: u64,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        self.end_waits(number, || Ok(()), effects);
        self.publish_page_event("ready", label, window, None, now, effects);
    }

    /// The page says whether it is ready. It may say that it is not yet, until it is.
    pub(crate) fn note_readiness(
        &mut self,
        key: SubscriberKey,
        is_ready: bool,
        now: Instant,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        let Some(session) = self.sessions.get_mut(&key) else {
            return (Ok(()), effects);
        };
        let arrival = &mut session.arrival;
        if is_ready {
            arrival.is_announced = true;
            self.check_arrival(key, now, &mut effects);
            return (Ok(()), effects);
        }
        if !arrival.is_arriving || arrival.is_announced {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                "this page is ready already; call deferReady() before the first listen",
            );
            return (Err(error), effects);
        }
        arrival.is_deferred = true;
        (Ok(()), effects)
    }

    /// Shows pages that do not pull, and ends those that are away for too long. Returns when to call again.
    pub(super) fn expire_pages(
        &mut self,
        now: Instant,
        effects: &mut Effects<W>,
    ) -> Option<Instant> {
        self.tell_closed_pages(now, effects);
        let is_due =
            |session: &Session<W>| !session.arrival.is_shown && now >= session.opened + SHOWN_AFTER;
        let shown = self
            .sessions
            .iter()
            .filter(|(_, session)| is_due(session))
            .map(|(key, _)| *key);
        let shown: Vec<SubscriberKey> = shown.collect();
        for key in shown {
            self.show_page(key, now, effects);
        }
        let (grace, wall) = (self.grace(), self.clock.wall());
        let mut closed = Vec::new();
        for (label, webview) in &mut self.webviews {
            let Stage::Away(away) = &mut webview.standing.stage else {
                continue;
            };
            let since = *away.since.get_or_insert(now);
            // A page that is about to show itself may be the same one.
            let may_be_back = webview.session.is_some() && !away.is_over;
            if away.is_over || (!may_be_back && now >= since + grace) {
                let end = away.end;
                closed.push(webview.closed_page(label, end));
                webview.standing.enter(Stage::Unknown, wall);
            }
        }
        self.closed_pages.extend(closed);
        self.tell_closed_pages(now, effects);
        let unshown = self.sessions.values();
        let unshown = unshown.filter(|session| !session.arrival.is_shown);
        let unshown = unshown.map(|session| session.opened + SHOWN_AFTER);
        let away = self.webviews.values();
        let away = away.filter(|webview| webview.session.is_none());
        let away = away.filter_map(|webview| webview.standing.grace_ends(grace));
        unshown.chain(away).min()
    }

    /// Tells of pages that are gone for good.
    fn tell_closed_pages(&mut self, now: Instant, effects: &mut Effects<W>) {
        for closed in std::mem::take(&mut self.closed_pages) {
            self.end_waits(closed.webview, || Err(closed.error()), effects);
            let ClosedPage {
                label, window, end, ..
            } = closed;
            self.publish_page_event("closed", &label, &window, Some(end), now, effects);
        }
    }

    /// The webview is closed, and what is told of its page follows.
    pub(super) fn close_page(
        &mut self,
        label: &Arc<str>,
        webview: &Webview<W>,
        effects: &mut Effects<W>,
    ) {
        let closed = webview.closed_page(label, PageEnd::Closed);
        self.end_waits(closed.webview, || Err(closed.error()), effects);
        if webview.standing.state().is_some() {
            self.closed_pages.push(closed);
            effects.rearm = true;
        }
    }

    /// The pages that there are.
    pub(crate) fn pages(&self) -> Vec<PageInfo> {
        let webviews = self.webviews.iter();
        let pages = webviews.filter_map(|(label, webview)| {
            Some(PageInfo {
                label: label.to_string(),
                window: webview.window.to_string(),
                state: webview.standing.state()?,
                since: webview.standing.since?,
            })
        });
        pages.collect()
    }
}
