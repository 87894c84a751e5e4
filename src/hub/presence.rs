//! Presence: who is in a room, and what each member says of itself.
//!
//! A member belongs to the session that joined it last. It outlives that session for the grace of pages, in which the page
//! may come back and join again.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Instant;

use crate::hub::Hub;
use crate::hub::effects::Effects;
use crate::hub::ids::SubscriberKey;
use crate::hub::members::{Member, MemberId, MemberList, Members, weight, write_members};
use crate::limits::Limits;
use crate::model::built_in::PRESENCE_PREFIX;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::json::Json;
use crate::model::name::EventName;
use crate::model::quota::{Quota, SharedLimit};
use crate::permissions::WatchScope;

/// The longest key of a member, in bytes.
const MAX_KEY_BYTES: usize = 255;

/// How much of the ends of pages is done under one lock. Each member counts for one, and each room for [`ROOM_WORK`] more.
const MAX_ENDED: usize = 1024;
const ROOM_WORK: usize = 15;

/// A checked name of a room, and the name of its events.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Room(Arc<str>);

impl Room {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        EventName::parse(name)?;
        let event = Self::event_of(name);
        EventName::parse(&event).map_err(|_| {
            Error::new(
                ErrorCode::InvalidEventName,
                format!(
                    "the name of the room {} is too long: {event:?} would be its events, and a name has at most 255 bytes",
                    quoted(name)
                ),
            )
        })?;
        Ok(Self(name.into()))
    }

    fn event_of(name: &str) -> String {
        format!("{PRESENCE_PREFIX}:{name}")
    }

    /// The name of the events about its members.
    pub(crate) fn event(&self) -> Result<EventName> {
        EventName::parse(&Self::event_of(&self.0))
    }

    pub(crate) fn name(&self) -> Option<EventName> {
        EventName::parse(&self.0).ok()
    }
}

impl Borrow<str> for Room {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A session with members has ended.
#[derive(Debug)]
struct Left {
    label: Arc<str>,
    by: SubscriberKey,
    /// When its end was noticed.
    since: Option<Instant>,
    /// Whether its page cannot come back.
    is_over: bool,
}

#[derive(Debug, Default)]
pub(super) struct Presence {
    rooms: BTreeMap<Room, Members>,
    /// How many changes there were.
    changes: u64,
    /// The members of each session.
    owned: HashMap<SubscriberKey, BTreeSet<(Room, Arc<str>)>>,
    left: Vec<Left>,
    all: Quota,
    pages: HashMap<Arc<str>, Quota>,
}

/// What a member does.
#[derive(Debug)]
pub(crate) enum PresenceStep {
    /// It joins, or says something else of itself.
    State(Json),
    Leave,
}

impl Presence {
    /// How many members all rooms have.
    pub(super) fn count(&self) -> usize {
        self.all.count
    }

    /// The members of a room that has some.
    pub(super) fn room(&self, name: &str) -> Option<&Members> {
        self.rooms.get(name)
    }

    /// The session has ended. Returns whether it has members.
    pub(super) fn leave(&mut self, by: SubscriberKey, label: &str) -> bool {
        let has_members = self.owned.contains_key(&by);
        if has_members {
            self.left.push(Left {
                label: label.into(),
                by,
                since: None,
                is_over: false,
            });
        }
        has_members
    }

    /// The page of this webview cannot come back. Returns whether it has members.
    pub(super) fn give_up(&mut self, label: &str) -> bool {
        let mut has_members = false;
        // A page that reloaded, or renewed its session, has left more than once.
        for left in self.left.iter_mut().filter(|left| *left.label == *label) {
            left.is_over = true;
            has_members = true;
        }
        has_members
    }

    fn check(
        &self,
        id: &MemberId,
        weight: usize,
        before: Option<usize>,
        limits: &Limits,
    ) -> Result<()> {
        let after = |mut quota: Quota| {
            if let Some(before) = before {
                quota.remove(before);
            }
            quota.add(weight);
            quota
        };
        let (members, bytes) = (limits.presence_members, limits.presence_bytes);
        let all = after(self.all);
        let full = if all.count > members {
            Err(format!(
                "there are {members} members, and that is the limit (presenceMembers)"
            ))
        } else if all.bytes > bytes {
            Err(format!(
                "the members would take {} bytes, and the limit is {bytes} (presenceBytes)",
                all.bytes
            ))
        } else if let Some(label) = &id.0 {
            let own = self.pages.get(label).copied().unwrap_or_default();
            let shared = |limit, unit, key| SharedLimit { limit, unit, key };
            let limits = [
                shared(members, "members", "presenceMembers"),
                shared(bytes, "bytes of members", "presenceBytes"),
            ];
            after(own).check_fairness(own, all, limits)
        } else {
            Ok(())
        };
        full.map_err(|what| {
            Error::new(
                ErrorCode::QueueFull,
                format!("no member can join: {what}; leave rooms that are not needed"),
            )
        })
    }

