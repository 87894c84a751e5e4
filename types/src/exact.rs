use std::borrow::Cow;
use std::fmt::Display;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// A number that travels as text and arrives exactly: pages get the string `"9007199254740993"`.
///
/// JavaScript represents integers exactly only up to 2⁵³ − 1, and JSON has no `NaN` and no infinity. An event with such a
/// number in a plain field is refused, and the error names the field. This type carries every number of Rust. Pages read it
/// with `BigInt(text)` or `Number(text)`, and write it with `String(value)`.
///
/// ```
/// use tauri_plugin_event_bus_types::Exact;
///
/// let id = Exact(u64::MAX);
/// assert_eq!(serde_json::to_string(&id).unwrap(), "\"18446744073709551615\"");
/// let back: Exact<u64> = serde_json::from_str("\"18446744073709551615\"").unwrap();
/// assert_eq!(*back, u64::MAX);
/// assert_eq!(serde_json::to_string(&Exact(f64::NAN)).unwrap(), "\"NaN\"");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exact<T>(pub T);

/// The number types of Rust. This trait is sealed.
pub trait ExactNumber: Copy + Display + FromStr + private::Sealed {
    /// The `pattern` of the text in the JSON Schema.
    #[doc(hidden)]
    const PATTERN: &'static str;
}

mod private {
    pub trait Sealed {}
}

macro_rules! numbers {
    ($($number:ty),+ => $pattern:literal) => {
        $(
            impl private::Sealed for $number {}
            impl ExactNumber for $number {
                const PATTERN: &'static str = $pattern;
            }
        )+
    };
}

numbers!(u8, u16, u32, u64, u128, usize => "^[0-9]+$");
numbers!(i8, i16, i32, i64, i128, isize => "^-?[0-9]+$");
numbers!(f32, f64 => "^(-?[0-9.eE+-]+|NaN|-?Infinity)$");

impl<T> std::ops::Deref for Exact<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Exact<T> {
    fn from(number: T) -> Self {
        Self(number)
    }
}

impl<T: Display> Display for Exact<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ExactNumber> Serialize for Exact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_string();
        // As JavaScript spells it.
        serializer.serialize_str(&text.replace("inf", "Infinity"))
    }
}

impl<'de, T: ExactNumber> Deserialize<'de> for Exact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| {
            D::Error::custom(format_args!(
                "invalid value: string {text:?}, expected {} as text",
                std::any::type_name::<T>()
            ))
        })
    }
}

impl<T: ExactNumber> JsonSchema for Exact<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Exact_{}", std::any::type_name::<T>()).into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": format!("exact-{}", std::any::type_name::<T>()),
            "pattern": T::PATTERN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_round_trip() {
        fn check<T: ExactNumber + std::fmt::Debug>(number: T, text: &str) {
            let json = serde_json::to_string(&Exact(number)).unwrap();
            assert_eq!(json, format!("{text:?}"));
            let back: Exact<T> = serde_json::from_str(&json).unwrap();
            // NaN does not equal itself, and -0 equals 0.
            assert_eq!(format!("{:?}", back.0), format!("{number:?}"));
        }
        check(u64::MAX, "18446744073709551615");
        check(i64::MIN, "-9223372036854775808");
        check(u128::MAX, "340282366920938463463374607431768211455");
        check(f64::NAN, "NaN");
        check(f64::INFINITY, "Infinity");
        check(f32::NEG_INFINITY, "-Infinity");
        check(-0.0_f64, "-0");
        check(0.1_f32, "0.1");
    }

    #[test]
    fn text_that_is_not_a_number_is_refused() {
        for (json, part) in [
            ("\"many\"", "\"many\""),
            ("\"-1\"", "u64 as text"),
            ("7", "integer `7`"),
        ] {
            let error = serde_json::from_str::<Exact<u64>>(json).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }
}
