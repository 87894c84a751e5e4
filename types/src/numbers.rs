//! Finds numbers that a page could not read exactly: a serializer that writes nothing.

use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize, Serializer};

/// JavaScript represents all integers up to this one exactly: 2⁵³ − 1, `Number.MAX_SAFE_INTEGER`.
const MAX_SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Refuses the first number of a value that a page could not read exactly, with its path.
pub fn check(value: &impl Serialize) -> Result<(), UnreadableNumber> {
    value.serialize(&mut Walker { path: Vec::new() })
}

/// A number that a page could not read exactly, with its path.
#[derive(Debug, PartialEq)]
pub struct UnreadableNumber(String);

impl Display for UnreadableNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnreadableNumber {}

impl ser::Error for UnreadableNumber {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Verdict = Result<(), UnreadableNumber>;

enum Step {
    Field(&'static str),
    Key(String),
    Index(usize),
}

struct Walker {
    path: Vec<Step>,
}

impl Walker {
    fn within<T: Serialize + ?Sized>(&mut self, step: Step, value: &T) -> Verdict {
        self.path.push(step);
        value.serialize(&mut *self)?;
        self.path.pop();
        Ok(())
    }

    fn refuse(&self, number: impl Display, why: &str) -> Verdict {
        let mut path = String::new();
        for step in &self.path {
            let dot = if path.is_empty() { "" } else { "." };
            // Writing to a string cannot fail.
            let _ = match step {
                Step::Field(name) => write!(path, "{dot}{name}"),
                Step::Key(name) => write!(path, "{dot}{name}"),
                Step::Index(index) => write!(path, "[{index}]"),
            };
        }
        let at = if path.is_empty() {
            String::new()
        } else {
            format!("at `{path}`: ")
        };
        Err(UnreadableNumber(format!(
            "{at}{number} {why}; use Exact<…> to send it as text"
        )))
    }

    fn integer(&self, magnitude: u128, number: impl Display) -> Verdict {
        if magnitude <= u128::from(MAX_SAFE_INTEGER) {
            return Ok(());
        }
        self.refuse(
            number,
            "is beyond ±9007199254740991 (2^53 − 1), where JavaScript's integers are not exact",
        )
    }

    fn float(&self, number: f64) -> Verdict {
        if number.is_finite() {
            return Ok(());
        }
        self.refuse(number, "is not a number of JSON")
    }
}

/// A list or tuple, with the index of its next element.
struct List<'a> {
    walker: &'a mut Walker,
    next: usize,
    /// How many steps of the path it has added itself.
    own: usize,
}

impl List<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Verdict {
        self.next += 1;
        self.walker.within(Step::Index(self.next - 1), value)
    }

    fn finish(self) -> Verdict {
        let length = self.walker.path.len() - self.own;
        self.walker.path.truncate(length);
        Ok(())
    }
}

/// A struct or map.
struct Fields<'a> {
    walker: &'a mut Walker,
    key: String,
    own: usize,
}

impl Fields<'_> {
    fn finish(self) -> Verdict {
        let length = self.walker.path.len() - self.own;
        self.walker.path.truncate(length);
        Ok(())
    }
}

