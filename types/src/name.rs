use std::{cell::RefCell, fmt, sync::Arc};

use crate::error::{Error, ErrorCode, Result, quoted};

/// The longest event name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

const RESERVED_PREFIX: &str = "tauri://";

/// The prefix of events that the bus itself emits. Only patterns with this prefix match them.
pub const OWN_PREFIX: &str = "event-bus:";

/// The checked name of an event or a request: 1 to 255 bytes of letters with their marks, digits and `- _ . : /`. Cheap to clone.
///
/// ```
/// use tauri_plugin_event_bus_types::EventName;
///
/// assert_eq!(EventName::parse("cart:updated")?.as_str(), "cart:updated");
/// assert!(EventName::parse("tauri://close").is_err());
/// # Ok::<(), tauri_plugin_event_bus_types::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EventName(Arc<str>);

impl EventName {
    /// Parses a name.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`], and [`ErrorCode::ReservedEventName`] for a name of Tauri.
    pub fn parse(name: &str) -> Result<Self> {
        check_length("event name", ErrorCode::InvalidEventName, name)?;
        if let Some(wrong) = find_wrong(name) {
            return Err(Error::new(
                ErrorCode::InvalidEventName,
                format!(
                    "the event name {} has the character {wrong:?}; expected letters, digits and - _ . : / only",
                    quoted(name)
                ),
            ));
        }
        refuse_reserved(name)?;
        Ok(Self(name.into()))
    }

    /// Parses a name that an app or a page emits. Names of the bus itself (`event-bus:…`) are reserved.
    ///
    /// # Errors
    ///
    /// Those of [`EventName::parse`], and [`ErrorCode::ReservedEventName`] for a name of the bus.
    pub fn parse_emitted(name: &str) -> Result<Self> {
        if let Some(known) = recent(name) {
            return Ok(known);
        }
        let parsed = Self::parse(name)?;
        if name.starts_with(OWN_PREFIX) {
            return Err(Error::new(
                ErrorCode::ReservedEventName,
                format!(
                    "the event name {} is reserved: only the bus emits names that begin with {OWN_PREFIX}; choose another prefix",
                    quoted(name)
                ),
            ));
        }
        note_recent(&parsed);
        Ok(parsed)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

thread_local! {
    /// The last names that this thread parsed to emit them. Most threads emit the same ones again.
    static RECENT: RefCell<[Option<EventName>; 2]> = const { RefCell::new([None, None]) };
}

/// The name with this text, if it was parsed lately.
fn recent(name: &str) -> Option<EventName> {
    // A thread that ends has none any more.
    let found = RECENT.try_with(|recent| {
        let recent = recent.borrow();
        let mut known = recent.iter().flatten();
        known.find(|known| known.as_str() == name).cloned()
    });
    found.ok().flatten()
}

fn note_recent(name: &EventName) {
    let _ = RECENT.try_with(|recent| {
        let mut recent = recent.borrow_mut();
        recent.swap(0, 1);
        recent[0] = Some(name.clone());
    });
}

/// Checks a namespace: a prefix of names, without the colon behind it.
pub fn check_namespace(name: &str) -> Result<()> {
    let is_fine = !name.is_empty() && !name.ends_with(':') && name.chars().all(is_name_char);
    if is_fine {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::InvalidEventName,
        format!(
            "invalid namespace {}: expected letters, digits and - _ . : / only, at least one of them, and no colon at its end",
            quoted(name)
        ),
    ))
}

/// The longest name of a component, in bytes.
const MAX_COMPONENT_BYTES: usize = 128;

/// Checks the name of a component, which the name of its refresh event contains.
pub fn parse_component(name: &str) -> Result<Arc<str>> {
    let wrong = find_wrong(name);
    let problem = match wrong {
        None if (1..=MAX_COMPONENT_BYTES).contains(&name.len()) => return Ok(name.into()),
        None => format!("has {} bytes", name.len()),
        Some(wrong) => format!("has the character {wrong:?}"),
    };
    Err(Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "the component name {} {problem}; expected 1 to {MAX_COMPONENT_BYTES} bytes of letters, digits and - _ . : / only",
            quoted(name)
        ),
    ))
}

impl fmt::Debug for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::borrow::Borrow<str> for EventName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// Whether names may have this character: a letter, a mark such as a vowel sign, a digit, or one of `- _ . : /`.
///
/// Names are compared as they are: `ü` as one character and as `u` with a mark are different names.
#[must_use]
pub fn is_name_char(c: char) -> bool {
    // `is_xid_continue` includes `_`.
    matches!(c, '-' | '.' | ':' | '/') || unicode_ident::is_xid_continue(c)
}

/// The first character that names cannot have.
fn find_wrong(name: &str) -> Option<char> {
    // Most names are ASCII, and every emit checks one.
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'..=b':' | b'_');
    if name.bytes().all(is_plain) {
        return None;
    }
    name.chars().find(|c| !is_name_char(*c))
}