    fn account(&mut self, id: &MemberId, added: Option<usize>, removed: Option<usize>) {
        let mut quotas = vec![&mut self.all];
        if let Some(label) = &id.0 {
            quotas.push(self.pages.entry(Arc::clone(label)).or_default());
        }
        for quota in quotas {
            if let Some(bytes) = removed {
                quota.remove(bytes);
            }
            if let Some(bytes) = added {
                quota.add(bytes);
            }
        }
        if let Some(label) = &id.0
            && self.pages.get(label).is_some_and(Quota::is_empty)
        {
            self.pages.remove(label);
        }
    }

    fn disown(&mut self, by: Option<SubscriberKey>, room: &Room, key: &Arc<str>) {
        if let Some(by) = by
            && let Some(owned) = self.owned.get_mut(&by)
        {
            owned.remove(&(room.clone(), Arc::clone(key)));
            if owned.is_empty() {
                self.owned.remove(&by);
            }
        }
    }

    /// Removes a member. The caller drops its state after the lock.
    fn remove(&mut self, room: &Room, id: &MemberId) -> Option<Json> {
        let members = self.rooms.get_mut(room)?;
        let member = members.all.remove(id)?;
        let bytes = weight(id, &member.state);
        self.changes += 1;
        members.changed = self.changes;
        members.bytes -= bytes;
        if members.all.is_empty() {
            self.rooms.remove(room);
        }
        self.disown(member.by, room, &id.1);
        self.account(id, None, Some(bytes));
        Some(member.state)
    }

