use std::fmt;

use crate::hub::command_log::JsonResult;

/// The reply to one command, request or pull. It can be sent later, from any thread.
///
/// A page that is gone gets no reply: its `Reply` is dropped.
pub(crate) struct Reply {
    send: Option<SendResult>,
}

/// Called once, with `None` if the reply was dropped.
type SendResult = Box<dyn FnOnce(Option<JsonResult>) + Send>;

impl Reply {
    pub(crate) fn new(send: impl FnOnce(Option<JsonResult>) + Send + 'static) -> Self {
        Self {
            send: Some(Box::new(send)),
        }
    }

    pub(crate) fn send(mut self, result: JsonResult) {
        if let Some(send) = self.send.take() {
            send(Some(result));
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(send) = self.send.take() {
            send(None);
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
