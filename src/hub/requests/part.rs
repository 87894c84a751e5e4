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
