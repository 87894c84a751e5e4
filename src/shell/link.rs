//! Starting the link to other nodes with the app.

use crate::api::bus::EventBus;
use crate::api::link::start::{Link, LinkStarter};

/// A link that has yet to start.
pub(crate) struct BoxedLink(pub(crate) Box<dyn Link>);

impl std::fmt::Debug for BoxedLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // It may hold what is not for a log.
        f.write_str("Link")
    }
}

/// Starts the link, if there is one.
pub(crate) fn start_link(
    link: Option<BoxedLink>,
    config: Option<serde_json::Value>,
    app: &str,
    bus: &EventBus,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match (link, config) {
        (Some(link), config) => {
            let config = config.map(|config| config.to_string().into());
            let starter = LinkStarter::new(bus.clone(), app.to_owned(), config);
            Ok(link.0.start(starter)?)
        }
        (None, Some(_)) => Err(
            "plugins.event-bus.link is set, and the app has no link; add one with Builder::link"
                .into(),
        ),
        (None, None) => Ok(()),
    }
}
