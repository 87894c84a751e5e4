use std::collections::VecDeque;
use std::task::Waker;

use crate::hub::command_log::JsonResult;
use crate::model::error::Error;
use crate::model::json::Json;

/// What the host has yet to read of a stream that it requested, or of the caller's half of a channel. It outlives the request,
/// until its reader is dropped.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    parts: VecDeque<Json>,
    end: Option<JsonResult>,
    waker: Option<Waker>,
}

/// What the host reads of a stream.
#[derive(Debug, Clone)]
pub(crate) enum Received {
    Part(Json),
    End(JsonResult),
}

impl Inbox {
    /// Adds a part. Returns the reader to wake.
    pub(super) fn push(&mut self, part: Json) -> Option<Waker> {
        self.parts.push_back(part);
        self.waker.take()
    }

    /// Adds the end, behind all parts. Returns the reader to wake.
    pub(super) fn end(&mut self, response: JsonResult) -> Option<Waker> {
        self.end = Some(response);
        self.waker.take()
    }

    /// Ends it with this error in place of what was not read, which is returned with the reader to wake.
    pub(super) fn cut(&mut self, error: Error) -> (VecDeque<Json>, Option<Waker>) {
        let unread = std::mem::take(&mut self.parts);
        (unread, self.end(Err(error)))
    }

    pub(super) fn next(&mut self) -> Option<Received> {
        match self.parts.pop_front() {
            Some(part) => Some(Received::Part(part)),
            None => self.end.take().map(Received::End),
        }
    }

    /// Keeps the waker in place of the last one, which is returned.
    pub(super) fn wait(&mut self, waker: Waker) -> Option<Waker> {
        self.waker.replace(waker)
    }
}
