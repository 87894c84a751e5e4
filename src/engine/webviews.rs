//! Webviews, as the platform and the hub know them.

use std::sync::{Arc, Weak};

use crate::engine::core::Core;
use crate::flood::Flood;
use crate::model::error::Result;
use crate::model::selection::Selection;

impl Core {
    /// A window that is named may have a webview of its own label that was not announced yet, beside others that were. The
    /// hub would not notice, so the platform is asked first. Targets with windows are rare.
    pub(super) fn resolve_windows(&self, to: &Selection) {
        if !to.windows.is_empty() {
            self.resolve_unannounced(to);
        }
    }

    /// Announces the addressed webviews that the platform lists and the hub does not know. Returns whether there were any.
    pub(crate) fn resolve_unannounced(&self, to: &Selection) -> bool {
        let unknown: Vec<&str> = {
            let hub = self.hub();
            let labels = to.webviews.iter().chain(&to.windows);
            let labels = labels.filter_map(|pattern| pattern.literal());
            labels.filter(|label| !hub.knows(label)).collect()
        };
        let resolved = unknown.into_iter().filter(|label| self.announce(label));
        resolved.count() > 0
    }

    /// Announces a webview if the platform lists it. Returns whether it does.
    fn announce(&self, webview: &str) -> bool {
        let window = self.platform.window_of(webview);
        if let Some(window) = &window {
            let effects = self.hub().announce(webview, window);
            self.apply_effects(effects);
            // If it was closed in between, the hook that tells of its end may have run before.
            self.remove_if_closed(webview);
        }
        window.is_some()
    }

    /// Removes a webview that the platform has closed without a word.
    pub(super) fn remove_if_closed(&self, webview: &str) {
        let number = self.hub().webview_number(webview);
        if let Some(number) = number
            && self.platform.is_closed(webview)
            && let Some(above) = self.above.get().and_then(Weak::upgrade)
        {
            above.remove_closed(webview, number);
        }
    }

    /// Ends what the hub knows of webviews that are closed, and notes those that have moved to another window, when this
    /// window is closed. Returns the webviews that were in it.
    pub(crate) fn close_window(&self, window: &str) -> Vec<Arc<str>> {
        let known = self.hub().locations();
        for (label, own) in known {
            match self.platform.window_of(&label) {
                Some(now) if *now != *own => {
                    let effects = self.hub().announce(&label, &now);
                    self.apply_effects(effects);
                }
                None if *own != *window => self.remove_if_closed(&label),
                _ => {}
            }
        }
        let (webviews, effects) = self.hub().remove_window(window);
        self.apply_effects(effects);
        webviews
    }

    /// Notes the window of a webview, as a message of its page says.
    pub(crate) fn note_window(&self, webview: &str, window: &str) {
        let effects = self.hub().note_window(webview, window);
        self.apply_effects(effects);
    }

    pub(crate) fn knows(&self, webview: &str) -> bool {
        self.hub().knows(webview)
    }

    /// The flood account of the pages of this webview.
    pub(crate) fn flood(&self, webview: &str) -> Result<Arc<Flood>> {
        self.announce_if_unknown(webview);
        self.hub().flood(webview)
    }

    /// A page may be faster than the hook that announces its webview. It may also be slower than the hook that ends it,
    /// so a webview that the platform does not list is not announced again.
    pub(crate) fn announce_if_unknown(&self, webview: &str) {
        if !self.knows(webview) {
            self.announce(webview);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use super::*;
    use crate::engine::core::Platform;
    use crate::engine::reply::Reply;
    use crate::hub::command_log::CommandAdmission;
    use crate::hub::ids::SessionId;
    use crate::hub::{Address, Audience, Command, NewEvent};
    use crate::limits::Limits;
    use crate::model::endpoint::Endpoint;
    use crate::model::error::ErrorCode;
    use crate::model::event::Receipt;
    use crate::model::lifetime::Lifetime;
    use crate::model::name::EventName;
    use crate::model::policies::Policies;
    use crate::model::target::Target;
    use crate::sync::Tasks;

    /// A platform that lists one webview, which was not announced.
    struct Listed(&'static str);

    impl Platform for Listed {
        fn window_of(&self, webview: &str) -> Option<String> {
            (webview == self.0).then(|| webview.to_owned())
        }

        fn is_closed(&self, _: &str) -> bool {
            false
        }
    }

    fn core() -> Core {
        Core::new(
            Limits::default(),
            Policies::default(),
            Box::new(Listed("late")),
            Tasks::for_tests(),
        )
    }

    fn emission(target: Target) -> Result<(NewEvent, Audience)> {
        let event = NewEvent {
            name: EventName::parse("x")?,
            payload: "1".into(),
            source: Endpoint::Host,
            tick: None,
            provenance: None,
            retain: None,
            lifetime: Lifetime::default(),
        };
        let audience = Audience {
            to: Some(Address::of(target)?),
            ..Audience::default()
        };
        Ok((event, audience))
    }

    fn emit(core: &Core, target: Target) -> Result<Receipt> {
        let (event, audience) = emission(target)?;
        core.publish(event, &audience)
    }

    #[test]
    fn an_unannounced_webview_is_reached() {
        for target in [Target::webview("late"), Target::window("late")] {
            assert_eq!(emit(&core(), target).map(|receipt| receipt.pages), Ok(0));
        }
        let error = emit(&core(), Target::webview("never")).unwrap_err();
        assert_eq!(error.code(), ErrorCode::UnknownTarget);
    }

    #[test]
    fn a_known_window_gets_its_unannounced_webview() {
        let core = core();
        let _ = core.hub().announce("side", "late");
        assert!(emit(&core, Target::window("late")).is_ok());
        assert!(core.knows("late"));
    }

    #[test]
    fn so_does_one_of_an_emit_that_waits() {
        let core = core();
        let _ = core.hub().announce("side", "late");
        let (event, audience) = emission(Target::window("late")).unwrap();
        let mut emit = std::pin::pin!(core.publish_when_room(event, &audience));
        let polled = emit
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()));
        assert!(polled.is_ready());
        assert!(core.knows("late"));
    }

    #[test]
    fn a_late_command_keeps_a_closed_webview_closed() {
        let core = core();
        let _ = core.hub().announce("closed", "closed");
        let (_, effects) = core.hub().remove_window("closed");
        core.apply_effects(effects);
        let command = Command {
            name: "start_job",
            session: SessionId::parse(&"1".repeat(32)).unwrap(),
            n: 1,
            origin: None,
        };
        let (admission, page) = core.begin_command("closed", command, Reply::new(|_| {}));
        assert!(
            matches!(admission, CommandAdmission::Refuse(_, error) if error.code() == ErrorCode::StaleSession)
        );
        assert_eq!(page, None);
        assert!(!core.knows("closed"));
    }
}
