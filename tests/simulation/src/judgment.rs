//! The judgment at the end of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::facts::{Emitted, Gap, LATEST, OWN, TICKS, WITHOUT_HISTORY};
use crate::matching::{is_for_host, is_for_page, matches};
use crate::oracle::{Listener, Oracle};

impl Oracle {
    /// What is wrong, once nothing can come any more. `dropped`: whether the host listeners were too slow for events.
    pub(crate) fn finish(mut self, now: Duration, dropped: bool) -> Vec<String> {
        let mut found = std::mem::take(&mut self.violations);
        self.check_promises(&mut found);
        self.check_outcomes(&mut found);
        self.check_expiry(&mut found);
        self.check_watchers(dropped, &mut found);
        self.check_wills(now, dropped, &mut found);
        for (number, listener) in &self.listeners {
            self.check_deliveries(*number, listener, &mut found);
            self.check_bounds(*number, listener, &mut found);
            if self.is_to_be_complete(listener, dropped) {
                self.check_completeness(*number, listener, &mut found);
            }
        }
        found
    }

    fn is_to_be_complete(&self, listener: &Listener, dropped: bool) -> bool {
        !listener.is_ended
            && match listener.page {
                Some(page) => !self.is_gone(page),
                None => !dropped,
            }
    }

    fn check_promises(&self, found: &mut Vec<String>) {
        let mut newest: BTreeMap<u32, u64> = BTreeMap::new();
        for (number, promise) in &self.promises {
            let own = format!("promise {number} ({})", promise.what);
            let Some(settled) = &promise.settled else {
                if promise.page.is_none_or(|page| !self.is_gone(page)) {
                    found.push(format!("{own} never settled"));
                }
                continue;
            };
            if let Some(intended) = self.emits.get(number) {
                let accepted = self.by_payload.get(&intended.payload.to_string()).copied();
                match settled {
                    Ok(receipt) => {
                        let seq = receipt["seq"].as_u64();
                        if seq.is_none() || seq != accepted {
                            found.push(format!(
                                "{own} has the receipt {receipt}, and the host accepted {accepted:?}"
                            ));
                        }
                        let left =
                            |page: u32| self.pages.get(&page).is_some_and(|page| page.was_left);
                        if let (Some(page), Some(seq)) = (promise.page, seq)
                            && !left(page)
                            && newest.insert(page, seq).is_some_and(|last| last > seq)
                        {
                            found.push(format!("{own} overtook an earlier emit of its page"));
                        }
                    }
                    Err(code) if code != "unavailable" => {
                        if let Some(seq) = accepted {
                            found.push(format!(
                                "{own} was rejected with {code} and accepted as {seq}"
                            ));
                        }
                    }
                    Err(_) => {}
                }
            }
            if let (Some(request), Ok(response)) = (self.requests.get(number), settled)
                && response["echo"] != *request
            {
                found.push(format!("{own} of {request} got the response {response}"));
            }
            if let Err(code) = settled
                && code.contains(": ")
            {
                found.push(format!("{own} was rejected with {code}"));
            }
        }
    }

    /// Whether this event is for this listener. `None` if nobody knows.
    pub(crate) fn is_for(&self, listener: &Listener, event: &Emitted) -> Option<bool> {
        if !matches(&listener.pattern, &event.name) {
            return Some(false);
        }
        if listener.is_wiretap {
            return Some(true);
        }
        let to = match (event.is_complete, self.jobs.get(&event.name)) {
            (true, _) => &event.to,
            (false, Some(to)) => to,
            (false, None) => return None,
        };
        Some(match listener.page {
            None => is_for_host(to.as_ref(), event.except.as_ref()),
            Some(page) => {
                let label = self.pages.get(&page).map_or("", |page| &page.label);
                is_for_page(to.as_ref(), event.except.as_ref(), label)
                    && (to.is_some() || !listener.is_narrowed)
            }
        })
    }

    fn check_deliveries(&self, number: u64, listener: &Listener, found: &mut Vec<String>) {
        for got in &listener.delivered {
            let seq = got.seq;
            let Some(event) = self.events.get(&seq) else {
                // The host emits these, and its own listeners may have been too slow for them.
                let is_of_host = got.name.starts_with(TICKS) || got.name.starts_with(OWN);
                if !is_of_host && !self.is_accepted_will(got) {
                    found.push(format!(
                        "listener {number} got {seq}, which nobody emitted: {got:?}"
                    ));
                }
                continue;
            };
            if event.name != got.name || event.payload != got.payload || event.source != got.source
            {
                found.push(format!("listener {number} got {got:?} for {event:?}"));
            }
            if self.is_for(listener, event) == Some(false) {
                found.push(format!(
                    "listener {number} ({}) got {seq}, which is not for it: {event:?}",
                    listener.pattern
                ));
            }
        }
    }

