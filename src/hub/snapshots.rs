//! What a subscription to the events of one room begins with: all of its members.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::ids::SubscriberKey;
use crate::hub::members::{Members, write_members};
use crate::hub::presence::may_know;
use crate::hub::subscription::SubscriptionRequest;
use crate::model::built_in::PRESENCE_PREFIX;
use crate::model::endpoint::Endpoint;
use crate::model::error::Result;
use crate::model::event::{Accepted, BusEvent};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::permissions::WatchScope;

/// How many bytes of members take as long to copy as one of them to look at.
const BYTES_OF_ONE: usize = 4096;

/// What the subscriptions of one command begin with. Those to one room share one text.
#[derive(Debug, Default)]
pub(crate) struct Snapshots(HashMap<EventName, Snapshot>);

#[derive(Debug)]
struct Snapshot {
    /// The newest change that it has of its room; 0 if the room has no members.
    changed: u64,
    scope: Arc<WatchScope>,
    text: Json,
    /// The event that has it, while it is the newest one.
    event: Option<BusEvent>,
}

impl Snapshots {
    /// A further part of the command begins. What was accepted meanwhile comes before its subscriptions.
    pub(super) fn begin_part(&mut self) {
        for snapshot in self.0.values_mut() {
            snapshot.event = None;
        }
    }

    fn current(
        &self,
        name: &EventName,
        scope: &Arc<WatchScope>,
        changed: u64,
    ) -> Option<&Snapshot> {
        let known = self.0.get(name)?;
        (known.changed == changed && Arc::ptr_eq(&known.scope, scope)).then_some(known)
    }
}

/// The event name of the one room whose members a subscription gets, and what its page may know of others.
fn watched_room(request: &SubscriptionRequest) -> Option<(&EventName, &Arc<WatchScope>)> {
    let scope = (request.watches.as_ref()).filter(|_| request.wants_retained)?;
    let name = request.pattern.exact()?;
    room_of(name).map(|_| (name, scope))
}

/// The room whose events have this name.
fn room_of(name: &EventName) -> Option<&str> {
    let room = name.as_str().strip_prefix(PRESENCE_PREFIX)?;
    room.strip_prefix(':').filter(|room| !room.is_empty())
}

impl<W> Hub<W> {
    /// How many past events the members count for that this subscription begins with. They count once in a command.
    pub(crate) fn members_before(
        &self,
        request: &SubscriptionRequest,
        snapshots: &Snapshots,
    ) -> usize {
        let Some((name, scope)) = watched_room(request) else {
            return 0;
        };
        let Some(members) = room_of(name).and_then(|room| self.presence.room(room)) else {
            return 0;
        };
        match snapshots.current(name, scope, members.changed) {
            Some(_) => 0,
            None => members.all.len() + members.bytes / BYTES_OF_ONE,
        }
    }

    /// Writes what a subscription begins with, unless one before it in its command begins with the same. It counts as what a
    /// page gets again.
    pub(super) fn write_snapshot(
        &self,
        key: SubscriberKey,
        request: &SubscriptionRequest,
        snapshots: &mut Snapshots,
        now: Instant,
    ) -> Result<()> {
        let Some((name, scope)) = watched_room(request) else {
            return Ok(());
        };
        let Some(session) = self.sessions.get(&key) else {
            return Ok(());
        };
        let members = room_of(name).and_then(|room| self.presence.room(room));
        let changed = members.map_or(0, |members| members.changed);
        let known = snapshots.current(name, scope, changed);
        if known.is_some_and(|known| known.event.is_some()) {
            return Ok(());
        }
        let is_known = known.is_some();
        if let Some(members) = members
            && let Some(webview) = self.webviews.get(&session.webview)
        {
            webview.flood.take_repeated(members.bytes, now)?;
        }
        if !is_known {
            let text = write_known(members, &session.webview, scope);
            let snapshot = Snapshot {
                changed,
                scope: Arc::clone(scope),
                text: Json::from(text).shared(),
                event: None,
            };
            snapshots.0.insert(name.clone(), snapshot);
        }
        Ok(())
    }

    /// What a new subscription to the events of one room begins with: all members that its page may know of, as they were
    /// written. Those that begin under one lock get one event.
    pub(super) fn snapshot(
        &mut self,
        request: &SubscriptionRequest,
        snapshots: &mut Snapshots,
    ) -> Option<BusEvent> {
        let (name, _) = watched_room(request)?;
        let snapshot = snapshots.0.get_mut(name)?;
        if let Some(event) = &snapshot.event {
            return Some(event.clone());
        }
        self.seq += 1;
        let event = BusEvent::new(Accepted {
            seq: self.seq,
            name: name.clone(),
            payload: snapshot.text.clone(),
            accepted_at: self.clock.wall(),
            source: Endpoint::Host,
            provenance: None,
            rare: None,
        });
        snapshot.event = Some(event.clone());
        Some(event)
    }
}

/// The members that a page may know of. Those with one label follow each other.
fn write_known(members: Option<&Members>, own: &str, scope: &WatchScope) -> String {
    let mut text = "{\"members\":[".to_owned();
    text.reserve(members.map_or(0, |members| members.bytes));
    let mut last: Option<(&Option<Arc<str>>, bool)> = None;
    let members = members.into_iter().flat_map(|members| &members.all);
    let known = members.filter(|((label, _), _)| match last {
        Some((same, is_known)) if same == label => is_known,
        _ => {
            let is_known = may_know(own, scope, label.as_deref());
            last = Some((label, is_known));
            is_known
        }
    });
    write_members(
        &mut text,
        known.map(|(id, member)| (id, Some(&member.state))),
    );
    text.push_str("]}");
    text
}
