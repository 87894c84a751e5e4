//! Faults of the host, to see the oracle find them.

use serde_json::Value;

use crate::rng::Rng;

/// A host that breaks a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Delivers a run of events to a subscription that does not exist.
    LoseEvents,
    /// Accepts what the host emits twice.
    EmitTwice,
    /// Counts one event more in each gap.
    MiscountGaps,
    /// Sends what is for one page to all.
    CrossTargets,
    /// Never answers some commands.
    LoseAnswers,
    /// Hands a run of events over twice, the second time under the numbers that follow.
    DoubleEvents,
    /// Takes the first page of a window for one of another origin.
    MistakeFirstPages,
    /// Knows nothing of the sessions that pages continue.
    ForgetSessions,
    /// Knows nothing of what pages have handled in the sessions that they continue.
    ForgetHandled,
    /// Tells emitters that every page has handled their events.
    ForgeOutcomes,
    /// Lets the events of the host count for longer.
    ProlongEvents,
    /// Keeps no will.
    ForgetWills,
    /// Never tells who has left a room.
    KeepMembers,
}

impl Mutation {
    /// Changes the arguments of a command, as if the host had forgotten what they name.
    pub(crate) fn doctor_arguments(self, arguments: &mut Value) {
        let events = arguments["events"].as_array_mut();
        for event in events.into_iter().flatten() {
            if let (Self::ForgetWills, Some(will)) = (self, event.get_mut("will")) {
                will["stop"] = true.into();
            }
        }
        let entries = arguments["subscriptions"].as_array_mut();
        for entry in entries.into_iter().flatten() {
            let Some(resume) = entry.get_mut("resume") else {
                continue;
            };
            match self {
                Self::ForgetSessions => resume["session"] = "f".repeat(32).into(),
                Self::ForgetHandled => {
                    resume["ack"] = 0.into();
                    resume["handled"] = 0.into();
                }
                _ => {}
            }
        }
    }

    /// Changes an answer of the host.
    pub(crate) fn doctor(self, command: &str, json: String, rng: &mut Rng) -> Option<String> {
        let is_pull = command == "plugin:event-bus|pull";
        match self {
            Self::LoseAnswers if command.ends_with("|emit") => {
                return (!rng.chance(20)).then_some(json);
            }
            Self::LoseEvents | Self::MiscountGaps | Self::DoubleEvents | Self::KeepMembers
                if is_pull => {}
            _ => return Some(json),
        }
        let Ok(mut answer) = serde_json::from_str::<Value>(&json) else {
            return Some(json);
        };
        let quoted = answer[0].as_str().map(str::to_owned);
        if let Some(quoted) = &quoted {
            answer = serde_json::from_str(quoted).unwrap_or_default();
        }
        self.change(&mut answer, rng);
        let text = answer.to_string();
        Some(match quoted {
            Some(_) => Value::from(vec![text]).to_string(),
            None => text,
        })
    }

    /// Changes a batch that the host calls a page with.
    pub(crate) fn doctor_batch(self, json: String, rng: &mut Rng) -> String {
        match serde_json::from_str::<Value>(&json) {
            Ok(mut batch) => {
                self.change(&mut batch, rng);
                batch.to_string()
            }
            Err(_) => json,
        }
    }

    fn change(self, batch: &mut Value, rng: &mut Rng) {
        match self {
            Self::LoseEvents => lose_events(batch, rng),
            Self::MiscountGaps => miscount_gaps(batch),
            Self::DoubleEvents => double_events(batch, rng),
            Self::KeepMembers => keep_members(batch),
            _ => {}
        }
    }
}

fn lose_events(answer: &mut Value, rng: &mut Rng) {
    let heads = answer["heads"].as_array_mut();
    for head in heads.into_iter().flatten() {
        if rng.chance(20) {
            head[2] = u32::MAX.into();
        }
    }
}

fn miscount_gaps(answer: &mut Value) {
    let items = answer["items"].as_array_mut();
    for gap in items.into_iter().flatten() {
        if let Some(count) = gap.get("count").and_then(Value::as_u64)
            && gap["atMost"] == Value::Bool(false)
        {
            gap["count"] = (count + 1).into();
        }
    }
}

fn keep_members(answer: &mut Value) {
    let items = answer["items"].as_array_mut();
    for run in items.into_iter().flatten() {
        for value in run.as_array_mut().into_iter().flatten() {
            if let Some(left) = value.get_mut("left") {
                *left = Vec::<Value>::new().into();
            }
        }
    }
}

fn double_events(answer: &mut Value, rng: &mut Rng) {
    let items = answer["items"].as_array_mut();
    for run in items.into_iter().flatten() {
        let Some(run) = run.as_array_mut() else {
            continue;
        };
        if run.len() == 4 && rng.chance(20) {
            let again = [Value::from(0), run[3].clone()];
            run.extend(again);
        }
    }
}
