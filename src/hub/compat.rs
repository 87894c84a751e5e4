//! Compatible mode: what listeners and events that were written for Tauri's own events may do, and what it notes.

use std::collections::HashMap;

use crate::config::Compatible;
use crate::hub::Hub;
use crate::hub::audience::{Address, Audience};
use crate::hub::catch_up::CatchUp;
use crate::hub::effects::{Effects, EmitEffects};
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::queue::QueuedEvent;
use crate::model::compat::{CompatKind, CompatNote, CompatReport, Notes};
use crate::model::core_target::{CompatListener, CoreTarget};
use crate::model::delivery::{Addressing, DeliveryFilter};
use crate::model::error::{Error, Result, quoted};
use crate::model::event::BusEvent;
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::pattern::EventPattern;
use crate::model::policy::Overflow;
use crate::model::target::{Target, TargetPart};

/// Compatible mode while it is on.
#[derive(Debug)]
pub(crate) struct CompatState {
    pub(crate) parts: Compatible,
    pub(super) notes: Notes,
}

impl<W> Hub<W> {
    pub(crate) fn set_compatible(&mut self, parts: Compatible) {
        let notes = Notes::default();
        self.compat = Some(Box::new(CompatState { parts, notes }));
    }

    /// The names that Tauri's own listeners receive, too.
    pub(crate) fn set_bridged(&mut self, bridged: Vec<EventPattern>) {
        self.subscriptions.set_bridged(bridged);
    }

    /// Whether Tauri's own listeners receive the events of this name, too.
    pub(crate) fn is_bridged(&self, name: &EventName) -> bool {
        self.subscriptions.is_bridged(name)
    }

    pub(crate) fn compat_report(&self) -> CompatReport {
        let compat = self.compat.as_ref();
        compat.map_or_else(CompatReport::default, |compat| compat.notes.report())
    }

    /// Notes a difference. Returns those that are to be logged.
    pub(crate) fn note_difference(
        &mut self,
        kind: CompatKind,
        name: &EventName,
        message: impl FnOnce() -> String,
    ) -> Vec<CompatNote> {
        let Some(compat) = &mut self.compat else {
            return Vec::new();
        };
        compat.notes.add(kind, name, message);
        compat.notes.take_fresh()
    }

    /// Whether this event is accepted although a label names no webview, which is then noted.
    pub(super) fn accepts_unknown_label(
        &mut self,
        audience: &Audience,
        to: &Address,
        name: &EventName,
    ) -> bool {
        let parts = self.compat.as_ref().map(|compat| compat.parts);
        if !audience.is_compatible || !parts.is_some_and(|parts| parts.unknown_labels) {
            return false;
        }
        let noted = self.unknown_label(&to.selection).map(|unknown| {
            let labels = spelled(&to.target);
            format!(
                "emit_to({labels}, {}) names no {}{}",
                quoted(name.as_str()),
                unknown.kind,
                unknown.alternatives()
            )
        });
        if let (Some(message), Some(compat)) = (noted, &mut self.compat) {
            compat.notes.add(CompatKind::UnknownLabel, name, || message);
        }
        true
    }

    /// Lets an event pass that a limit refuses, and notes that, if compatible mode says so.
    pub(super) fn accept_beyond(
        &mut self,
        audience: &Audience,
        name: &EventName,
        error: Error,
    ) -> Result<()> {
        match &mut self.compat {
            Some(compat) if audience.is_compatible && compat.parts.limits => {
                let message = || error.message().to_owned();
                compat.notes.add(CompatKind::Limit, name, message);
                Ok(())
            }
            _ => Err(error),
        }
    }

    pub(super) fn take_notes(&mut self, effects: &mut EmitEffects<W>) {
        if let Some(compat) = &mut self.compat {
            let fresh = compat.notes.take_fresh();
            if !fresh.is_empty() {
                effects.get_or_insert_default().notes.extend(fresh);
            }
        }
    }

