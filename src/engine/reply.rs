use std::fmt;

use crate::hub::command_log::JsonResult;
use crate::hub::outbox::Batch;
use crate::wire::batch::encode;

/// The reply to one command, request or pull. It can be sent later, from any thread.
///
/// A page that is gone gets no reply: its `Reply` is dropped.
pub(crate) struct Reply {
    send: Option<SendResult>,
    /// Takes a batch as it is, in a test.
    #[cfg(feature = "test")]
    take: Option<TakeBatch>,
}

/// Called once, with `None` if the reply was dropped.
type SendResult = Box<dyn FnOnce(Option<JsonResult>) + Send>;

/// Called once, with `None` if there is no batch.
#[cfg(feature = "test")]
type TakeBatch = Box<dyn FnOnce(Option<Batch>) + Send>;

impl Reply {
    pub(crate) fn new(send: impl FnOnce(Option<JsonResult>) + Send + 'static) -> Self {
        Self {
            send: Some(Box::new(send)),
            #[cfg(feature = "test")]
            take: None,
        }
    }

    /// A reply to a pull that gets the batch as it is.
    #[cfg(feature = "test")]
    pub(crate) fn of_batch(take: impl FnOnce(Option<Batch>) + Send + 'static) -> Self {
        Self {
            send: None,
            take: Some(Box::new(take)),
        }
    }

    /// Completes a pull.
    pub(crate) fn send_batch(self, batch: &Batch) {
        #[cfg(feature = "test")]
        let mut own = self;
        #[cfg(feature = "test")]
        if let Some(take) = own.take.take() {
            take(Some(batch.clone()));
            return;
        }
        #[cfg(not(feature = "test"))]
        let own = self;
        own.send(Ok(encode(batch)));
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
        #[cfg(feature = "test")]
        if let Some(take) = self.take.take() {
            take(None);
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}
