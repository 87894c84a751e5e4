use std::{fmt, sync::Arc};

use crate::error::{Error, ErrorCode, Result, quoted};
use crate::name::{EventName, OWN_PREFIX, check_length, is_name_char, refuse_reserved};

/// The name or glob that a listener listens to.
///
/// `*` matches any run of characters, `:` and `/` included, `?` one character, `[ab]` and `[!ab]` one of a set.
///
/// ```
/// use tauri_plugin_event_bus_types::{EventName, EventPattern};
///
/// let pattern = EventPattern::parse("cart:*")?;
/// assert!(pattern.matches(&EventName::parse("cart:updated")?));
/// # Ok::<(), tauri_plugin_event_bus_types::Error>(())
/// ```
#[derive(Clone)]
pub struct EventPattern {
    text: Arc<str>,
    form: PatternForm,
}

/// Two patterns are equal if their texts are equal.
impl PartialEq for EventPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for EventPattern {}

impl std::hash::Hash for EventPattern {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

/// Most patterns are a name or a prefix, which compare without a glob engine.
#[derive(Clone)]
enum PatternForm {
    Exact(EventName),
    Prefix(usize),
    /// Its only wildcards are stars. A name contains the pieces between them, in order.
    Pieces,
    Glob {
        literal: usize,
        glob: Arc<glob::Pattern>,
    },
}

impl EventPattern {
    /// Parses a name or a glob.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::InvalidEventName`], [`ErrorCode::InvalidPattern`], [`ErrorCode::ReservedEventName`].
    pub fn parse(text: &str) -> Result<Self> {
        let Some(first_wildcard) = text.find(is_wildcard) else {
            return Ok(Self {
                text: text.into(),
                form: PatternForm::Exact(EventName::parse(text)?),
            });
        };
        check_length("event pattern", ErrorCode::InvalidPattern, text)?;
        refuse_reserved(text)?;
        if let Some(wrong) = text
            .chars()
            .find(|c| !is_name_char(*c) && !is_wildcard(*c) && *c != '!')
        {
            return Err(invalid(
                text,
                format!("has the character {wrong:?}, which no event name has"),
            ));
        }
        let form = if &text[first_wildcard..] == "*" {
            PatternForm::Prefix(first_wildcard)
        } else {
            let glob = parse_glob(text)?;
            if text.contains(['?', '[', ']']) {
                PatternForm::Glob {
                    literal: first_wildcard,
                    glob: glob.into(),
                }
            } else {
                PatternForm::Pieces
            }
        };
        Ok(Self {
            text: text.into(),
            form,
        })
    }

    /// The name; `None` for a glob.
    #[must_use]
    pub fn exact(&self) -> Option<&EventName> {
        match &self.form {
            PatternForm::Exact(name) => Some(name),
            _ => None,
        }
    }

    /// The cost of matching, for limits of work. Names and prefixes cost too little to count. The glob engine may try each of
    /// its characters at each position of a name.
    #[must_use]
    pub fn cost(&self) -> usize {
        match &self.form {
            PatternForm::Exact(_) | PatternForm::Prefix(_) => 0,
            PatternForm::Pieces => 1,
            PatternForm::Glob { .. } => 1 + self.text.len() / 8,
        }
    }

    /// Whether a subscription to this pattern receives the name. Events of the bus itself need a pattern with their prefix, so
    /// that a listener for everything receives the events of the app alone.
    #[must_use]
    pub fn receives(&self, name: &EventName) -> bool {
        self.matches(name)
            && (!name.as_str().starts_with(OWN_PREFIX) || self.text.starts_with(OWN_PREFIX))
    }

    /// Whether a name may exist that both match. Only the ends are compared, so that it is fast. It may be true although no
    /// such name exists, and is never false if one does.
    #[must_use]
    pub fn may_overlap(&self, other: &Self) -> bool {
        match (self.exact(), other.exact()) {
            (Some(name), _) => other.matches(name),
            (_, Some(name)) => self.matches(name),
            (None, None) => ends_alike(&self.text, &other.text),
        }
    }