    /// A listener is told of a gap. The same is told once.
    pub(crate) fn gap(&mut self, listener: u64, gap: Gap) {
        if gap.from > gap.to || gap.count == 0 {
            return self.violation(format!("listener {listener} got {gap:?}"));
        }
        // What is retained comes again in the next session, and may be lost again.
        let mut events = self.events.range(gap.from..=gap.to);
        let may_come_again = events.any(|(_, event)| event.is_retained);
        let pages = &self.pages;
        let Some(own) = self.listeners.get_mut(&listener) else {
            return;
        };
        let page = own.page.and_then(|page| pages.get(&page));
        // The host does not know what a page has that was away while another one was there.
        let may_come_again = may_come_again || page.is_some_and(|page| page.was_left);
        let text = format!("listener {listener} got {gap:?} again");
        let is_known = own.gaps.contains(&gap);
        let is_same = |old: &Gap| (old.from, old.to, old.count) == (gap.from, gap.to, gap.count);
        let was_told = own.gaps.iter().any(is_same);
        if !is_known {
            own.gaps.push(gap);
        }
        if was_told && !may_come_again {
            self.violation(text);
        }
    }

    /// A gap with an upper bound stands for an event that was for the listener, has not come, and was not told before.
    fn check_bounds(&self, number: u64, listener: &Listener, found: &mut Vec<String>) {
        let page = listener.page.and_then(|page| self.pages.get(&page));
        // Nobody knows what became of a page that was away while another one was there.
        if page.is_some_and(|page| page.was_left) {
            return;
        }
        for (place, gap) in listener.gaps.iter().enumerate() {
            let has_come = |seq: u64| listener.delivered.iter().any(|got| got.seq == seq);
            let before = listener.gaps[..place].iter();
            let was_told = |seq: u64| {
                before
                    .clone()
                    .any(|old| old.reason == gap.reason && old.covers(seq))
            };
            let is_lost = |seq: u64| match self.events.get(&seq) {
                Some(event) => {
                    let is_new = !has_come(seq) && !was_told(seq);
                    let is_own = self.is_for(listener, event) != Some(false);
                    is_own && (is_new || event.is_retained)
                        || !was_told(seq) && self.is_lost_before(listener, seq, event)
                }
                // It was for a job, or for nobody who noted it.
                None => true,
            };
            // A range has other events than those that an earlier gap of it has counted.
            let overlaps =
                |old: &&Gap| old.reason == gap.reason && old.from <= gap.to && gap.from <= old.to;
            let told: Vec<&Gap> = before.clone().filter(overlaps).collect();
            let from = told.iter().map(|old| old.from).fold(gap.from, u64::min);
            let to = told.iter().map(|old| old.to).fold(gap.to, u64::max);
            let lost = self.events.range(from..=to).filter(|(seq, event)| {
                !has_come(**seq) && self.is_for(listener, event) != Some(false)
            });
            let counted: u64 = told.iter().map(|old| old.count).sum();
            let is_more = lost.count() as u64 > counted;
            if gap.at_most && !is_more && !(gap.from..=gap.to).any(is_lost) {
                found.push(format!(
                    "listener {number} ({}) got {gap:?}, and lost nothing",
                    listener.pattern
                ));
            }
        }
    }

    /// Whether another listener in the same webview has lost this event. The host knows of a gap which pattern
    /// it was for, and not which events.
    fn is_lost_before(&self, listener: &Listener, seq: u64, event: &Emitted) -> bool {
        let label_of = |own: &Listener| Some(&self.pages.get(&own.page?)?.label);
        let mut others = self.listeners.values().filter(|other| {
            !std::ptr::eq(*other, listener) && label_of(other) == label_of(listener)
        });
        let is_lost_for_another = others.any(|other| {
            let has_come = other.delivered.iter().any(|got| got.seq == seq);
            // A gap that the page before had not acknowledged is handed on.
            let was_told = other.gaps.iter().any(|gap| gap.covers(seq));
            (!has_come || was_told) && self.is_for(other, event) != Some(false)
        });
        // What a page only waited for may have been lost, too: nobody noted whether it came.
        let label = label_of(listener);
        let mut pages = self.pages.values();
        is_lost_for_another
            || pages.any(|page| {
                let mut waits = page.waits.iter();
                Some(&page.label) == label && waits.any(|pattern| matches(pattern, &event.name))
            })
    }

