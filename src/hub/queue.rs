use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::hub::expiring::Expiring;
use crate::hub::ids::SubscriptionId;
pub(crate) use crate::hub::queued::{LostEvents, QueueBound, QueueEntry, QueuedEvent};
pub(crate) use crate::hub::slot::Arriving;
use crate::hub::slot::{Dropping, MIN_SLOTS, Newest, Slot, dropping};
pub(crate) use crate::hub::superseded::SupersededLists;
use crate::hub::tracked::DroppedTracked;
use crate::hub::unreported::{MAX_COMPARED, Unreported};
use crate::model::event::GapReason;
use crate::model::name::EventName;
use crate::model::policy::Overflow;
use crate::sync::BusClock;

/// Events on their way to one subscriber, in the order in which they are to be delivered.
///
/// When it is full, it drops the oldest event that may be dropped, counts what it dropped, and delivers a gap in its
/// place. An event whose policy is `reject` is never dropped. One whose policy is `latest` replaces those of its name that
/// still wait for no other subscriptions, unless it is kept until it is consumed: each of these is to be handled. An event
/// that expires leaves its place, whatever its policy is.
#[derive(Debug)]
pub(crate) struct Queue {
    /// A superseded or dropped event leaves an empty slot, so that the others keep their numbers. The first slot is never
    /// empty.
    slots: VecDeque<Option<Slot>>,
    /// The number of the first slot.
    first: u64,
    /// The slots before this number have no event to drop.
    droppable_from: u64,
    /// The slots before this number have no event to drop as the last resort either.
    last_resort_from: u64,
    len: usize,
    bytes: usize,
    /// The slots of the waiting events of a name that newer ones replace.
    latest: HashMap<EventName, Newest>,
    /// The slots of events that expire.
    expiring: Expiring,
    /// What was dropped here since there was no room.
    dropped: Unreported,
    /// What has expired here.
    expired: Unreported,
    /// What was lost elsewhere and is not reported yet.
    lost: VecDeque<LostEvents>,
    needs_cause: bool,
    pub(super) dropped_tracked: DroppedTracked,
    /// How many events were ever dropped here since there was no room.
    dropped_events: u64,
    bound: QueueBound,
}

impl Queue {
    pub(crate) fn new(bound: QueueBound) -> Self {
        Self {
            slots: VecDeque::new(),
            first: 0,
            droppable_from: 0,
            last_resort_from: 0,
            len: 0,
            bytes: 0,
            latest: HashMap::new(),
            expiring: Expiring::default(),
            dropped: Unreported::default(),
            expired: Unreported::default(),
            lost: VecDeque::new(),
            needs_cause: false,
            dropped_tracked: DroppedTracked::default(),
            dropped_events: 0,
            bound,
        }
    }

    /// A queue whose gaps tell the last event that was lost.
    pub(crate) fn with_causes(bound: QueueBound) -> Self {
        Self {
            needs_cause: true,
            ..Self::new(bound)
        }
    }

    /// Returns whether the event is in the queue. One that finds only events that are never dropped is dropped itself.
    pub(crate) fn push(&mut self, queued: QueuedEvent, overflow: Overflow) -> bool {
        let dropping = dropping(overflow, Dropping::Never);
        self.push_slot(Slot { queued, dropping }, overflow)
    }

    /// Queues an event that was accepted before its subscription began. It cannot be rejected any more.
    pub(crate) fn push_past(&mut self, queued: QueuedEvent, overflow: Overflow) {
        let dropping = dropping(overflow, Dropping::LastResort);
        self.push_slot(Slot { queued, dropping }, overflow);
    }

    /// Queues an event for subscriptions for which only the newest one of a name waits. Returns whether it is in the queue.
    pub(crate) fn push_newest(&mut self, queued: QueuedEvent, overflow: Overflow) -> bool {
        let dropping = dropping(overflow, Dropping::Never);
        self.push_slot(Slot { queued, dropping }, Overflow::Latest)
    }

    /// Queues such an event that was accepted before its subscription began.
    pub(crate) fn push_newest_past(&mut self, queued: QueuedEvent, overflow: Overflow) {
        let dropping = dropping(overflow, Dropping::LastResort);
        self.push_slot(Slot { queued, dropping }, Overflow::Latest);
    }

    fn push_slot(&mut self, mut slot: Slot, overflow: Overflow) -> bool {
        let is_to_be_handled = slot.queued.event.mark().until_consumed;
        let may_supersede = overflow == Overflow::Latest && !is_to_be_handled;
        if may_supersede {
            self.supersede(&mut slot);
        }
        if let Some(deadline) = slot.queued.event.expires_at() {
            let number = self.first + self.slots.len() as u64;
            self.expiring.insert(deadline, number, ());
        }
        self.len += 1;
        self.bytes += slot.queued.weight();
        self.slots.push_back(Some(slot));
        if !may_supersede && self.fits(0, 0) {
            return true;
        }
        self.make_room()
    }

