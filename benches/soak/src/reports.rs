//! What pages, the host listeners and streams report, until the driver wants it.

use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::timeout};

/// The deadline of a receiver that hangs.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
pub(crate) struct Reports {
    /// By label and kind.
    waiting: Mutex<HashMap<(String, String), VecDeque<Value>>>,
    came: Notify,
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), VecDeque<Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, label: &str, kind: &str, value: Value) {
        let key = (label.to_owned(), kind.to_owned());
        self.lock().entry(key).or_default().push_back(value);
        self.came.notify_waiters();
    }

    /// Nothing of this receiver is wanted any more.
    pub(crate) fn forget(&self, label: &str) {
        self.lock().retain(|(of, _), _| of != label);
    }

    pub(crate) async fn next(&self, label: &str, kind: &str) -> Result<Value> {
        let key = (label.to_owned(), kind.to_owned());
        timeout(PATIENCE, async {
            loop {
                let came = self.came.notified();
                tokio::pin!(came);
                came.as_mut().enable();
                if let Some(value) = self.take(&key) {
                    return value;
                }
                came.await;
            }
        })
        .await
        .with_context(|| format!("`{label}` has not reported `{kind}` in {PATIENCE:?}"))
    }

    fn take(&self, key: &(String, String)) -> Option<Value> {
        let mut waiting = self.lock();
        let values = waiting.get_mut(key)?;
        let value = values.pop_front();
        if values.is_empty() {
            waiting.remove(key);
        }
        value
    }
}
