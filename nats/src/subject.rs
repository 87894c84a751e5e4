//! Names of events as subjects, and back.

use std::fmt::Write;

/// The token that stands for an empty part of a name.
const EMPTY: &str = "%";

/// The token of a subject that carries a count. No name has it, since `n` is no hexadecimal digit.
pub(crate) const COUNT: &str = "%n";

/// The subjects of one app and one node.
#[derive(Debug, Clone)]
pub(crate) struct Subjects {
    app: String,
    node: String,
}

impl Subjects {
    pub(crate) fn new(app: &str, node: &str) -> Self {
        Self {
            app: token_of(app),
            node: node.to_owned(),
        }
    }

    /// An event for everyone.
    pub(crate) fn event(&self, name: &str) -> String {
        format!("{}.{}.event.{}", self.app, self.node, encode_name(name))
    }

    /// An event for one node.
    pub(crate) fn event_to(&self, receiver: &str, name: &str) -> String {
        format!(
            "{}.{}.to.{receiver}.event.{}",
            self.app,
            self.node,
            encode_name(name)
        )
    }

    /// A request to one node.
    pub(crate) fn request_to(&self, receiver: &str, name: &str) -> String {
        format!(
            "{}.{}.to.{receiver}.request.{}",
            self.app,
            self.node,
            encode_name(name)
        )
    }

    /// What requests to this node are sent on.
    pub(crate) fn requests(&self) -> String {
        format!("{}.*.to.{}.request.>", self.app, self.node)
    }

    /// The count of a share. It comes through the subscriptions to the events of that share.
    pub(crate) fn count(&self, pattern: &str) -> String {
        let filter = filter_of(pattern);
        let place = match filter.strip_suffix('>') {
            Some(tokens) => format!("{tokens}{COUNT}"),
            None => filter,
        };
        format!("{}.{}.event.{place}", self.app, self.node)
    }

    /// The count of the events to one node. It comes through the subscription to them, so it overtakes none.
    pub(crate) fn count_to(&self, receiver: &str) -> String {
        format!("{}.{}.to.{receiver}.event.{COUNT}", self.app, self.node)
    }

    pub(crate) fn hello(&self) -> String {
        format!("{}.{}.hello", self.app, self.node)
    }

    /// A subject of this node without a responder.
    pub(crate) fn check(&self) -> String {
        format!("{}.{}.check", self.app, self.node)
    }

    /// What this node subscribes to for these shares: each message comes through one subscription.
    pub(crate) fn filters<'a>(&self, patterns: impl Iterator<Item = &'a str>) -> Vec<String> {
        let mut filters: Vec<String> = patterns.map(filter_of).collect();
        filters.sort();
        filters.dedup();
        let all = filters.clone();
        let is_covered = |filter: &String| {
            let mut others = all.iter().filter(|other| *other != filter);
            others.any(|other| covers(other, filter))
        };
        filters.retain(|filter| !is_covered(filter));
        let broadcasts = filters.into_iter();
        let broadcasts = broadcasts.map(|filter| format!("{}.*.event.{filter}", self.app));
        let own = [
            format!("{}.*.to.{}.event.>", self.app, self.node),
            format!("{}.*.hello", self.app),
        ];
        broadcasts.chain(own).collect()
    }

    /// Reads a subject that this node subscribes to.
    pub(crate) fn read<'a>(&self, subject: &'a str) -> Option<Incoming<'a>> {
        let rest = subject.strip_prefix(self.app.as_str())?;
        let (node, rest) = rest.strip_prefix('.')?.split_once('.')?;
        if !is_node(node) {
            return None;
        }
        let (kind, rest) = rest.split_once('.').unwrap_or((rest, ""));
        let (is_direct, kind, place) = match kind {
            "to" => {
                let (receiver, rest) = rest.split_once('.')?;
                let (kind, place) = rest.split_once('.').unwrap_or((rest, ""));
                (receiver == self.node).then_some((true, kind, place))?
            }
            _ => (false, kind, rest),
        };
        let content = match kind {
            "hello" if !is_direct => Content::Hello,
            "request" if is_direct => Content::Request(decode_name(place)?),
            "event" => match decode_name(place) {
                Some(name) => Content::Event(name),
                None if place == COUNT || place.ends_with(concat!(".", "%n")) => Content::Count,
                None => return None,
            },
            _ => return None,
        };
        Some(Incoming {
            node,
            is_direct,
            content,
        })
    }
}