    /// Whether it matches this name.
    #[must_use]
    pub fn matches(&self, name: &EventName) -> bool {
        match &self.form {
            PatternForm::Exact(own) => own == name,
            PatternForm::Prefix(end) => name.as_str().starts_with(&self.text[..*end]),
            PatternForm::Pieces => has_pieces(&self.text, name.as_str()),
            PatternForm::Glob { literal, glob } => {
                name.as_str().starts_with(&self.text[..*literal]) && glob.matches(name.as_str())
            }
        }
    }
}

/// Whether a name contains the pieces of a pattern in order, in time linear in its length.
fn has_pieces(pattern: &str, name: &str) -> bool {
    let (first, rest) = pattern.split_once('*').unwrap_or((pattern, ""));
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut name) = name
        .strip_prefix(first)
        .and_then(|name| name.strip_suffix(last))
    else {
        return false;
    };
    // The first match of a piece leaves the most for the rest.
    middle.split('*').all(|piece| match name.find(piece) {
        Some(index) => {
            name = &name[index + piece.len()..];
            true
        }
        None => false,
    })
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

/// Whether two globs may begin and end alike. It compares their texts before the first and after the last wildcard.
pub(crate) fn ends_alike(own: &str, other: &str) -> bool {
    let ((begin, end), (other_begin, other_end)) = (ends(own), ends(other));
    let begin_alike = begin.starts_with(other_begin) || other_begin.starts_with(begin);
    begin_alike && (end.ends_with(other_end) || other_end.ends_with(end))
}

/// The text before the first wildcard, and after the last one.
fn ends(glob: &str) -> (&str, &str) {
    let begin = glob.find(is_wildcard).unwrap_or(glob.len());
    let end = glob.rfind(is_wildcard).map_or(0, |last| last + 1);
    (&glob[..begin], &glob[end..])
}

/// Whether a character makes a text a glob.
#[must_use]
pub fn is_wildcard(c: char) -> bool {
    matches!(c, '*' | '?' | '[' | ']')
}

/// Parses a glob in which one `*` crosses every separator, so that `**` would add nothing.
pub fn parse_glob(text: &str) -> Result<glob::Pattern> {
    if text.contains("**") {
        return Err(invalid(
            text,
            "has `**`; one `*` already crosses `:` and `/`".into(),
        ));
    }
    glob::Pattern::new(text).map_err(|error| {
        invalid(
            text,
            format!("is invalid at byte {}: {}", error.pos, error.msg),
        )
        .with_source(error)
    })
}

fn invalid(text: &str, what: String) -> Error {
    Error::new(
        ErrorCode::InvalidPattern,
        format!(
            "the pattern {} {what}; wildcards are `*`, `?` and `[abc]`",
            quoted(text)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, name: &str, expected: bool) {
        let pattern = EventPattern::parse(pattern).unwrap();
        let name = EventName::parse(name).unwrap();
        assert_eq!(pattern.matches(&name), expected, "{pattern} {name:?}");
    }

    #[test]
    fn exact_patterns_match_their_name_alone() {
        check("cart:updated", "cart:updated", true);
        check("cart:updated", "cart:updated2", false);
        check("cart:updated", "cart", false);
    }

    #[test]
    fn stars_cross_every_separator() {
        check("*", "a", true);
        check("*", "a:b/c", true);
        check("cart:*", "cart:", true);
        check("cart:*", "cart:a/b:c", true);
        check("cart:*", "carts:a", false);
        check("*:done", "a/b:done", true);
        check("*:done", "a/b:done:x", false);
        check("a*c", "abbc", true);
        check("a*c", "ac", true);
        check("ab*bc", "abc", false);
        check("*b*", "abc", true);
        check("*b*b*", "abc", false);
        check("a*bc*c", "abcbc", true);
        check("a*bc*c", "abcb", false);
        check("*ä*:*", "größe:ä:b", true);
    }

    #[test]
    fn single_characters_and_sets() {
        check("a?", "ab", true);
        check("a?", "a", false);
        check("a[bc]", "ac", true);
        check("a[!bc]", "ac", false);
        check("a[0-9]", "a7", true);
    }

    #[test]
    fn refuses_invalid_globs() {
        for (text, code) in [
            ("", ErrorCode::InvalidEventName),
            ("a**", ErrorCode::InvalidPattern),
            ("**", ErrorCode::InvalidPattern),
            ("a[", ErrorCode::InvalidPattern),
            ("a b*", ErrorCode::InvalidPattern),
            ("</script>*", ErrorCode::InvalidPattern),
            ("tauri://*", ErrorCode::ReservedEventName),
            ("tauri://focus", ErrorCode::ReservedEventName),
        ] {
            assert_eq!(
                EventPattern::parse(text).unwrap_err().code(),
                code,
                "{text:?}"
            );
        }
        assert!(
            EventPattern::parse("a**")
                .unwrap_err()
                .message()
                .contains("`**`")
        );
        let long = format!("{}*", "n".repeat(255));
        assert_eq!(
            EventPattern::parse(&long).unwrap_err().code(),
            ErrorCode::InvalidPattern
        );
    }

    #[test]
    fn matching_has_a_cost() {
        for (pattern, cost) in [
            ("a", 0),
            ("a*", 0),
            ("*", 0),
            ("*a", 1),
            ("a*b*", 1),
            ("a?", 1),
        ] {
            assert_eq!(
                EventPattern::parse(pattern).unwrap().cost(),
                cost,
                "{pattern}"
            );
        }
        let long = format!("*{}?", "a".repeat(253));
        assert_eq!(EventPattern::parse(&long).unwrap().cost(), 32);
    }

    #[test]
    fn patterns_overlap_where_a_name_may_match_both() {
        for (one, other, expected) in [
            ("*", "cart:*", true),
            ("cart:*", "order:*", false),
            ("cart:*", "cart:item:*", true),
            ("cart:*", "cart:updated", true),
            ("cart:*", "order:new", false),
            ("*:done", "cart:*", true),
            ("*:done", "*:begun", false),
            ("*:done", "*one", true),
            ("*:done", "cart:done", true),
            ("[co]*", "order:*", true),
            ("a[bc]d", "ab?", true),
            ("a[bc]d", "x[bc]d", false),
            ("a?c", "a*d", false),
        ] {
            let parse = |text| EventPattern::parse(text).unwrap();
            let (one, other) = (parse(one), parse(other));
            assert_eq!(one.may_overlap(&other), expected, "{one} {other}");
            assert_eq!(other.may_overlap(&one), expected, "{other} {one}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_matches_both_of_two_patterns_is_an_overlap(
            one in "[ab]{0,2}([*?]|\\[!?[ab]\\])[ab*?]{0,2}",
            other in "[ab]{0,2}([*?]|\\[!?[ab]\\])?[ab*?]{0,2}",
            name in "[ab]{1,4}",
        ) {
            let name = EventName::parse(&name).unwrap();
            if let (Ok(one), Ok(other)) = (EventPattern::parse(&one), EventPattern::parse(&other)) {
                let is_both = one.matches(&name) && other.matches(&name);
                proptest::prop_assert!(!is_both || one.may_overlap(&other));
            }
        }

        #[test]
        fn pieces_agree_with_the_glob_engine(pattern in "[ab*]{1,8}", name in "[ab]{1,12}") {
            if let (Ok(own), Ok(name)) = (EventPattern::parse(&pattern), EventName::parse(&name)) {
                let engine = glob::Pattern::new(&pattern).unwrap();
                proptest::prop_assert_eq!(own.matches(&name), engine.matches(name.as_str()));
            }
        }

        #[test]
        fn agrees_with_the_glob_engine(pattern in "[ab:/]{0,3}[*?][ab:/*?]{0,3}", name in "[ab:/]{1,6}") {
            if let (Ok(own), Ok(name)) = (EventPattern::parse(&pattern), EventName::parse(&name)) {
                let engine = glob::Pattern::new(&pattern).unwrap();
                proptest::prop_assert_eq!(own.matches(&name), engine.matches(name.as_str()));
            }
        }
    }
}
