//! Waiting for a condition, with a deadline.

use anyhow::{Result, bail};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// Long enough for a busy machine: a deadline ends a run that hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const PAUSE: Duration = Duration::from_millis(20);

/// What a check found.
#[derive(Debug)]
pub enum Found<T> {
    /// The condition holds.
    Yes(T),
    /// The condition does not hold yet. The text is reported at the deadline.
    NotYet(String),
}

/// Calls `check` until it succeeds. `what` completes the sentence "waited for …".
pub async fn until<T>(what: &str, mut check: impl AsyncFnMut() -> Result<Found<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        match check().await? {
            Found::Yes(value) => return Ok(value),
            Found::NotYet(instead) if start.elapsed() > PATIENCE => {
                bail!("waited {PATIENCE:?} for {what}; found {instead}");
            }
            Found::NotYet(_) => sleep(PAUSE).await,
        }
    }
}
