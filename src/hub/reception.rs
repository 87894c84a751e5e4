//! Which events a subscription receives, as a listener of the bus or as one that was written for Tauri's events.

use crate::hub::Hub;
use crate::hub::audience::Audience;
use crate::hub::backlog::BacklogEntry;
use crate::hub::ids::SubscriberKey;
use crate::hub::subscription::SubscriptionRequest;
use crate::model::compat::CompatKind;
use crate::model::core_target::{CompatListener, CoreSelection};
use crate::model::delivery::{Addressing, DeliveryFilter};

/// What decides whether a subscription receives an event.
#[derive(Clone, Copy)]
pub(super) struct Reception<'a> {
    pub(super) filter: DeliveryFilter,
    pub(super) compat: Option<&'a CompatListener>,
}

impl Reception<'_> {
    /// Whether the event is for the subscription, in this webview and window.
    pub(super) fn receives(self, kept: &BacklogEntry, page: (&str, &str)) -> bool {
        let Some(listener) = self.compat else {
            return self.filter.covers(kept.addressing);
        };
        let everyone = Audience::default();
        let audience = kept.event.audience().unwrap_or(&everyone);
        audience.reaches_compatible(listener, kept.addressing, Some(page))
    }

    /// Whether one of several events may be for it.
    pub(super) fn may_receive(self, addressing: Addressing) -> bool {
        let takes_others = self.compat.is_some_and(|listener| listener.takes_others);
        takes_others || self.filter.covers(addressing)
    }

    /// How an event with this audience is addressed to it, if it is for it.
    pub(super) fn addressing_of(
        self,
        audience: &Audience,
        to_page: Option<Addressing>,
        page: (&str, &str),
    ) -> Option<Addressing> {
        match self.compat {
            None => to_page.filter(|own| self.filter.covers(*own)),
            Some(listener) => {
                let addressing = to_page.unwrap_or(Addressing::Elsewhere);
                let is_reached = audience.reaches_compatible(listener, addressing, Some(page));
                is_reached.then_some(addressing)
            }
        }
    }
}

impl<W> Hub<W> {
    /// Whether a listener that was written for Tauri's events gets nothing of what came before it.
    pub(super) fn starts_empty(&self, request: &SubscriptionRequest) -> bool {
        let compat = self.compat.as_ref();
        request.resume.is_none() && compat.is_some_and(|compat| compat.parts.replay)
    }

    /// What a page's listener that was written for Tauri's events receives, while the mode is on.
    pub(super) fn compat_listener(&self, request: &SubscriptionRequest) -> Option<CompatListener> {
        let parts = self.compat.as_ref()?.parts;
        match &request.target.as_ref()?.core {
            Some(CoreSelection::Target(target)) => Some(CompatListener {
                target: target.clone(),
                takes_others: parts.targets,
                takes_broadcasts: parts.broadcasts,
                is_in_core: parts.core,
            }),
            _ => None,
        }
    }

    /// Whether its target may be of any label, as in Tauri's own events.
    pub(super) fn takes_any_label(&self, request: &SubscriptionRequest) -> bool {
        let listener = self.compat_listener(request);
        listener.is_some_and(|listener| listener.takes_others)
    }

    pub(super) fn is_unlimited(&self, request: &SubscriptionRequest) -> bool {
        let compat = self.compat.as_ref();
        let is_compatible = request.target.as_ref().is_some_and(|to| to.core.is_some());
        is_compatible && compat.is_some_and(|compat| compat.parts.limits)
    }

    /// Notes that a page has more subscriptions than its limit.
    pub(super) fn note_many(&mut self, key: SubscriberKey, request: &SubscriptionRequest) {
        let limit = self.limits.subscriptions_per_page;
        let count = self.sessions.get(&key).map_or(0, |own| own.subscriptions);
        if count >= limit
            && let (Some(compat), Some(name)) = (&mut self.compat, request.pattern.exact())
        {
            compat.notes.add(CompatKind::Limit, name, || {
                format!(
                    "a page has more than {limit} subscriptions, the limit (subscriptionsPerPage)"
                )
            });
        }
    }
}