/// What a subject says of its message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incoming<'a> {
    /// The node that has sent it.
    pub(crate) node: &'a str,
    /// Whether it is for this node alone.
    pub(crate) is_direct: bool,
    pub(crate) content: Content,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Events of this name, or a count if their share is one name.
    Event(String),
    Count,
    Hello,
    /// A request of this name.
    Request(String),
}

/// Whether a node may have this name.
pub(crate) fn is_node(name: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(is_allowed)
}

/// An app as one token: other characters than letters, digits, `-` and `_` become `-`.
pub(crate) fn token_of(app: &str) -> String {
    let token = app.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        _ => '-',
    });
    token.collect()
}

/// A name as the tokens of a subject. Each `:` begins a new one.
pub(crate) fn encode_name(name: &str) -> String {
    let mut subject = String::with_capacity(name.len() + 8);
    for (index, part) in name.split(':').enumerate() {
        if index > 0 {
            subject.push('.');
        }
        if part.is_empty() {
            subject.push_str(EMPTY);
        }
        for byte in part.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'/' => {
                    subject.push(char::from(byte));
                }
                other => {
                    let _ = write!(subject, "%{other:02X}");
                }
            }
        }
    }
    subject
}

/// The name that these tokens stand for. `None` if no name is written like that.
pub(crate) fn decode_name(subject: &str) -> Option<String> {
    let mut name = Vec::with_capacity(subject.len());
    for (index, token) in subject.split('.').enumerate() {
        if index > 0 {
            name.push(b':');
        }
        if token == EMPTY {
            continue;
        }
        let mut bytes = token.bytes();
        while let Some(byte) = bytes.next() {
            if byte != b'%' {
                name.push(byte);
                continue;
            }
            let digits = [bytes.next()?, bytes.next()?];
            let digits = std::str::from_utf8(&digits).ok()?;
            name.push(u8::from_str_radix(digits, 16).ok()?);
        }
    }
    let name = String::from_utf8(name).ok()?;
    // Each name has one subject, so that no message passes for another one.
    (encode_name(&name) == subject).then_some(name)
}

/// The subjects that a pattern may match: an exact one, or whole tokens and `>`.
pub(crate) fn filter_of(pattern: &str) -> String {
    let Some(wildcard) = pattern.find(['*', '?', '[']) else {
        return encode_name(pattern);
    };
    match pattern[..wildcard].rfind(':') {
        Some(end) => format!("{}.>", encode_name(&pattern[..end])),
        None => ">".to_owned(),
    }
}

