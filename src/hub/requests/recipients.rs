//! Who responds to a request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::hub::Hub;
use crate::hub::requests::endings::{no_responder, other_kind};
use crate::hub::requests::message::{Recipient, ResponderKind};
use crate::hub::requests::pending::RequestState;
use crate::model::error::{Error, ErrorCode, Result, quoted};
use crate::model::name::EventName;
use crate::model::selection::{Selection, unknown_target};
use crate::model::target::LabelPattern;

/// How long a request waits for a page that is still starting.
pub(in crate::hub) const GRACE: Duration = Duration::from_secs(3);

impl<W> Hub<W> {
    /// Who responds to a request with this target: one page, or the host.
    pub(crate) fn find_recipient(&self, to: &Selection) -> Result<Recipient> {
        let local = to.webviews.len() + to.windows.len() + usize::from(to.host);
        let parts = local + to.nodes.len();
        if let ([node], 0) = (&to.nodes[..], local) {
            // The own node is everyone here.
            return Ok(match to.everyone {
                true => Recipient::Host,
                false => Recipient::Node(Arc::clone(node)),
            });
        }
        let is_glob = |pattern: &LabelPattern| pattern.literal().is_none();
        let mut patterns = to.webviews.iter().chain(&to.windows);
        if parts != 1 || to.everyone || patterns.any(is_glob) {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "invalid target of a request: {}; expected one label of a webview, HOST, or one node. request_all sends to several",
                    describe(to)
                ),
            ));
        }
        if to.host {
            return Ok(Recipient::Host);
        }
        self.check_targets(to)?;
        let mut labels = self.find_pages(to);
        match (labels.pop(), labels.is_empty()) {
            (Some(label), true) => Ok(Recipient::Page(label)),
            (Some(last), false) => {
                labels.push(last);
                let window = to.windows.first().map_or("", LabelPattern::as_str);
                let labels: Vec<String> = labels.iter().map(|label| quoted(label)).collect();
                Err(Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "the window {} has the webviews {}, and a request goes to one of them; name it by its label",
                        quoted(window),
                        labels.join(", ")
                    ),
                ))
            }
            (None, _) => {
                let label = to.webviews.iter().chain(&to.windows).next();
                let label = label.map_or("", LabelPattern::as_str);
                Err(unknown_target("webview", label, None))
            }
        }
    }

    /// The webviews that a target selects, in the order of their labels.
    pub(crate) fn find_pages(&self, to: &Selection) -> Vec<Arc<str>> {
        let is_selected = |webview: &str, window: &str| to.has_webview(webview, window);
        self.webviews
            .iter()
            .filter(|(label, webview)| is_selected(label, &webview.window))
            .map(|(label, _)| Arc::clone(label))
            .collect()
    }

    /// Where a request of this name to the page of this webview is at first: with the page, or waiting for it.
    pub(super) fn route_to_page(
        &self,
        label: &Arc<str>,
        name: &EventName,
        kind: ResponderKind,
        now: Instant,
    ) -> Result<RequestState> {
        let Some(webview) = self.webviews.get(label) else {
            return Err(unknown_target("webview", label, None));
        };
        let session = webview.session.and_then(|key| self.sessions.get(&key));
        if let (Some(key), Some(session)) = (webview.session, session)
            && let Some(own) = session.responders.get(name)
        {
            if *own != kind {
                return Err(other_kind(label, name, *own));
            }
            return Ok(RequestState::Page {
                webview: Arc::clone(label),
                key,
            });
        }
        let until = session.map_or(now, |session| session.opened) + GRACE;
        if until <= now {
            return Err(no_responder(label, name));
        }
        Ok(RequestState::Waiting {
            webview: Arc::clone(label),
            until,
        })
    }
}

/// A target in the words of an error.
fn describe(to: &Selection) -> String {
    let labels = to.webviews.iter().chain(&to.windows);
    let mut parts: Vec<String> = labels.map(|label| quoted(label.as_str())).collect();
    if to.host {
        parts.push("the host".to_owned());
    }
    parts.extend(to.nodes.iter().map(|node| format!("node {}", quoted(node))));
    if to.everyone {
        parts.push("everyone".to_owned());
    }
    parts.join(", ")
}
