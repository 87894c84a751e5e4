//! A tap whose reader takes texts by number: a copy of its command gets the same text once more, and loses nothing.

use std::pin::pin;
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use crate::api::tap::stream::Tap;
use crate::engine::core::Core;
use crate::model::error::{Error, ErrorCode, Result};
use crate::model::tap::filter::RecordFilter;
use crate::sync::{Mutex, MutexGuard, Notify, after, sleep_until};
use crate::wire::tap::line::line_of;

/// How much text waits for the reader. What comes then waits in the tap, where records that find no room are counted.
const READY_BYTES: usize = 256 << 10;

/// How much text is made before it is handed on.
const CHUNK_BYTES: usize = 64 << 10;

/// How long a reader waits for the first record.
const HOLD: Duration = Duration::from_secs(20);

/// The records of a tap as texts, one JSON text a line. Dropping it ends the tap.
pub(crate) struct Feed(Arc<Shared>);

struct Shared {
    core: Weak<Core>,
    tap: u64,
    texts: Mutex<Texts>,
    /// Text has come, or the end.
    filled: Notify,
    /// The reader has taken text, or is gone.
    taken: Notify,
}

#[derive(Default)]
struct Texts {
    ready: String,
    /// The number of the last text that was taken.
    number: u64,
    last: Arc<str>,
    is_over: bool,
}

/// Takes texts out of a feed.
pub(crate) struct FeedReader(Arc<Shared>);

impl Feed {
    pub(crate) fn start(core: &Arc<Core>, filter: RecordFilter) -> Self {
        // On from now on, and not once the task runs.
        let tap = Tap::new(core, filter);
        let shared = Arc::new(Shared {
            core: Arc::downgrade(core),
            tap: tap.number(),
            texts: Mutex::default(),
            filled: Notify::new(),
            taken: Notify::new(),
        });
        core.tasks().spawn(fill(Arc::clone(&shared), tap));
        Self(shared)
    }

    pub(crate) fn reader(&self) -> FeedReader {
        FeedReader(Arc::clone(&self.0))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.0.end();
        self.0.taken.notify_one();
        if let Some(core) = self.0.core.upgrade() {
            core.close_tap(self.0.tap);
        }
    }
}

impl FeedReader {
    /// The text after the one with this number, and its own number. An empty text has the number that was given: nothing has
    /// come for a while.
    pub(crate) async fn take(&self, number: u64) -> Result<(u64, Arc<str>)> {
        let mut is_late = pin!(sleep_until(after(HOLD)));
        loop {
            let mut filled = pin!(self.0.filled.notified());
            // Before the look, so that no text comes in between.
            filled.as_mut().enable();
            if let Some(taken) = self.0.take(number)? {
                return Ok(taken);
            }
            tokio::select! {
                () = filled => {}
                () = &mut is_late => return Ok((number, Arc::default())),
            }
        }
    }
}

impl Shared {
    fn texts(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, number: u64) -> Result<Option<(u64, Arc<str>)>> {
        let mut texts = self.texts();
        if number.checked_add(1) == Some(texts.number) {
            return Ok(Some((texts.number, Arc::clone(&texts.last))));
        }
        if number != texts.number {
            let text = format!(
                "the inspector has read {} texts of this tap, so no text follows the one with the number {number}; begin again with another id",
                texts.number
            );
            return Err(Error::new(ErrorCode::InvalidArgument, text));
        }
        if texts.ready.is_empty() {
            return match texts.is_over {
                true => Err(Error::new(ErrorCode::Unavailable, "this tap has ended")),
                false => Ok(None),
            };
        }
        texts.number += 1;
        texts.last = std::mem::take(&mut texts.ready).into();
        let taken = (texts.number, Arc::clone(&texts.last));
        drop(texts);
        self.taken.notify_one();
        Ok(Some(taken))
    }

    /// Adds text once there is room for it. Returns whether there is a reader.
    async fn add(&self, text: &mut String) -> bool {
        loop {
            let has_room = {
                let mut texts = self.texts();
                if texts.is_over {
                    return false;
                }
                let has_room = texts.ready.len() < READY_BYTES;
                if has_room {
                    texts.ready.push_str(text);
                }
                has_room
            };
            if has_room {
                text.clear();
                self.filled.notify_waiters();
                return true;
            }
            // The one that waits. A text that was taken meanwhile has left its permit.
            self.taken.notified().await;
        }
    }

    fn end(&self) {
        self.texts().is_over = true;
        self.filled.notify_waiters();
    }
}

async fn fill(shared: Arc<Shared>, mut tap: Tap) {
    let mut chunk = String::new();
    while let Some(records) = tap.recv_all().await {
        for record in &records {
            chunk.push_str(&line_of(record));
            chunk.push('\n');
            if chunk.len() >= CHUNK_BYTES && !shared.add(&mut chunk).await {
                return;
            }
        }
        if !chunk.is_empty() && !shared.add(&mut chunk).await {
            return;
        }
    }
    shared.end();
}
