//! Commands of pages, whose answers may be lost and which may arrive again.

use super::steps::Fate;
use super::{WEBVIEWS, Waiter, World};
use crate::hub::Command;
use crate::hub::command_log::CommandAdmission;
use crate::hub::ids::SubscriberKey;
use crate::model::error::ErrorCode;

/// The last command of a page.
#[derive(Debug, Clone)]
pub(super) struct LastCommand {
    name: &'static str,
    result: String,
    is_answered: bool,
}

/// For how many later sessions a webview remembers an ended one.
const REMEMBERED: u64 = 16;

impl World {
    /// Runs a command without an effect of its own.
    pub(super) fn command(&mut self, page: usize) -> SubscriberKey {
        let key = self.begin(page, "emit");
        self.finish_command(page, Fate::IsAnswered, String::new());
        key
    }

    pub(super) fn begin(&mut self, page: usize, name: &'static str) -> SubscriberKey {
        self.send_again(page);
        self.hear(page, false);
        let own = &mut self.pages[page];
        own.n += 1;
        let command = own.command(name);
        let (admission, key, effects) =
            self.hub
                .begin_command(WEBVIEWS[page], command, Waiter::Command(page), self.now);
        assert!(
            matches!(admission, CommandAdmission::Run(_)),
            "{admission:?}"
        );
        self.apply_effects(effects);
        let own = &mut self.pages[page];
        own.last = Some(LastCommand {
            name,
            result: String::new(),
            is_answered: false,
        });
        if own.key != key {
            own.opened = self.now;
            own.key = key;
        }
        key.unwrap()
    }

    pub(super) fn finish_command(&mut self, page: usize, fate: Fate, result: String) {
        let copies = match fate {
            Fate::IsDoubled => {
                let admission = self.send_copy(page);
                assert!(matches!(admission, CommandAdmission::Wait), "{admission:?}");
                vec![Waiter::Command(page)]
            }
            _ => Vec::new(),
        };
        let own = &mut self.pages[page];
        let waiting = self
            .hub
            .finish_command(own.key.unwrap(), own.n, Ok(result.as_str().into()));
        assert_eq!(waiting, copies);
        own.last.as_mut().unwrap().result = result;
        if fate != Fate::LosesAnswer {
            own.take_answer();
        }
    }

    fn send_copy(&mut self, page: usize) -> CommandAdmission<Waiter> {
        let own = &self.pages[page];
        let command = own.command(own.last.as_ref().unwrap().name);
        let (admission, _, effects) =
            self.hub
                .begin_command(WEBVIEWS[page], command, Waiter::Command(page), self.now);
        self.apply_effects(effects);
        admission
    }

    /// Sends the last command again if its answer was lost. It gets the answer of the first time.
    pub(super) fn send_again(&mut self, page: usize) {
        let last = self.pages[page].last.clone();
        let Some(last) = last.filter(|last| !last.is_answered) else {
            return;
        };
        let age = self.newest_session - self.pages[page].number;
        if self.is_live(page) || age < REMEMBERED {
            match self.send_copy(page) {
                CommandAdmission::Repeat(_, result) => assert_eq!(result, Ok(last.result.into())),
                other => panic!("{other:?} for {last:?}"),
            }
        }
        self.pages[page].take_answer();
    }

    /// WebKit sends what is in flight a second time when a page is left.
    pub(super) fn copy_command(&mut self, page: usize, is_before: bool) {
        let own = match is_before {
            true => self.before[page].as_ref(),
            false => Some(&self.pages[page]),
        };
        let Some((own, last)) = own.and_then(|own| Some((own, own.last.clone()?))) else {
            return;
        };
        if is_before && self.newest_session - own.number >= REMEMBERED {
            return;
        }
        let command: Command = own.command(last.name);
        let (admission, _, effects) =
            self.hub
                .begin_command(WEBVIEWS[page], command, Waiter::Command(page), self.now);
        self.apply_effects(effects);
        match admission {
            CommandAdmission::Repeat(_, result) => assert_eq!(result, Ok(last.result.into())),
            CommandAdmission::Refuse(_, error) => {
                assert!(is_before, "{error}");
                assert_eq!(error.code(), ErrorCode::StaleSession);
            }
            other => panic!("{other:?} for {last:?}"),
        }
    }

    pub(super) fn is_live(&self, page: usize) -> bool {
        let key = self.pages[page].key;
        key.is_some_and(|key| self.hub.sessions.contains_key(&key))
    }
}

impl super::pages::Page {
    fn command(&self, name: &'static str) -> Command {
        Command {
            name,
            session: self.session,
            n: self.n,
            origin: super::pages::origin(),
        }
    }

    /// The answer to the last command arrives.
    fn take_answer(&mut self) {
        let Some(last) = &mut self.last else {
            return;
        };
        last.is_answered = true;
        if let Ok(since) = last.result.parse() {
            for received in self.received.values_mut() {
                if received.answered.is_none() {
                    received.answered = Some(since);
                    received.replayed_to = received.replayed_to.or(received.replays_after);
                }
            }
        }
    }
}
