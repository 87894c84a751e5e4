//! Channels: what their callers send, and how one half of them ends.
//!
//! A channel is a stream whose caller, a page, sends parts to its responder, the host. Its own end is that of the stream.

use std::time::Instant;

use crate::hub::Hub;
use crate::hub::effects::Effects;
use crate::hub::ids::{RequestId, SubscriberKey};
use crate::hub::requests::channel::{CallerHalf, ChannelNote};
use crate::hub::requests::message::{Caller, Ending, NewRequest, Recipient, ResponderKind};
use crate::hub::requests::part::part_size;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;
use crate::model::name::EventName;

impl<W> Hub<W> {
    /// Refuses a channel that is not between a page and the host.
    pub(super) fn check_channel(request: &NewRequest) -> Result<()> {
        let is_between = matches!(
            (&request.caller, &request.to),
            (Caller::Page(..), Recipient::Host)
        );
        if is_between || request.message.kind() != ResponderKind::Channel {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::InvalidArgument,
            format!(
                "a channel is between a page and the host, so {:?} was not opened; a page opens it with the target HOST",
                request.message.name.as_str()
            ),
        ))
    }

    /// Sends a part of a channel that a page has opened under this number; it is the `number`-th of the page. A page that
    /// sends what it may not ends the channel.
    pub(crate) fn send_part_of_caller(
        &mut self,
        key: SubscriberKey,
        channel: u64,
        number: u64,
        part: Result<Json>,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        let found = self.channel_of(key, channel, "a part");
        let (id, half) = match found {
            Ok(Some(found)) => found,
            // It has ended, of which the page learns by its end.
            Ok(None) => {
                effects.unused.extend(part);
                return (Ok(()), effects);
            }
            Err(error) => {
                effects.unused.extend(part);
                return (Err(error), effects);
            }
        };
        let next = half.window.sent() + 1;
        if half.is_closed || number != next {
            let problem = match half.is_closed {
                true => "after its page had closed its half".to_owned(),
                false => {
                    format!("where part {next} was due; number parts from 1 and send each once")
                }
            };
            effects.unused.extend(part);
            // Commands of a page that is being left may overtake each other, so this is no end.
            let text = format!("part {number} of the channel {channel} came {problem}");
            return (Err(Error::new(ErrorCode::InvalidArgument, text)), effects);
        }
        let refused = match part {
            Ok(part) => match self.check_credit_of_caller(key, id, number, part_size(&part)) {
                Ok(()) => {
                    self.hand_to_host(id, part, &mut effects);
                    return (Ok(()), effects);
                }
                Err(error) => {
                    effects.unused.push(part);
                    error
                }
            },
            Err(error) => error,
        };
        let ending = Some(Ending::Cancelled);
        self.end_request(id, Err(refused.clone()), ending, &mut effects);
        (Err(refused), effects)
    }

    /// A page sends no more parts of a channel, after so many. The host reads the end behind them.
    pub(crate) fn close_half_of_caller(
        &mut self,
        key: SubscriberKey,
        channel: u64,
        after: u64,
    ) -> (Result<()>, Effects<W>) {
        let mut effects = Effects::default();
        let id = match self.channel_of(key, channel, "the end of a half") {
            Ok(Some((id, half))) => {
                let sent = half.window.sent();
                if after != sent {
                    let text = format!(
                        "the page closed its half of the channel {channel} after {after} parts, and {sent} have come; send all parts before it"
                    );
                    return (Err(Error::new(ErrorCode::InvalidArgument, text)), effects);
                }
                id
            }
            Ok(None) => return (Ok(()), effects),
            Err(error) => return (Err(error), effects),
        };
        if let Some(half) = self.requests.caller_half_mut(id)
            && !std::mem::replace(&mut half.is_closed, true)
            && let Some(inbox) = self.requests.inboxes.get_mut(&id)
        {
            effects.wakers.extend(inbox.end(Ok(Json::from("null"))));
        }
        (Ok(()), effects)
    }

    /// The host sends no more parts of a channel. Its page gets the end of them behind them.
    pub(crate) fn close_half_of_host(&mut self, id: RequestId, now: Instant) -> Effects<W> {
        let mut effects = Effects::default();
        let after = self.seq;
        let Some(pending) = self.requests.get_mut(id) else {
            return effects;
        };
        let Some(flow) = pending.flow.as_deref_mut().filter(|flow| !flow.is_closed) else {
            return effects;
        };
        flow.is_closed = true;
        // Sends that wait learn that theirs come too late.
        effects.wakers.extend(flow.wake());
        if let Caller::Page(key, channel) = pending.caller
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.outbox.streamed.push_close(channel, after);
            session.deliver(key, now, &mut self.room, &mut effects);
        }
        effects
    }

    /// The host reads no more of what a page sends of a channel, which goes on. Returns false if this is no channel.
    pub(super) fn stop_reading(
        &mut self,
        id: RequestId,
        now: Instant,
        effects: &mut Effects<W>,
    ) -> bool {
        let Some(half) = self.requests.caller_half_mut(id) else {
            return false;
        };
        half.is_unread = true;
        // What the host has dropped takes no room.
        let sent = half.window.sent();
        half.window.take(sent);
        if !half.is_closed {
            self.tell_caller(id, ChannelNote::Unread, now, effects);
        }
        true
    }

    /// The host has read so many of the parts that a page sent of a channel.
    pub(super) fn note_read(&mut self, id: RequestId, now: Instant, effects: &mut Effects<W>) {
        let Some(half) = self.requests.caller_half_mut(id) else {
            return;
        };
        let count = half.window.taken() + 1;
        if half.window.take(count) == Some(true) && !half.is_closed {
            let note = ChannelNote::Credit(half.window.replenished());
            self.tell_caller(id, note, now, effects);
        }
    }

    /// Ends the reading of a channel that has ended. What was not read is of no use any more.
    pub(super) fn cut_inbox(&mut self, id: RequestId, name: &str, effects: &mut Effects<W>) {
        let Some(inbox) = self.requests.inboxes.get_mut(&id) else {
            return;
        };
        let error = Error::new(
            ErrorCode::Cancelled,
            format!("the channel {name:?} has ended, so no more parts come"),
        );
        let (unread, waker) = inbox.cut(error);
        effects.unused.extend(unread);
        effects.wakers.extend(waker);
    }

    fn tell_caller(
        &mut self,
        id: RequestId,
        note: ChannelNote,
        now: Instant,
        effects: &mut Effects<W>,
    ) {
        let after = self.seq;
        let caller = self.requests.get(id).map(|pending| pending.caller);
        if let Some(Caller::Page(key, channel)) = caller
            && let Some(session) = self.sessions.get_mut(&key)
        {
            let messages = &mut session.outbox.messages;
            messages.push_note(channel, note, after);
            session.deliver(key, now, &mut self.room, effects);
        }
    }

    /// A channel of this page; `None` if it has ended.
    fn channel_of(
        &self,
        key: SubscriberKey,
        channel: u64,
        what: &str,
    ) -> Result<Option<(RequestId, &CallerHalf)>> {
        let log = self.sessions.get(&key).map(|own| &own.sent_requests);
        let Some(id) = log.and_then(|log| log.find(channel)) else {
            if log.is_some_and(|log| log.is_used(channel)) {
                return Ok(None);
            }
            let text = format!(
                "{what} came for the channel {channel}, which this page has not opened; send it after the reply to its request"
            );
            return Err(Error::new(ErrorCode::UnknownRequest, text));
        };
        if let Some(half) = self.requests.caller_half(id) {
            return Ok(Some((id, half)));
        }
        let name = self.requests.get(id).map(|pending| &pending.message.name);
        let name = name.map_or("", |name| name.as_str());
        let text = format!(
            "{what} came for the request {channel}, {name:?}, which is no channel; open one with openChannel"
        );
        Err(Error::new(ErrorCode::InvalidArgument, text))
    }

    /// The name of a channel that this page has opened under this number; `None` if it has ended.
    pub(crate) fn channel_name(
        &self,
        key: SubscriberKey,
        channel: u64,
    ) -> Result<Option<EventName>> {
        let found = self.channel_of(key, channel, "a part")?;
        let pending = found.and_then(|(id, _)| self.requests.get(id));
        Ok(pending.map(|pending| pending.message.name.clone()))
    }

    fn check_credit_of_caller(
        &self,
        key: SubscriberKey,
        id: RequestId,
        number: u64,
        size: usize,
    ) -> Result<()> {
        let Some(half) = self.requests.caller_half(id) else {
            return Ok(());
        };
        // What nobody reads is dropped as it comes.
        if half.is_unread {
            return Ok(());
        }
        let name = self.requests.get(id).map(|pending| &pending.message.name);
        let name = name.map_or("", |name| name.as_str());
        if !half.window.has_credit() {
            return Err(Error::new(
                ErrorCode::QueueFull,
                format!(
                    "part {number} of the channel {name:?} came without credit: {} parts were taken; wait until the host gives more",
                    half.window.taken()
                ),
            ));
        }
        let limit = self.limits.queue_bytes;
        if size <= half.window.left() || self.untaken_bytes_from(key) < limit {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::QueueFull,
            format!(
                "part {number} of the channel {name:?} has {size} bytes, which is more than its credit, and the host has yet to take {limit} bytes of this page's channels (queueBytes); send smaller parts"
            ),
        ))
    }

    /// The size of what the host has yet to take of a page's channels.
    fn untaken_bytes_from(&self, key: SubscriberKey) -> usize {
        let session = self.sessions.get(&key);
        let ids = session.into_iter().flat_map(|own| own.sent_requests.ids());
        ids.filter_map(|id| self.requests.caller_half(id))
            .map(|half| half.window.untaken_bytes())
            .sum()
    }

    fn hand_to_host(&mut self, id: RequestId, part: Json, effects: &mut Effects<W>) {
        let Some(half) = self.requests.caller_half_mut(id) else {
            effects.unused.push(part);
            return;
        };
        half.window.send(part_size(&part));
        if half.is_unread {
            let count = half.window.sent();
            half.window.take(count);
        }
        match self.requests.inboxes.get_mut(&id) {
            Some(inbox) => effects.wakers.extend(inbox.push(part)),
            None => effects.unused.push(part),
        }
    }
}
