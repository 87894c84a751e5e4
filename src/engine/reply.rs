use std::fmt;

use crate::hub::command_log::JsonResult;

/// Answers one command, request or pull, now or later, from any thread.
///
/// A dropped reply answers nothing: that is for pages that are gone.
pub(crate) struct Reply {
    send: Option<SendResult>,
}

/// Called once, with nothing where the reply was dropped.
type SendResult = Box<dyn FnOnce(Option<JsonResult>) + Send>;

impl Reply {
    pub(crate) fn new(send: impl FnOnce(Option<JsonResult>) + Send + 'static) -> Self {
        Self {
            send: Some(Box::new(send)),
        }
    }

    pub(crate) fn answer(mut self, result: JsonResult) {
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
