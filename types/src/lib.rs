#![doc = include_str!("../README.md")]

mod endpoint;
mod error;
#[cfg(feature = "typed")]
mod exact;
mod label;
mod name;
#[cfg(feature = "typed")]
mod numbers;
mod pattern;
mod policy;
mod target;

pub use endpoint::{Endpoint, HOST};
pub use error::{Error, ErrorCode, Failure, Result};
#[cfg(feature = "typed")]
pub use exact::{Exact, ExactNumber};
pub use label::LabelPattern;
pub use name::EventName;
pub use pattern::EventPattern;
pub use policy::{Overflow, Policy};
pub use target::{Target, TargetPart};

/// What the plugin itself uses. It may change with any version.
#[doc(hidden)]
pub mod internal {
    pub use crate::error::{escaped, quoted};
    pub use crate::name::{
        MAX_NAME_BYTES, OWN_PREFIX, check_length, check_namespace, is_name_char, parse_component,
        refuse_reserved,
    };
    #[cfg(feature = "typed")]
    pub use crate::numbers::{UnreadableNumber, check as check_numbers};
    pub use crate::pattern::{is_wildcard, parse_glob};
}