    fn check_completeness(&self, number: u64, listener: &Listener, found: &mut Vec<String>) {
        let Some(since) = listener.since else {
            return;
        };
        let delivered: BTreeSet<u64> = listener.delivered.iter().map(|got| got.seq).collect();
        let from = listener.replay_after.unwrap_or(since).min(since);
        let none = BTreeSet::new();
        // What the page before was to get comes with the replay.
        let page = listener.page.and_then(|page| self.pages.get(&page));
        let owed = page.filter(|_| listener.replay_after.is_some());
        let owed = owed.map_or(&none, |page| &page.owed).range(..=from);
        let owed = owed.filter_map(|seq| self.events.get_key_value(seq));
        let in_gap = |seq: u64| {
            let mut gaps = listener.gaps.iter();
            gaps.any(|gap| gap.covers(seq))
        };
        // Behind the one that is handled, others may wait for their turn until the end.
        let handled = delivered.last().copied().unwrap_or_default();
        let may_wait = |seq: u64| listener.is_sequential && seq > handled && !in_gap(seq);
        let mut missing = Vec::new();
        for (seq, event) in owed.chain(self.events.range(from + 1..)) {
            let is_kept = *seq > since || !event.name.starts_with(WITHOUT_HISTORY);
            let is_excused = may_wait(*seq) || (listener.is_untold && self.may_expire(*seq, event));
            let is_due = is_kept && !is_excused && !delivered.contains(seq);
            if is_due && self.is_for(listener, event) == Some(true) {
                missing.push((*seq, event));
            }
        }
        let is_superseded = |seq: u64, name: &str| {
            let later = listener.delivered.iter();
            let mut later = later.filter(|got| got.seq > seq && got.name == name);
            later.any(|got| got.superseded > 0)
                || missing
                    .iter()
                    .any(|(other, event)| *other > seq && event.name == name && in_gap(*other))
        };
        for (seq, event) in &missing {
            let is_latest = event.name.starts_with(LATEST);
            let is_explained = in_gap(*seq) || (is_latest && is_superseded(*seq, &event.name));
            if !is_explained {
                found.push(format!(
                    "listener {number} ({}) lost {seq} without a gap: {event:?}",
                    listener.pattern
                ));
            }
        }
        // How many are lost, where they count exactly.
        let lost = missing.iter().filter(|(seq, _)| *seq > since).count() as u64;
        let superseded: u64 = listener.delivered.iter().map(|got| got.superseded).sum();
        let told = |at_most: bool| -> u64 {
            let gaps = listener.gaps.iter().filter(|gap| gap.to > since);
            gaps.filter(|gap| gap.at_most == at_most)
                .map(|gap| gap.count)
                .sum()
        };
        let began = listener
            .gaps
            .iter()
            .filter(|gap| gap.from > since && !gap.at_most);
        let exact: u64 = began.map(|gap| gap.count).sum();
        // What is retained may come after it was lost.
        let late = listener.delivered.iter();
        let late = late
            .filter(|got| got.is_retained && in_gap(got.seq))
            .count() as u64;
        // It comes again in each session that the page begins, and is lost again.
        let again: usize = missing
            .iter()
            .filter(|(_, event)| event.is_retained)
            .map(|(seq, _)| {
                let gaps = listener.gaps.iter();
                let covering = gaps.filter(|gap| !gap.at_most && gap.covers(*seq));
                covering.count().saturating_sub(1)
            })
            .sum();
        let newest = self.events.keys().next_back().copied().unwrap_or(0);
        let unknown = newest - self.events.len() as u64
            + self
                .events
                .values()
                .filter(|event| self.is_for(listener, event).is_none())
                .count() as u64;
        if lost > superseded + told(false) + told(true) {
            found.push(format!(
                "listener {number} ({}) lost {lost} events, and its gaps count {} and at most {}, beside {superseded} superseded",
                listener.pattern, told(false), told(true)
            ));
        }
        if exact > lost + late + again as u64 + unknown {
            found.push(format!(
                "listener {number} ({}) lost {lost} events, and its exact gaps count {exact}",
                listener.pattern
            ));
        }
    }
}
