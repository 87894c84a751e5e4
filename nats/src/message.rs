//! The body of a message: a line of JSON, and the payloads behind it.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

/// The version of the format.
pub(crate) const VERSION: u32 = 1;

/// The longest line.
pub(crate) const MAX_LINE: usize = 64 << 10;

/// The most events of a message.
pub(crate) const MAX_EVENTS: usize = 256;

/// The most bytes of several payloads in a message.
pub(crate) const MAX_BYTES: usize = 64 << 10;

/// What a message says of its events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Head<'a> {
    v: u32,
    /// The node that sends it.
    #[serde(borrow)]
    pub(crate) node: Cow<'a, str>,
    /// Tells one run of the node from others.
    #[serde(borrow)]
    pub(crate) run: Cow<'a, str>,
    /// The share that counts the events. Absent in a message to one node.
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) of: Option<Cow<'a, str>>,
    /// The count of the first event; of a count, that of the last event that was sent.
    pub(crate) n: u64,
    /// The lengths of the payloads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sizes: Vec<usize>,
    /// The lengths of the bytes in the only payload.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) bytes: Vec<usize>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) component: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) causes: Vec<String>,
    #[serde(borrow, skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<Cow<'a, str>>,
    /// What is left of the time that the events count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_ms: Option<u64>,
    /// Whether it has no events, and tells how many were sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) count: bool,
}

impl<'a> Head<'a> {
    pub(crate) fn new(node: &'a str, run: &'a str, of: Option<&'a str>, n: u64) -> Self {
        Self {
            v: VERSION,
            node: node.into(),
            run: run.into(),
            of: of.map(Cow::Borrowed),
            n,
            ..Self::default()
        }
    }

    /// Writes the line, with room for so many bytes of payloads behind it.
    pub(crate) fn write(&self, body: &mut BytesMut, payloads: usize) -> Result<(), String> {
        body.clear();
        body.reserve(160 + 5 * self.sizes.len() + payloads);
        let written = serde_json::to_writer(body.writer(), self);
        written.map_err(|error| error.to_string())?;
        if body.len() >= MAX_LINE {
            return Err(format!(
                "the causes and the sizes of what it has take {} bytes, and others read {MAX_LINE}",
                body.len()
            ));
        }
        body.put_u8(b'\n');
        Ok(())
    }
}

/// A message that was read: its head, and its payloads, each with its bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Body<'a> {
    pub(crate) head: Head<'a>,
    pub(crate) payloads: Vec<&'a str>,
    pub(crate) bytes: Vec<&'a [u8]>,
}