    /// Drops events until the others fit, and removes empty slots. Returns whether the newest event stays.
    fn make_room(&mut self) -> bool {
        // A single event always stays, whatever it weighs.
        while self.len > 1 && !self.fits(0, 0) && self.drop_oldest() {}
        let stays = matches!(self.slots.back(), Some(Some(_)));
        self.remove_empty_slots();
        stays
    }

    /// Whether an event of this weight fits without another one making room.
    pub(crate) fn has_room(&self, weight: usize) -> bool {
        self.len == 0 || self.fits(1, weight)
    }

    /// Whether an event of this weight fits, however it comes.
    pub(crate) fn has_ample_room(&self, weight: usize) -> bool {
        self.len == 0 || self.fits(2, 2 * weight)
    }

    /// Whether an event fits, once it has replaced what waits for the same subscriptions.
    pub(crate) fn has_room_for(&self, arriving: &Arriving<'_>) -> bool {
        let (mut events, mut bytes) = (self.len, self.bytes);
        let newest = arriving.newest.and_then(|ids| {
            let waiting = self.latest.get(arriving.name)?;
            Some(waiting.slots().filter_map(move |number| {
                let slot = self.slot(number)?;
                slot.is_covered_by(ids).then_some(slot)
            }))
        });
        for replaced in newest.into_iter().flatten() {
            events -= 1;
            bytes -= replaced.queued.weight();
        }
        let entries = arriving.others + usize::from(arriving.newest.is_some());
        let (more, weight) = (entries, entries * arriving.weight);
        // A single event always stays.
        events == 0 || events + more <= self.bound.events && bytes + weight <= self.bound.bytes
    }

    /// Removes what has expired, if an event of this weight has no room otherwise. Returns whether anything has.
    pub(crate) fn free_room(&mut self, weight: impl FnOnce() -> usize, clock: BusClock) -> bool {
        !self.expiring.is_empty() && !self.has_room(weight()) && self.drop_expired(clock)
    }

    /// Reports events that were lost elsewhere, before what is queued. Those that were lost on a link are joined, since a
    /// slow subscriber would have them without end.
    pub(crate) fn push_lost(&mut self, lost: LostEvents) {
        let mut waiting = self.lost.iter_mut().rev().take(MAX_COMPARED);
        if !waiting.any(|own| own.join(&lost)) {
            self.lost.push_back(lost);
        }
    }

    /// At least as many bytes as what is next takes in a batch. Gaps come before what is queued.
    pub(crate) fn next_length(&self) -> Option<usize> {
        if let Some(lost) = self.lost.front() {
            return Some(lost.weight());
        }
        if let Some(lost) = self.next_unreported() {
            return Some(lost.weight());
        }
        let next = self.slots.front()?.as_ref()?;
        Some(next.queued.length())
    }

    /// The sequence number of what is next; 0 for a gap.
    pub(crate) fn next_seq(&self) -> Option<u64> {
        let gap = self.is_gap_next().then_some(0);
        gap.or_else(|| Some(self.next_event()?.event.seq()))
    }

    /// The event that is next, unless a gap is.
    pub(crate) fn next_event(&self) -> Option<&QueuedEvent> {
        let next = self.slots.front()?.as_ref()?;
        (!self.is_gap_next()).then_some(&next.queued)
    }

    /// Whether this event waits, one of the newest.
    pub(crate) fn has(&self, seq: u64) -> bool {
        let mut newest = self.slots.iter().rev().flatten();
        newest.any(|slot| slot.queued.event.seq() == seq)
    }

    /// Whether nothing waits that was accepted up to this event.
    pub(crate) fn has_passed(&self, seq: u64) -> bool {
        self.next_seq().is_none_or(|next| next > seq)
    }

    fn is_gap_next(&self) -> bool {
        !self.lost.is_empty() || !self.dropped.is_empty() || !self.expired.is_empty()
    }

    pub(crate) fn pop(&mut self) -> Option<QueueEntry> {
        if let Some(lost) = self.lost.pop_front() {
            return Some(QueueEntry::Lost(Box::new(lost)));
        }
        let lost = self.dropped.take(GapReason::QueueFull);
        if let Some(lost) = lost.or_else(|| self.expired.take(GapReason::Expired)) {
            return Some(QueueEntry::Lost(Box::new(lost)));
        }
        self.take(0).map(|slot| QueueEntry::Event(slot.queued))
    }

