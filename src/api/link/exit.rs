//! The end of a link, which may have something to say before the process ends.

use std::sync::Arc;
use std::time::Duration;

use crate::api::link::port::LinkPort;
use crate::engine::core::Core;
use crate::sync::{after, block_on, sleep_until};

/// How long an app that exits waits for its link.
const PATIENCE: Duration = Duration::from_secs(1);

impl LinkPort {
    /// Notes that everything is sent after [`LinkPort::next`] has returned `None`. An app whose link is connected waits for
    /// this when it exits, for a second at most.
    pub fn finish(&self) {
        if let Some(link) = self.bus().runtime().core.link() {
            link.finished.notify_one();
        }
    }
}

/// Waits until the link has sent what it had, if it is connected. The bus is shut down by then.
pub(crate) fn wait_for_link(core: &Core) {
    let Some(link) = core.link().filter(|link| link.is_connected()) else {
        return;
    };
    let finished = Arc::clone(&link.finished);
    core.tasks().spawn(async move {
        sleep_until(after(PATIENCE)).await;
        finished.notify_one();
    });
    block_on(link.finished.notified());
}