    /// Notes what a new subscription would have received of what came before it.
    pub(super) fn note_replay(&mut self, key: SubscriberKey, would_be: &CatchUp) {
        let Some(session) = self.sessions.get(&key) else {
            return;
        };
        let mut counts: HashMap<&EventName, usize> = HashMap::new();
        for entry in would_be.events.values() {
            *counts.entry(entry.event.event_name()).or_default() += 1;
        }
        if let Some(compat) = &mut self.compat {
            for (name, count) in counts {
                compat.notes.add(CompatKind::Replay, name, || {
                    let events = if count == 1 { "event" } else { "events" };
                    format!(
                        "{count} {events} of {} would have been replayed to {:?}",
                        quoted(name.as_str()),
                        session.webview
                    )
                });
            }
        }
    }

    /// Begins a subscription of the host that was written for Tauri's events, and receives nothing that came before.
    pub(crate) fn listen_compatible(
        &mut self,
        key: SubscriberKey,
        id: SubscriptionId,
        pattern: EventPattern,
        listener: CompatListener,
    ) -> Effects<W> {
        let rest = (DeliveryFilter::Everything, None);
        self.subscriptions
            .insert_as(key, id, pattern, rest, (Some(listener), false));
        Effects {
            has_new_listeners: true,
            ..Effects::default()
        }
    }

    /// Queues what a listener of the host has received through Tauri's own system, behind what waits for it already.
    pub(crate) fn hand_over(
        &mut self,
        key: SubscriberKey,
        id: SubscriptionId,
        name: EventName,
        payload: Json,
    ) -> Effects<W> {
        let mut effects = Effects::default();
        let Some(consumer) = self.consumers.get_mut(&key).filter(|_| !self.exiting) else {
            return effects;
        };
        self.seq += 1;
        let accepted_at = self.clock.wall();
        let queued = QueuedEvent::of_host(self.seq, accepted_at, name, payload, id);
        consumer.queue.push(queued, Overflow::DropOldest);
        effects.wakers.extend(consumer.take_waker());
        effects
    }

    /// The targets of listeners that were written for Tauri's events, and of every page, for a filter to choose from.
    pub(crate) fn core_candidates(&mut self, name: &EventName) -> Vec<CoreTarget> {
        let route = self.subscriptions.route(name);
        let own = route.entries.iter().flat_map(|entry| entry.compatible());
        let mut candidates: Vec<CoreTarget> = own.map(|own| own.target.clone()).collect();
        for (label, webview) in &self.webviews {
            candidates.push(CoreTarget::Window(webview.window.clone()));
            candidates.push(CoreTarget::Webview(label.clone()));
            candidates.push(CoreTarget::WebviewWindow(label.clone()));
        }
        candidates.push(CoreTarget::App);
        candidates
    }
}

/// What a page's listener received although the rules of the bus would have kept it away.
pub(super) fn note_delivery(
    notes: &mut Notes,
    event: &BusEvent,
    audience: &Audience,
    addressing: Addressing,
    listener: &CompatListener,
    webview: &str,
) {
    let name = event.event_name();
    match addressing {
        Addressing::Broadcast if listener.target != CoreTarget::Any => {
            notes.add(CompatKind::Broadcast, name, || {
                format!(
                    "{} was sent to everyone and received by a listener with a target in {webview:?}",
                    quoted(name.as_str())
                )
            });
        }
        Addressing::Elsewhere => notes.add(CompatKind::OtherTarget, name, || {
            let to = audience.target().map_or("others".to_owned(), spelled);
            format!(
                "{} was sent to {to} and received in {webview:?}",
                quoted(name.as_str())
            )
        }),
        _ => {}
    }
}

/// What a page's listener did not receive, because its target is of another kind than that of the event.
pub(super) fn note_omission(notes: &mut Notes, event: &BusEvent, audience: &Audience, page: &str) {
    let name = event.event_name();
    notes.add(CompatKind::OtherTarget, name, || {
        let to = audience.target().map_or("others".to_owned(), spelled);
        format!(
            "{} was sent to {to} and not received by a listener in {page:?} whose target is of another kind",
            quoted(name.as_str())
        )
    });
}

/// A target as a note names it.
fn spelled(target: &Target) -> String {
    let parts = target.parts().iter().map(|part| match part {
        TargetPart::Host => "the host".to_owned(),
        TargetPart::Webview(label) => quoted(label),
        TargetPart::Window(label) => format!("window {}", quoted(label)),
        TargetPart::Node(node) => format!("node {}", quoted(node)),
        _ => "everyone".to_owned(),
    });
    parts.collect::<Vec<_>>().join(", ")
}