    /// Takes a few entries at once. Returns how many. An event that a newer one may replace, or that may expire, is taken
    /// alone, since neither could happen any more while it waits behind others outside of the queue.
    ///
    /// The caller holds what it takes beyond the limits of the queue: at most 15 events beside the one that it handles.
    pub(crate) fn pop_few(&mut self, entries: &mut Vec<QueueEntry>) -> usize {
        const MOST: usize = 16;
        const MOST_BYTES: usize = 64 << 10;
        let before = self.bytes;
        let mut taken = 0;
        while taken < MOST
            && before - self.bytes < MOST_BYTES
            && (taken == 0 || self.is_settled())
            && let Some(entry) = self.pop()
        {
            entries.push(entry);
            taken += 1;
        }
        taken
    }

    /// Whether no event that waits may be replaced or expire.
    pub(crate) fn is_settled(&self) -> bool {
        self.latest.is_empty() && self.expiring.is_empty()
    }

    /// Forgets the gaps of a subscription that has ended, and takes it off what newer events replace: these are for others.
    pub(crate) fn forget(&mut self, id: SubscriptionId) {
        let replaceable: Vec<u64> = self.latest.values().flat_map(Newest::slots).collect();
        for number in replaceable {
            self.leave_out(number, id);
        }
        self.dropped.forget(id);
        self.expired.forget(id);
        for lost in &mut self.lost {
            lost.subscriptions.remove(&id);
        }
        self.lost.retain(|lost| !lost.subscriptions.is_empty());
    }

    /// For how many subscriptions something was dropped or has expired, and is not reported yet.
    pub(crate) fn unreported_gaps(&self) -> usize {
        self.dropped.len() + self.expired.len()
    }

    /// Forgets what is lost for all but the live subscriptions. An event may wait longer than a subscription lives.
    pub(crate) fn forget_all_but(&mut self, is_live: impl Fn(SubscriptionId) -> bool) {
        self.dropped.forget_all_but(&is_live);
        self.expired.forget_all_but(is_live);
    }

    /// The subscriptions that an event waits for, and those whose gap is not reported yet.
    pub(crate) fn awaited(&self) -> (BTreeSet<SubscriptionId>, BTreeSet<SubscriptionId>) {
        let waiting = self.slots.iter().flatten().flat_map(Slot::ids);
        let lost = self.dropped.ids().chain(self.expired.ids());
        (waiting.collect(), lost.collect())
    }

    fn next_unreported(&self) -> Option<LostEvents> {
        let dropped = self.dropped.next(GapReason::QueueFull);
        dropped.or_else(|| self.expired.next(GapReason::Expired))
    }

    /// When the next event expires.
    pub(crate) fn next_expiry(&self) -> Option<Duration> {
        self.expiring.next()
    }

    /// Removes what has expired, and returns whether anything has. `clock` is read only where something may expire.
    pub(crate) fn drop_expired(&mut self, clock: BusClock) -> bool {
        if self.expiring.is_empty() {
            return false;
        }
        let (steady, before) = (clock.steady(), self.len);
        while let Some((number, ())) = self.expiring.take_expired(steady) {
            if let Some(slot) = self.take((number - self.first) as usize) {
                self.dropped_tracked.note(&slot.queued);
                self.expired.note_lost(slot.queued, self.needs_cause);
            }
        }
        self.remove_empty_slots();
        self.len < before
    }

    pub(crate) fn clear(&mut self) {
        let waiting = self.slots.iter().flatten().map(|slot| &slot.queued);
        waiting.for_each(|queued| self.dropped_tracked.note(queued));
        *self = Self {
            dropped_tracked: std::mem::take(&mut self.dropped_tracked),
            dropped_events: self.dropped_events,
            needs_cause: self.needs_cause,
            ..Self::new(self.bound)
        };
    }

    /// Takes what was dropped of those that are tracked, and what still waits here.
    pub(super) fn take_tracked(&mut self) -> Vec<u64> {
        let waiting = self.slots.iter().flatten().map(|slot| &slot.queued);
        waiting.for_each(|queued| self.dropped_tracked.note(queued));
        self.dropped_tracked.take()
    }

    /// How many events wait, and their bytes.
    pub(crate) fn usage(&self) -> (usize, usize) {
        (self.len, self.bytes)
    }

    pub(crate) fn dropped_events(&self) -> u64 {
        self.dropped_events
    }

    #[cfg(test)]
    pub(crate) fn slot_count(&self) -> usize {
        self.slots.len()
    }

    fn slot(&self, number: u64) -> Option<&Slot> {
        let index = number.checked_sub(self.first)?;
        self.slots.get(index as usize)?.as_ref()
    }

    /// Removes a subscription from an event that waits for others, too.
    fn leave_out(&mut self, number: u64, id: SubscriptionId) {
        let index = (number - self.first) as usize;
        let Some(Some(slot)) = self.slots.get_mut(index) else {
            return;
        };
        let own = &slot.queued.subscriptions;
        if own.len() < 2 || !own.contains(&id) {
            return;
        }
        let before = slot.queued.weight();
        let rest = own.iter().copied().filter(|own| *own != id);
        slot.queued.subscriptions = rest.collect();
        self.bytes = self.bytes + slot.queued.weight() - before;
    }