/// Checks the length of a name or pattern.
pub fn check_length(what: &str, code: ErrorCode, text: &str) -> Result<()> {
    if text.is_empty() {
        return Err(Error::new(
            code,
            format!("the {what} is empty; expected 1 to {MAX_NAME_BYTES} bytes"),
        ));
    }
    if text.len() > MAX_NAME_BYTES {
        return Err(Error::new(
            code,
            format!(
                "the {what} {} is too long; expected at most {MAX_NAME_BYTES} bytes",
                quoted(text)
            ),
        ));
    }
    Ok(())
}

/// Refuses names of Tauri.
pub fn refuse_reserved(name: &str) -> Result<()> {
    // In any spelling: no reader of a name should have to tell `Tauri://` from `tauri://`.
    let prefix = name.as_bytes().get(..RESERVED_PREFIX.len());
    if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(RESERVED_PREFIX.as_bytes())) {
        return Err(Error::new(
            ErrorCode::ReservedEventName,
            format!(
                "the event name {} is reserved: names that begin with {RESERVED_PREFIX} are Tauri's own; listen to them with Tauri's event API",
                quoted(name)
            ),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: std::result::Result<(), ErrorCode>) {
        assert_eq!(
            EventName::parse(name).map(drop).map_err(|e| e.code()),
            expected,
            "{name:?}"
        );
    }

    #[test]
    fn own_names_cannot_be_emitted() {
        for (name, expected) in [
            ("event-bus:job-stopped", Err(ErrorCode::ReservedEventName)),
            ("event-bus:", Err(ErrorCode::ReservedEventName)),
            ("event-bus", Ok(())),
            ("event-bus-cart:updated", Ok(())),
            ("Event-Bus:cart", Ok(())),
            ("tauri://focus", Err(ErrorCode::ReservedEventName)),
            ("a b", Err(ErrorCode::InvalidEventName)),
        ] {
            let parsed = EventName::parse_emitted(name);
            assert_eq!(parsed.map(drop).map_err(|e| e.code()), expected, "{name:?}");
        }
        assert!(EventName::parse("event-bus:job-stopped").is_ok());
    }

    #[test]
    fn names_that_are_emitted_again_share_memory() {
        let parse = |name| EventName::parse_emitted(name).unwrap();
        let (a, b) = (parse("a"), parse("b"));
        for _ in 0..3 {
            assert!(Arc::ptr_eq(&a.0, &parse("a").0) && Arc::ptr_eq(&b.0, &parse("b").0));
        }
        // A refused name is not remembered, and one that is a part of another is another.
        for _ in 0..2 {
            assert!(EventName::parse_emitted("event-bus:a").is_err());
            assert_eq!(parse("ab").as_str(), "ab");
        }
    }

    #[test]
    fn accepts_the_names_that_apps_use() {
        for name in [
            "a",
            "cart:updated",
            "download/1_2-x",
            "cart.updated",
            "größe",
            "tauri:x",
        ] {
            check(name, Ok(()));
        }
        check(&"n".repeat(255), Ok(()));
    }

    #[test]
    fn refuses_empty_long_and_illegal_names() {
        check("", Err(ErrorCode::InvalidEventName));
        check(&"n".repeat(256), Err(ErrorCode::InvalidEventName));
        check(&"ä".repeat(128), Err(ErrorCode::InvalidEventName));
        for name in [
            "a b",
            "a*",
            "a\"b",
            "a\n",
            "</script>",
            "a\u{2028}",
            "a?",
            "a[b]",
            "💥",
        ] {
            check(name, Err(ErrorCode::InvalidEventName));
        }
    }

    #[test]
    fn component_names_are_short_and_plain() {
        for name in ["a", "ShoppingCart", "größe", &"n".repeat(128)] {
            assert_eq!(parse_component(name).as_deref(), Ok(name));
        }
        let long = "n".repeat(129);
        for (name, part) in [
            ("", "0 bytes"),
            (&*long, "129 bytes"),
            ("a b", "' '"),
            ("<b>", "'<'"),
        ] {
            let error = parse_component(name).unwrap_err();
            assert_eq!(error.code(), ErrorCode::InvalidArgument);
            assert!(
                error.message().contains(part) && error.message().contains("1 to 128"),
                "{error}"
            );
        }
    }

    #[test]
    fn refuses_names_that_are_tauris_own() {
        check("tauri://close-requested", Err(ErrorCode::ReservedEventName));
        check("tauri://", Err(ErrorCode::ReservedEventName));
        check("TAURI://close-requested", Err(ErrorCode::ReservedEventName));
        check("Tauri:/x", Ok(()));
        check("tauri:ä/x", Ok(()));
    }

    #[test]
    fn messages_name_the_value_and_what_is_allowed() {
        let error = EventName::parse("a b").unwrap_err();
        assert!(error.message().contains("\"a b\"") && error.message().contains("letters"));
        let error = EventName::parse(&"n".repeat(300)).unwrap_err();
        assert!(error.message().contains("255") && error.message().contains("300"));
    }
}
