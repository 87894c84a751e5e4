#![cfg_attr(feature = "typed", doc = include_str!("../README.md"))]
#![cfg_attr(
    not(feature = "typed"),
    doc = "The nouns of tauri-plugin-event-bus, without the feature `typed`."
)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod attached;
mod bytes;
mod endpoint;
mod error;
#[cfg(feature = "typed")]
mod exact;
mod json;
mod label;
mod name;
#[cfg(feature = "typed")]
mod numbers;
mod pattern;
mod payload;
mod policy;
mod target;
#[cfg(feature = "typed")]
mod typed;

pub use bytes::Bytes;
pub use endpoint::{Endpoint, HOST};
pub use error::{Error, ErrorCode, Failure, Result};
#[cfg(feature = "typed")]
pub use exact::{Exact, ExactNumber};
pub use label::LabelPattern;
pub use name::EventName;
pub use pattern::EventPattern;
pub use policy::{Overflow, Policy, Until};
pub use target::{Target, TargetPart};
#[cfg(feature = "typed")]
pub use typed::{ChannelRequest, Event, Request, StreamRequest};

/// What the plugin itself uses. It may change with any version.
#[doc(hidden)]
pub mod internal {
    pub use crate::attached::{Attachment, attach, read_attached, to_marked, to_numbers};
    pub use crate::error::{escaped, failed_with, quoted};
    pub use crate::json::{Mismatch, read_json, write_attached, write_json};
    pub use crate::name::{
        MAX_NAME_BYTES, OWN_PREFIX, check_length, check_namespace, is_name_char, parse_component,
        refuse_reserved,
    };
    #[cfg(feature = "typed")]
    pub use crate::numbers::{UnreadableNumber, check as check_numbers};
    pub use crate::pattern::{is_wildcard, parse_glob};
    pub use crate::payload::{check_json, write_checked};
    #[cfg(feature = "typed")]
    pub use crate::typed::{read_event, write_event, write_request, write_stream_request};
}
