//! Records of taps: from what the hub has noted, and as lines of text.

pub(crate) mod line;
pub(crate) mod payload;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod redaction;