/// Reads a message. The error says what is wrong with it.
pub(crate) fn read(message: &[u8]) -> Result<Body<'_>, String> {
    let searched = &message[..message.len().min(MAX_LINE)];
    let Some(end) = searched.iter().position(|byte| *byte == b'\n') else {
        return Err(format!(
            "it has no line of at most {MAX_LINE} bytes at its beginning"
        ));
    };
    let (line, rest) = message.split_at(end);
    let head: Head<'_> = serde_json::from_slice(line)
        .map_err(|error| format!("its first line is not what this version reads: {error}"))?;
    if head.v != VERSION {
        return Err(format!(
            "it has version {}, and this node reads version {VERSION}; use the same version of the plugin on all nodes",
            head.v
        ));
    }
    if head.run.is_empty() || head.run.len() > 64 {
        return Err("its run has no or more than 64 bytes".to_owned());
    }
    if head.sizes.len() > MAX_EVENTS {
        return Err(format!(
            "it has {} events; at most {MAX_EVENTS} are read",
            head.sizes.len()
        ));
    }
    if head.count != head.sizes.is_empty() || (!head.bytes.is_empty() && head.sizes.len() != 1) {
        return Err("it has neither one kind of content nor the other".to_owned());
    }
    let after = head.n.checked_add(head.sizes.len().max(1) as u64);
    if after.is_none() || (head.n == 0 && !head.count) {
        return Err(format!("its count is {}", head.n));
    }
    let mut rest = &rest[1..];
    let mut take = |size: usize| {
        let taken = rest.get(..size)?;
        rest = &rest[size..];
        Some(taken)
    };
    let lengths = || "it is shorter or longer than its first line says".to_owned();
    let mut payloads = Vec::with_capacity(head.sizes.len());
    for size in &head.sizes {
        let text = std::str::from_utf8(take(*size).ok_or_else(lengths)?);
        payloads.push(text.map_err(|_| "a payload is not UTF-8".to_owned())?);
    }
    let mut bytes = Vec::with_capacity(head.bytes.len());
    for size in &head.bytes {
        bytes.push(take(*size).ok_or_else(lengths)?);
    }
    if !rest.is_empty() {
        return Err(lengths());
    }
    Ok(Body {
        head,
        payloads,
        bytes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(head: &Head<'_>, payloads: &[u8]) -> Vec<u8> {
        let mut body = BytesMut::from("left from the message before");
        head.write(&mut body, payloads.len()).unwrap();
        body.extend(payloads);
        body.to_vec()
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let mut head = Head::new("till-4", "r1", Some("order:*"), 7);
        head.sizes = vec![1, 3];
        head.causes = vec!["a".to_owned()];
        head.expires_ms = Some(5);
        let body = written(&head, b"1\"x\"");
        let read = read(&body).unwrap();
        assert_eq!(read.head, head);
        assert_eq!(read.payloads, ["1", "\"x\""]);
        let text = String::from_utf8(body.clone()).unwrap();
        assert_eq!(
            text,
            "{\"v\":1,\"node\":\"till-4\",\"run\":\"r1\",\"of\":\"order:*\",\"n\":7,\"sizes\":[1,3],\"causes\":[\"a\"],\"expiresMs\":5}\n1\"x\""
        );
    }

    #[test]
    fn bytes_follow_their_payload() {
        let mut head = Head::new("till-4", "r1", None, 1);
        head.sizes = vec![1];
        head.bytes = vec![2, 0];
        let body = written(&head, b"\x01\xff\x00");
        let read = read(&body).unwrap();
        assert_eq!(read.bytes, [&[0xff, 0][..], &[]]);
    }

    #[test]
    fn wrong_messages_are_refused() {
        let wrong = |text: &str, problem: &str| {
            let error = read(text.as_bytes()).unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
        };
        wrong("", "no line");
        wrong(&"x".repeat(MAX_LINE + 1), "no line");
        wrong("7\n", "first line");
        wrong("{}\n", "version 0");
        wrong("{\"v\":2}\n", "version 2");
        wrong("{\"v\":1}\n", "its run");
        wrong("{\"v\":1,\"run\":\"r\",\"n\":1}\n", "neither");
        wrong(
            "{\"v\":1,\"run\":\"r\",\"n\":1,\"count\":true,\"sizes\":[1]}\n1",
            "neither",
        );
        wrong(
            "{\"v\":1,\"run\":\"r\",\"n\":0,\"sizes\":[1]}\n1",
            "its count",
        );
        wrong(
            "{\"v\":1,\"run\":\"r\",\"n\":1,\"sizes\":[2]}\n1",
            "shorter or longer",
        );
        wrong(
            "{\"v\":1,\"run\":\"r\",\"n\":1,\"sizes\":[1]}\n12",
            "shorter or longer",
        );
        wrong(
            "{\"v\":1,\"run\":\"r\",\"n\":18446744073709551615,\"sizes\":[1]}\n1",
            "its count",
        );
        wrong(
            "{\"v\":1,\"run\":\"r\",\"n\":1,\"sizes\":[1,1],\"bytes\":[1]}\n123",
            "neither",
        );
        let many = vec!["0"; MAX_EVENTS + 1].join(",");
        wrong(
            &format!("{{\"v\":1,\"run\":\"r\",\"n\":1,\"sizes\":[{many}]}}\n"),
            "257 events",
        );
        let mut body = b"{\"v\":1,\"run\":\"r\",\"n\":1,\"sizes\":[1]}\n".to_vec();
        body.push(0xff);
        assert!(read(&body).unwrap_err().contains("UTF-8"));
    }

    #[test]
    fn what_others_would_refuse_is_not_written() {
        let mut head = Head::new("till-4", "r1", None, 1);
        head.sizes = vec![1];
        head.bytes = vec![0; MAX_LINE / 2 - 100];
        let body = written(&head, b"1");
        assert_eq!(read(&body).unwrap().bytes.len(), head.bytes.len());
        head.bytes.extend([0; 100]);
        let refused = head.write(&mut BytesMut::new(), 1);
        assert!(refused.unwrap_err().contains("65536"));
    }

    #[test]
    fn unknown_keys_are_ignored() {
        let body = b"{\"v\":1,\"run\":\"r\",\"n\":3,\"count\":true,\"later\":{}}\n";
        assert_eq!(read(body).unwrap().head.n, 3);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(0u8.., 0..200)) {
            let _ = read(&bytes);
        }
    }
}
