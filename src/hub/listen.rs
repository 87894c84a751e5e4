//! Beginning and ending subscriptions of the host.

use std::sync::Arc;

use crate::hub::Hub;
use crate::hub::effects::Effects;
use crate::hub::fan_out::is_smaller;
use crate::hub::ids::{SubscriberKey, SubscriptionId};
use crate::hub::queue::{QueuedEvent, SupersededLists};
use crate::hub::room::Line;
use crate::model::delivery::{Addressing, HostSubscription};
use crate::model::event::{BusEvent, Mark};
use crate::model::pattern::EventPattern;

impl<W> Hub<W> {
    /// Begins a subscription of the host, which gets what is retained if it wants that.
    pub(crate) fn listen(
        &mut self,
        key: SubscriberKey,
        id: SubscriptionId,
        pattern: EventPattern,
        wanted: HostSubscription,
    ) -> Effects<W> {
        let HostSubscription {
            filter,
            wants_retained,
            wants_latest,
        } = wanted;
        let mut effects = Effects {
            has_new_listeners: true,
            ..Effects::default()
        };
        self.retained.drop_expired(self.clock);
        if wants_retained && let Some(consumer) = self.consumers.get_mut(&key) {
            let before = consumer.queue.usage();
            consumer.queue.drop_expired(self.clock);
            let mut retained: Vec<(&BusEvent, Addressing)> = self
                .retained
                .newest_of(&pattern, |audience| {
                    Some(audience.addressing_of_host()).filter(|own| filter.covers(*own))
                })
                .collect();
            retained.sort_by_key(|(event, _)| event.seq());
            let mark = Mark {
                retained: true,
                ..Mark::default()
            };
            for (event, addressing) in retained {
                let queued = QueuedEvent {
                    event: event.marked(mark),
                    subscriptions: Arc::new([id]),
                    addressing,
                    superseded: SupersededLists::default(),
                };
                let policy = self.subscriptions.policy(queued.event.event_name());
                match wants_latest {
                    true => consumer.queue.push_newest_past(queued, policy.overflow),
                    false => consumer.queue.push_past(queued, policy.overflow),
                }
            }
            if is_smaller(consumer.queue.usage(), before) {
                self.room.wake_first(Line::Queue(key), &mut effects.wakers);
            }
            effects.wakers.extend(consumer.take_waker());
        }
        self.deliver_unconsumed(key, id, &pattern, filter, &mut effects);
        let kind = (None, wants_latest);
        self.subscriptions
            .insert_as(key, id, pattern, (filter, None), kind);
        effects
    }

    /// Ends a subscription of the host.
    pub(crate) fn unlisten(&mut self, key: SubscriberKey, id: SubscriptionId) -> Effects<W> {
        let mut effects = Effects::default();
        self.subscriptions.remove_many(key, &[id]);
        self.release_waiting(key, &mut effects);
        effects
    }
}