/// Whether every subject of a filter is one of another filter, too.
fn covers(filter: &str, other: &str) -> bool {
    filter == other
        || filter
            .strip_suffix('>')
            .is_some_and(|tokens| other.len() > tokens.len() && other.starts_with(tokens))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(filter: &str, subject: &str) -> bool {
        match filter.strip_suffix('>') {
            Some(tokens) => subject.len() > tokens.len() && subject.starts_with(tokens),
            None => filter == subject,
        }
    }

    #[test]
    fn each_name_has_one_subject() {
        for (name, subject) in [
            ("order:created", "order.created"),
            ("order", "order"),
            ("a.b/c", "a%2Eb/c"),
            ("::", "%.%.%"),
            (":a", "%.a"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(encode_name(name), subject);
            assert_eq!(decode_name(subject).as_deref(), Some(name));
        }
        for wrong in [
            "order.%n", "%n", "%2e", "a..b", "", "a%61", "%C3", "a.%", "%zz", "a b", "*", ">", "é",
        ] {
            let decoded = decode_name(wrong);
            let is_own = decoded.as_deref().map(encode_name).as_deref() == Some(wrong);
            assert!(decoded.is_none() || is_own, "{wrong}");
        }
        for wrong in [
            "order.%n", "%n", "%2e", "a%61", "%C3", "%zz", "a b", "*", "é", "a..b", "",
        ] {
            assert_eq!(decode_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn patterns_subscribe_to_whole_tokens() {
        for (pattern, filter) in [
            ("order:created", "order.created"),
            ("order:*", "order.>"),
            ("order:a*", "order.>"),
            ("ord*", ">"),
            ("*:created", ">"),
            ("*", ">"),
            ("a:b:?", "a.b.>"),
            ("a:[bc]", "a.>"),
            ("a.b:*", "a%2Eb.>"),
        ] {
            assert_eq!(filter_of(pattern), filter);
        }
    }

    #[test]
    fn subscriptions_do_not_overlap() {
        let subjects = Subjects::new("com.example.shop", "till-4");
        let filters =
            subjects.filters(["order:*", "order:created", "alarm", "order:*"].into_iter());
        assert_eq!(
            filters,
            [
                "com-example-shop.*.event.alarm",
                "com-example-shop.*.event.order.>",
                "com-example-shop.*.to.till-4.event.>",
                "com-example-shop.*.hello",
            ]
        );
        let all = subjects.filters(["order:*", "*", "alarm"].into_iter());
        assert_eq!(all[0], "com-example-shop.*.event.>");
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn subjects_are_read_back() {
        let from = Subjects::new("shop", "till-4");
        let here = Subjects::new("shop", "till-5");
        let read = |subject: &str| {
            let incoming = here.read(subject)?;
            Some((
                incoming.node.to_owned(),
                incoming.is_direct,
                incoming.content,
            ))
        };
        let event = || Content::Event("order:a.b".to_owned());
        let node = || "till-4".to_owned();
        assert_eq!(
            read(&from.event("order:a.b")),
            Some((node(), false, event()))
        );
        let direct = from.event_to("till-5", "order:a.b");
        assert_eq!(read(&direct), Some((node(), true, event())));
        for pattern in ["order:*", "*"] {
            let count = from.count(pattern);
            assert_eq!(read(&count), Some((node(), false, Content::Count)));
        }
        let exact = from.count("order:a.b");
        assert_eq!(read(&exact), Some((node(), false, event())));
        assert_eq!(
            read(&from.count_to("till-5")),
            Some((node(), true, Content::Count))
        );
        let request = from.request_to("till-5", "order:a.b");
        let content = Content::Request("order:a.b".to_owned());
        assert_eq!(read(&request), Some((node(), true, content)));
        assert_eq!(read(&from.hello()), Some((node(), false, Content::Hello)));
        for other in [
            "shops.till-4.event.a",
            "shop.till-4.to.till-6.event.a",
            "shop.till-4.other.a",
            "shop.till-4",
            "shop.till-4.event.a%61",
            "shop.till-4.to.till-5.hello",
            "shop.*.hello",
            "shop.é.event.a",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn escaping_is_reversible(name in "[a-zé0-9\\-_.:/]{1,24}") {
            let subject = encode_name(&name);
            prop_assert!(subject.is_ascii() && !subject.contains("..") && !subject.ends_with('.'));
            prop_assert_eq!(decode_name(&subject), Some(name));
        }

        #[test]
        fn what_decodes_is_canonical(subject in "[a-b%.0-9A-F]{1,12}") {
            if let Some(name) = decode_name(&subject) {
                prop_assert_eq!(encode_name(&name), subject);
            }
        }

        #[test]
        fn a_filter_has_every_name_of_its_pattern(
            pattern in "[ab:]{0,4}([*?])?[ab:]{0,2}",
            name in "[ab:]{1,6}",
        ) {
            use tauri_plugin_event_bus::types::{EventName, EventPattern};
            if let (Ok(parsed), Ok(event)) = (EventPattern::parse(&pattern), EventName::parse(&name))
                && parsed.matches(&event)
            {
                prop_assert!(matches(&filter_of(&pattern), &encode_name(&name)));
            }
        }
    }
}