impl<'a> Walker {
    fn list(&'a mut self) -> List<'a> {
        List {
            walker: self,
            next: 0,
            own: 0,
        }
    }

    fn fields(&'a mut self) -> Fields<'a> {
        Fields {
            walker: self,
            key: String::new(),
            own: 0,
        }
    }
}

macro_rules! integers {
    ($($method:ident($number:ty)),+) => {
        $(fn $method(self, number: $number) -> Verdict {
            #[allow(clippy::cast_lossless, reason = "one macro for all integers")]
            self.integer((number as i128).unsigned_abs(), number)
        })+
    };
}

macro_rules! leaves {
    ($($method:ident($leaf:ty)),+) => {
        $(fn $method(self, _: $leaf) -> Verdict {
            Ok(())
        })+
    };
}

impl<'a> Serializer for &'a mut Walker {
    type Ok = ();
    type Error = UnreadableNumber;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Fields<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    integers!(serialize_i64(i64), serialize_u64(u64), serialize_i128(i128));
    leaves!(
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_char(char),
        serialize_str(&str),
        serialize_bytes(&[u8]),
        serialize_unit_struct(&'static str)
    );

    fn serialize_u128(self, number: u128) -> Verdict {
        self.integer(number, number)
    }

    fn serialize_f32(self, number: f32) -> Verdict {
        self.float(f64::from(number))
    }

    fn serialize_f64(self, number: f64) -> Verdict {
        self.float(number)
    }

    fn serialize_none(self) -> Verdict {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Verdict {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Verdict {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Verdict {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Verdict {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Verdict {
        self.within(Step::Field(variant), value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, UnreadableNumber> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<List<'a>, UnreadableNumber> {
        Ok(self.list())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<List<'a>, UnreadableNumber> {
        Ok(self.list())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, UnreadableNumber> {
        self.path.push(Step::Field(variant));
        Ok(List {
            own: 1,
            ..self.list()
        })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'a>, UnreadableNumber> {
        Ok(self.fields())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Fields<'a>, UnreadableNumber> {
        Ok(self.fields())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, UnreadableNumber> {
        self.path.push(Step::Field(variant));
        Ok(Fields {
            own: 1,
            ..self.fields()
        })
    }
}

macro_rules! lists {
    ($($list:ident $method:ident),+) => {
        $(impl ser::$list for List<'_> {
            type Ok = ();
            type Error = UnreadableNumber;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Verdict {
                self.element(value)
            }

            fn end(self) -> Verdict {
                self.finish()
            }
        })+
    };
}

lists!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! structs {
    ($($fields:ident),+) => {
        $(impl ser::$fields for Fields<'_> {
            type Ok = ();
            type Error = UnreadableNumber;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Verdict {
                self.walker.within(Step::Field(name), value)
            }

            fn end(self) -> Verdict {
                self.finish()
            }
        })+
    };
}

structs!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = UnreadableNumber;

    // Keys are text in JSON, so numbers in them are exact.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Verdict {
        let key = serde_json::to_value(key).map_err(ser::Error::custom)?;
        self.key = match key {
            serde_json::Value::String(key) => key,
            other => other.to_string(),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Verdict {
        let key = std::mem::take(&mut self.key);
        self.walker.within(Step::Key(key), value)
    }

    fn end(self) -> Verdict {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;

    #[derive(serde::Serialize)]
    enum Shape {
        Tuple(u8, f64),
        Struct { inner: Vec<Option<u64>> },
        Newtype(i128),
    }

    #[track_caller]
    fn refused(value: impl Serialize, start: &str) {
        let problem = check(&value).unwrap_err().to_string();
        assert!(problem.starts_with(start), "{problem}");
        assert!(problem.contains("Exact"), "{problem}");
    }

    #[test]
    fn numbers_of_javascript_pass() {
        assert_eq!(
            check(&(
                MAX_SAFE_INTEGER,
                -(MAX_SAFE_INTEGER as i64),
                f64::MAX,
                f32::MIN,
                "x",
                [1_u8; 3]
            )),
            Ok(())
        );
        assert_eq!(check(&json!({ "a": [1, null, { "b": true }] })), Ok(()));
        assert_eq!(check(&BTreeMap::from([(u64::MAX, 1)])), Ok(()));
        assert_eq!(check(&Shape::Newtype(-7)), Ok(()));
    }

    #[test]
    fn other_numbers_are_refused_with_their_path() {
        refused(MAX_SAFE_INTEGER + 1, "9007199254740992 is beyond");
        refused(i64::MIN, "-9223372036854775808 is beyond");
        refused(u128::MAX, "3402823");
        refused(f64::NAN, "NaN is not a number of JSON");
        refused(
            json!({ "a": [1, { "b": u64::MAX }] }),
            "at `a[1].b`: 18446744073709551615",
        );
        refused(BTreeMap::from([("x", f32::INFINITY)]), "at `x`: inf");
        refused(
            (Shape::Tuple(1, 1.0), Shape::Tuple(1, f64::NAN)),
            "at `[1].Tuple[1]`",
        );
        refused(
            Shape::Struct {
                inner: vec![None, Some(u64::MAX)],
            },
            "at `Struct.inner[1]`",
        );
        refused(vec![Shape::Newtype(i128::MIN)], "at `[0].Newtype`");
    }
}
