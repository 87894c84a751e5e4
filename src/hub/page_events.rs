//! The events by which others are told of pages and members: to the host, and to the pages that may know of them.

use std::sync::Arc;
use std::time::Instant;

use crate::hub::audience::{Address, Audience};
use crate::hub::effects::Effects;
use crate::hub::publish::NewEvent;
use crate::hub::{Hub, Webview};
use crate::model::built_in::PAGE_PREFIX;
use crate::model::endpoint::Endpoint;
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::page::{PageEnd, PageEvent};
use crate::permissions::WatchScope;

impl<W> Hub<W> {
    /// Tells of a page what is new.
    pub(super) fn publish_page_event(
        &mut self,
        news: &str,
        label: &str,
        window: &str,
        reason: Option<PageEnd>,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let event = PageEvent {
            label,
            window,
            reason,
        };
        let name = EventName::parse(&format!("{PAGE_PREFIX}{news}"));
        let payload = Json::write("an event about a page", &event);
        if let (Ok(name), Ok(payload)) = (name, payload) {
            let knows = |_: &str, scope: &WatchScope| scope.allows_page(label);
            self.publish_to_watchers(name, payload, knows, now, effects);
        }
    }

    /// Publishes an event of the bus to the host and to the pages whose scope `knows`, if they listen to it or may yet get it.
    /// Without any of these it gets no number.
    pub(super) fn publish_to_watchers(
        &mut self,
        name: EventName,
        payload: Json,
        knows: impl Fn(&str, &WatchScope) -> bool,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        if self.exiting {
            return;
        }
        let route = self.subscriptions.route_of_own(&name);
        let mut entries = route.entries.iter();
        let to_host = entries.any(|entry| self.consumers.contains_key(&entry.subscriber));
        let receives = |webview: &Webview<W>| {
            let is_listening = webview.session.is_some_and(|key| route.concerns(key));
            let history = webview.history.as_ref();
            is_listening || history.is_some_and(|history| history.may_be_renewed())
        };
        let webviews = self.webviews.iter();
        let labels = webviews.filter(|(label, webview)| {
            let watches = Some(webview).filter(|own| receives(own));
            let watches = watches.and_then(|own| self.watching(own));
            watches.is_some_and(|scope| knows(label, scope))
        });
        let labels: Vec<Arc<str>> = labels.map(|(label, _)| Arc::clone(label)).collect();
        if labels.is_empty() && !to_host {
            return;
        }
        let event = NewEvent {
            name,
            payload,
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: Some(false),
            lifetime: Lifetime::default(),
        };
        let audience = Audience {
            to: Some(Address::of_labels(&labels, to_host)),
            ..Audience::default()
        };
        if let Ok((_, emitted)) = self.enqueue(event, &audience, || now)
            && let Some(emitted) = emitted
        {
            effects.append(*emitted);
        }
    }

    /// What the page of a webview may know of others. While a page is about to come back, what it missed is counted.
    fn watching<'a>(&'a self, webview: &'a Webview<W>) -> Option<&'a Arc<WatchScope>> {
        let session = webview.session.and_then(|key| self.sessions.get(&key));
        match session {
            Some(session) if session.subscriptions > 0 => session.watches.as_ref(),
            _ => {
                let may_come_back = webview.history.as_ref();
                may_come_back.filter(|history| history.may_be_renewed())?;
                webview.watched.as_ref()
            }
        }
    }
}