    /// Adds a member, or replaces its state. Returns the state before, which the caller drops after the lock.
    fn insert(&mut self, room: &Room, id: &MemberId, member: Member) -> Option<Json> {
        let members = self.rooms.entry(room.clone()).or_default();
        self.changes += 1;
        members.changed = self.changes;
        let bytes = weight(id, &member.state);
        members.bytes += bytes;
        let before = members.all.insert(id.clone(), member);
        let before = before.map(|before| before.state);
        let removed = before.as_ref().map(|state| weight(id, state));
        members.bytes -= removed.unwrap_or(0);
        self.account(id, Some(bytes), removed);
        before
    }
}

impl<W> Hub<W> {
    /// Lets a member of a page or of the host join, change or leave.
    pub(crate) fn change_presence(
        &mut self,
        by: Option<SubscriberKey>,
        room: &Room,
        key: &str,
        step: PresenceStep,
        now: Instant,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        let session = by.and_then(|by| self.sessions.get_mut(&by));
        if by.is_some() && session.is_none() {
            return (Err(super::sessions::session_ended()), effects);
        }
        let label = session.map(|session| {
            session.keeps_pull = true;
            Arc::clone(&session.webview)
        });
        if key.len() > MAX_KEY_BYTES {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "the key of a member has {} bytes; expected at most {MAX_KEY_BYTES}",
                    key.len()
                ),
            );
            return (Err(error), effects);
        }
        let id: MemberId = (label, key.into());
        let state = match step {
            PresenceStep::State(state) => state,
            PresenceStep::Leave => {
                if let Some(state) = self.presence.remove(room, &id) {
                    effects.unused.push(state);
                    self.publish_members(room, "left", &[(id, None)], now, &mut effects);
                }
                return (Ok(()), effects);
            }
        };
        let known = self.presence.rooms.get(room);
        let known = known.and_then(|members| members.all.get(&id));
        let before = known.map(|member| (member.by, weight(&id, &member.state)));
        let is_same = known.is_some_and(|member| *member.state == *state);
        let bytes = weight(&id, &state);
        let checked = self
            .presence
            .check(&id, bytes, before.map(|before| before.1), &self.limits);
        if let Err(error) = checked {
            return (Err(error), effects);
        }
        if let Some((owner, _)) = before.filter(|(owner, _)| *owner != by) {
            self.presence.disown(owner, room, &id.1);
        }
        if let Some(by) = by {
            let owned = self.presence.owned.entry(by).or_default();
            owned.insert((room.clone(), Arc::clone(&id.1)));
        }
        let member = Member {
            state: state.clone(),
            by,
        };
        let replaced = self.presence.insert(room, &id, member);
        effects.unused.extend(replaced);
        if !is_same {
            let news = match before {
                Some(_) => "updated",
                None => "joined",
            };
            self.publish_members(room, news, &[(id, Some(state))], now, &mut effects);
        }
        (Ok(()), effects)
    }

    /// Tells who has joined, changed or left. All of them are members of one page.
    fn publish_members(
        &mut self,
        room: &Room,
        news: &str,
        members: &[(MemberId, Option<Json>)],
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let (Ok(event), Some(name)) = (room.event(), room.name()) else {
            return;
        };
        let mut payload = format!("{{\"{news}\":[");
        write_members(
            &mut payload,
            members.iter().map(|(id, state)| (id, state.as_ref())),
        );
        payload.push_str("]}");
        let label = members.first().and_then(|(id, _)| id.0.clone());
        let knows = |own: &str, scope: &WatchScope| {
            scope.allows_room(&name) && may_know(own, scope, label.as_deref())
        };
        self.publish_to_watchers(event, payload.into(), knows, now, effects);
    }

    /// The members of a room, for the host.
    pub(crate) fn members(&self, room: &Room) -> MemberList {
        MemberList::of(self.presence.rooms.get(room))
    }

    /// All members of a room, with the event up to which they stand for it.
    pub(crate) fn members_now(&self, room: &Room) -> (u64, MemberList) {
        (self.seq, self.members(room))
    }

    /// Ends the members of pages that did not come back, or that have not joined again, of a few rooms at once. Returns when
    /// the next ones end.
    pub(super) fn expire_members(
        &mut self,
        now: Instant,
        effects: &mut Effects<W>,
    ) -> Option<Instant> {
        if self.presence.left.is_empty() {
            return None;
        }
        let grace = self.grace();
        let owned = &self.presence.owned;
        self.presence
            .left
            .retain(|left| owned.contains_key(&left.by));
        for left in &mut self.presence.left {
            let since = left.since.get_or_insert(now);
            let webview = self.webviews.get(&left.label);
            let session = webview.and_then(|webview| self.sessions.get(&webview.session?));
            // A page that is about to show itself has the time to join again.
            if now >= *since + grace && session.is_some_and(|session| !session.arrival.is_shown) {
                *since = now;
            }
        }
        let is_due =
            |left: &mut Left| left.is_over || left.since.is_some_and(|since| now >= since + grace);
        let mut due: Vec<Left> = self.presence.left.extract_if(.., is_due).collect();
        let mut work = 0;
        while work < MAX_ENDED
            && let Some(label) = due.first().map(|left| Arc::clone(&left.label))
        {
            work += self.end_first_room(&label, &due, now, effects);
            let owned = &self.presence.owned;
            due.retain(|left| owned.contains_key(&left.by));
        }
        let has_more = !due.is_empty();
        self.presence.left.extend(due);
        if has_more {
            return Some(now);
        }
        let left = self.presence.left.iter();
        left.filter_map(|left| Some(left.since? + grace)).min()
    }

    /// Ends the members that the due sessions of a webview have in the first room of any of them. Returns how much that was.
    fn end_first_room(
        &mut self,
        label: &Arc<str>,
        due: &[Left],
        now: Instant,
        effects: &mut Effects<W>,
    ) -> usize {
        let own = due.iter().filter(|left| left.label == *label);
        let owned = own.filter_map(|left| self.presence.owned.get(&left.by));
        let first = owned.clone().filter_map(BTreeSet::first).min();
        let Some(room) = first.map(|(room, _)| room.clone()) else {
            return 0;
        };
        let mut keys: Vec<Arc<str>> = Vec::new();
        for owned in owned {
            let from = owned.range((room.clone(), Arc::from(""))..);
            let of_room = from.take_while(|(own, _)| *own == room);
            keys.extend(of_room.map(|(_, key)| Arc::clone(key)));
        }
        keys.sort_unstable();
        let mut left = Vec::with_capacity(keys.len());
        for key in keys {
            let id = (Some(Arc::clone(label)), key);
            if let Some(state) = self.presence.remove(&room, &id) {
                effects.unused.push(state);
                left.push((id, None));
            }
        }
        self.publish_members(&room, "left", &left, now, effects);
        ROOM_WORK + left.len()
    }

    #[cfg(test)]
    pub(super) fn count_members(&self) -> (usize, usize, usize) {
        let Presence {
            all, owned, left, ..
        } = &self.presence;
        (all.count, owned.len(), left.len())
    }
}

/// Whether a page may know of the member with this label: of its own and of the host's, and by its scope of others.
pub(super) fn may_know(own: &str, scope: &WatchScope, label: Option<&str>) -> bool {
    label.is_none_or(|label| label == own || scope.allows_page(label))
}