    fn fits(&self, more_events: usize, more_bytes: usize) -> bool {
        self.len + more_events <= self.bound.events && self.bytes + more_bytes <= self.bound.bytes
    }

    /// Takes the event out of this slot.
    fn take(&mut self, index: usize) -> Option<Slot> {
        let taken = self.slots.get_mut(index)?.take()?;
        let number = self.first + index as u64;
        self.account_for_taken(number, &taken.queued);
        let name = taken.queued.event.event_name();
        if let Some(newest) = self.latest.get_mut(name)
            && !newest.forget(number)
        {
            self.latest.remove(name);
        }
        self.skip_empty_slots();
        Some(taken)
    }

    fn account_for_taken(&mut self, number: u64, taken: &QueuedEvent) {
        if let Some(deadline) = taken.event.expires_at() {
            self.expiring.remove(deadline, number);
        }
        self.len -= 1;
        self.bytes -= taken.weight();
    }

    fn skip_empty_slots(&mut self) {
        while let Some(None) = self.slots.front() {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Removes empty slots once most are empty. The events behind them get new numbers.
    fn remove_empty_slots(&mut self) {
        if self.slots.len() <= 2 * self.len + MIN_SLOTS {
            return;
        }
        let mut next = self.first;
        let (mut droppable_from, mut last_resort_from) = (next, next);
        let mut expiring = Expiring::default();
        for (number, slot) in (self.first..).zip(&self.slots) {
            let Some(slot) = slot else {
                continue;
            };
            if let Some(newest) = self.latest.get_mut(slot.queued.event.event_name()) {
                newest.renumber(number, next);
            }
            if let Some(deadline) = slot.queued.event.expires_at() {
                expiring.insert(deadline, next, ());
            }
            next += 1;
            if number < self.droppable_from {
                droppable_from = next;
            }
            if number < self.last_resort_from {
                last_resort_from = next;
            }
        }
        self.droppable_from = droppable_from;
        self.last_resort_from = last_resort_from;
        self.expiring = expiring;
        self.slots.retain(Option::is_some);
    }

    /// Removes the events of this name that wait, if the newer one is for all of their subscriptions.
    fn supersede(&mut self, newer: &mut Slot) {
        let number = self.first + self.slots.len() as u64;
        let name = newer.queued.event.event_name().clone();
        let Some(newest) = self.latest.get_mut(&name) else {
            let older = Vec::new();
            let newest = Newest {
                last: number,
                older,
            };
            self.latest.insert(name, newest);
            return;
        };
        let before = std::mem::replace(&mut newest.last, number);
        let mut older = std::mem::take(&mut newest.older);
        older.retain(|older| !self.replace(*older, newer));
        if !self.replace(before, newer) {
            older.push(before);
        }
        if !older.is_empty()
            && let Some(newest) = self.latest.get_mut(&name)
        {
            newest.keep_older(older);
        }
        self.skip_empty_slots();
    }

    /// Removes the event in this slot, if the newer one may replace it. Returns whether it is not there any more.
    fn replace(&mut self, number: u64, newer: &mut Slot) -> bool {
        let Some(place) = self.slots.get_mut((number - self.first) as usize) else {
            return true;
        };
        if place.as_ref().is_some_and(|old| !newer.may_replace(old)) {
            return false;
        }
        if let Some(old) = place.take() {
            self.account_for_taken(number, &old.queued);
            self.dropped_tracked.note(&old.queued);
            newer.replace(old);
        }
        true
    }

    /// Drops the oldest event that may be dropped. Returns false if there is none.
    fn drop_oldest(&mut self) -> bool {
        self.droppable_from = self.find(self.droppable_from, Dropping::Allowed);
        let mut number = self.droppable_from;
        if number == self.first + self.slots.len() as u64 {
            self.last_resort_from = self.find(self.last_resort_from, Dropping::LastResort);
            number = self.last_resort_from;
        }
        let Some(oldest) = self.take((number - self.first) as usize) else {
            return false;
        };
        self.dropped_tracked.note(&oldest.queued);
        self.dropped_events += 1 + oldest.queued.event.superseded();
        self.dropped.note_lost(oldest.queued, self.needs_cause);
        true
    }

    /// The number of the first slot of this kind, from this number on; else that of the next slot.
    fn find(&self, from: u64, dropping: Dropping) -> u64 {
        let from = from.max(self.first);
        let slots = self.slots.range((from - self.first) as usize..);
        let is_meant =
            |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.dropping == dropping);
        let before = slots.take_while(|slot| !is_meant(slot)).count();
        from + before as u64
    }
}
