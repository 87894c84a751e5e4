//! What pages tell of the events that they were brought.

use std::fmt::Display;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tauri::ipc::Response;

use crate::engine::core::Core;
use crate::hub::ids::SubscriberKey;
use crate::hub::receipts::ToldOutcome;
use crate::model::error::Result;
use crate::model::outcome::Outcome;

use super::arguments::{EntryResult, check_entries, read, write};
use super::command::PageCommand;

/// What a page tells of events that are kept until they are consumed, or whose emitters wait for what becomes of them.
#[tauri::command]
pub(super) async fn settle(command: PageCommand, outcomes: Vec<Value>) -> Result<Response> {
    command
        .run_once(|page| {
            check_entries("outcomes", outcomes.len())?;
            let outcomes = outcomes.into_iter().enumerate();
            let entries = outcomes.map(|(index, entry)| {
                SettledEntry::read(format_args!("outcome at index {index}"), entry)
            });
            let results = apply_all(command.core(), page, entries.collect());
            let results: Vec<EntryResult<Settled>> = results
                .into_iter()
                .map(|result| EntryResult::of(result.map(|()| Settled {})))
                .collect();
            write(&results)
        })
        .await
}

/// Applies the entries of a page, those about outcomes in one step. Returns a result for each.
pub(super) fn apply_all(
    core: &Core,
    page: SubscriberKey,
    entries: Vec<Result<SettledEntry>>,
) -> Vec<Result<()>> {
    let mut told = Vec::new();
    let results: Vec<Option<Result<()>>> = entries
        .into_iter()
        .map(|entry| match entry {
            Ok(SettledEntry::Consumed(Consumed { seq, handled })) => {
                core.settle(page, seq, handled);
                Some(Ok(()))
            }
            Ok(SettledEntry::Told(outcome)) => {
                told.push(outcome);
                None
            }
            Err(error) => Some(Err(error)),
        })
        .collect();
    let mut told = core.tell_outcomes(page, told).into_iter();
    let results = results.into_iter();
    results
        .filter_map(|result| result.or_else(|| told.next()))
        .collect()
}

/// One entry of `settle`.
pub(super) enum SettledEntry {
    /// Whether one handler has handled an event that is kept until one has.
    Consumed(Consumed),
    /// What all handlers of an item have made of an event whose emitter waits for that.
    Told(ToldOutcome),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Consumed {
    seq: u64,
    handled: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    seq: u64,
    index: u64,
    outcome: ToldWord,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ToldWord {
    Handled,
    /// No subscription was left.
    Dropped,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Failed {
    seq: u64,
    index: u64,
    failure: FailureEntry,
}

/// The error of the first handler that failed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FailureEntry {
    name: String,
    message: String,
}

impl SettledEntry {
    pub(super) fn read(what: impl Display, entry: Value) -> Result<Self> {
        if entry.get("outcome").is_some() {
            let Told {
                seq,
                index,
                outcome,
            } = read(what, entry)?;
            let outcome = match outcome {
                ToldWord::Handled => Outcome::Handled,
                ToldWord::Dropped => Outcome::Dropped,
            };
            return Ok(Self::Told(ToldOutcome {
                seq,
                index,
                outcome,
            }));
        }
        if entry.get("failure").is_some() {
            let Failed {
                seq,
                index,
                failure,
            } = read(what, entry)?;
            let outcome = Outcome::failed(&failure.name, &failure.message);
            return Ok(Self::Told(ToldOutcome {
                seq,
                index,
                outcome,
            }));
        }
        read(what, entry).map(Self::Consumed)
    }
}

#[derive(Serialize)]
struct Settled {}

#[cfg(any(fuzzing, test))]
pub(super) fn read_entry(entry: Value) -> Result<()> {
    SettledEntry::read("outcome", entry).map(drop)
}
