//! The events by which others are told of pages and members: to the host, and to the pages that may know of them.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use crate::hub::audience::{Address, Audience};
use crate::hub::effects::Effects;
use crate::hub::publish::NewEvent;
use crate::hub::{Hub, Webview};
use crate::model::built_in::PAGE_PREFIX;
use crate::model::endpoint::Endpoint;
use crate::model::json::Json;
use crate::model::lifetime::Lifetime;
use crate::model::name::EventName;
use crate::model::page::PageEnd;
use crate::model::target::Target;
use crate::permissions::WatchScope;

#[derive(Serialize)]
struct PageEvent<'a> {
    label: &'a str,
    window: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<PageEnd>,
}

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
        let payload = serde_json::to_string(&event);
        if let (Ok(name), Ok(payload)) = (name, payload) {
            let knows = |scope: &WatchScope| scope.allows_page(label);
            self.publish_to_watchers(name, payload.into(), knows, now, effects);
        }
    }

    /// Publishes an event of the bus to the host and to the pages whose scope `knows`. Without any of these it gets no number.
    pub(super) fn publish_to_watchers(
        &mut self,
        name: EventName,
        payload: Json,
        knows: impl Fn(&WatchScope) -> bool,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        if self.exiting {
            return;
        }
        let route = self.subscriptions.route(&name);
        let mut entries = route.entries.iter();
        let to_host = entries.any(|entry| self.consumers.contains_key(&entry.subscriber));
        let labels = self.webviews.iter().filter(|(_, webview)| {
            let watches = self.watching(webview);
            watches.is_some_and(|scope| knows(scope))
        });
        let mut targets: Vec<Target> = labels
            .map(|(label, _)| Target::webview(label.to_string()))
            .collect();
        if to_host {
            targets.push(Target::host());
        }
        if targets.is_empty() {
            return;
        }
        let Ok(address) = Address::of(Target::join(targets)) else {
            return;
        };
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
            to: Some(address),
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
