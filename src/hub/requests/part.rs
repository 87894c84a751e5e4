//! What a page gets of the streams that it requested: parts, and the end behind them.

use crate::hub::command_log::JsonResult;
use crate::model::json::Json;

/// At least as many bytes as the parts of an item take whose length is fixed.
const ENVELOPE: usize = 96;

/// One part of a stream that a page requested.
#[derive(Debug, Clone)]
pub(crate) struct PagePart {
    /// The number that the page gave its request.
    pub(crate) stream: u64,
    pub(crate) payload: Json,
    /// Whether the page is to report once it has taken it.
    pub(crate) is_due: bool,
}

impl PagePart {
    /// Whether it shares an item with the part before it in a batch.
    pub(crate) fn continues(&self, before: &Self) -> bool {
        self.stream == before.stream && !before.is_due
    }

    /// At least as many bytes as it takes in a batch.
    pub(crate) fn length(&self) -> usize {
        self.weight() + self.payload.growth()
    }

    /// The same, after this part.
    pub(crate) fn length_after(&self, before: &Self) -> usize {
        const COMMA: usize = 1;
        match self.continues(before) {
            true => self.payload.weight() + self.payload.growth() + COMMA,
            false => self.length(),
        }
    }

    /// The bytes that it counts for.
    pub(crate) fn weight(&self) -> usize {
        self.payload.weight() + ENVELOPE
    }
}

/// How a stream that a page requested has ended.
#[derive(Debug, Clone)]
pub(crate) struct StreamEnd {
    pub(crate) stream: u64,
    pub(crate) response: JsonResult,
    /// The credit of the stream, which is free again once the page has acknowledged this.
    pub(crate) reserved: usize,
}

/// The size of a part, as credit counts it. A page that sends parts computes the same.
pub(crate) fn part_size(part: &Json) -> usize {
    /// What a part takes besides its payload.
    const PART: usize = 64;
    /// What bytes in it take besides themselves.
    const PIECE: usize = 128;
    part.size() + PART + PIECE * part.attached().len()
}

impl StreamEnd {
    pub(crate) fn length(&self) -> usize {
        let growth = self.response.as_ref().map_or(0, Json::growth);
        self.weight() + growth
    }

    pub(crate) fn weight(&self) -> usize {
        let own = match &self.response {
            Ok(json) => json.weight(),
            Err(error) => {
                let failure = error.failure().map_or(0, |failure| {
                    let stack = failure.stack.as_ref().map_or(0, String::len);
                    failure.name.len() + failure.message.len() + stack
                });
                // Errors have no characters for which JSON takes more than two bytes.
                2 * (error.message().len() + failure)
            }
        };
        own + ENVELOPE
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tauri_plugin_event_bus_types::Bytes;

    use super::*;

    /// A test of the guest package reads the same samples. An object with `$bytes` stands for bytes of that place in `bytes`,
    /// which has their lengths.
    #[test]
    fn the_size_is_that_which_pages_compute() {
        let samples = include_str!("../../../tests/part-sizes.json");
        let samples: Vec<Value> = serde_json::from_str(samples).unwrap();
        for sample in samples {
            let mut text = sample.get("part").unwrap_or(&Value::Null).to_string();
            let lengths = sample["bytes"].as_array().cloned().unwrap_or_default();
            let mut bytes = Vec::new();
            for (place, length) in lengths.iter().enumerate() {
                text = text.replace(&format!("{{\"$bytes\":{place}}}"), "\u{1}");
                bytes.push(Bytes::from(vec![0; length.as_u64().unwrap() as usize]));
            }
            let part = match bytes.is_empty() {
                true => Json::from(text),
                false => Json::with_bytes(&text, bytes).unwrap(),
            };
            assert_eq!(part_size(&part) as u64, sample["size"], "{sample}");
        }
    }
}
