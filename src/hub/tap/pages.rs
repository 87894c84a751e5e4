//! How many taps a page may have.

use crate::hub::Hub;
use crate::hub::ids::SubscriberKey;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::tap::TAP_NAME;

/// How many taps a page may have. Each keeps up to 64 MiB.
const MAX_PAGE_TAPS: usize = 4;

impl<W> Hub<W> {
    /// Refuses one more tap of this page where it has as many as it may.
    pub(crate) fn check_page_taps(&self, page: SubscriberKey) -> Result<()> {
        let session = self.sessions.get(&page);
        let sent = session.into_iter().flat_map(|own| own.sent_requests.ids());
        let taps = sent.filter(|id| self.requests.is_named(*id, TAP_NAME));
        if taps.count() < MAX_PAGE_TAPS {
            return Ok(());
        }
        let text = format!(
            "this page has {MAX_PAGE_TAPS} taps on, and that is the limit; end one of them first"
        );
        Err(Error::new(ErrorCode::QueueFull, text))
    }
}
