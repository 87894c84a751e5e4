use crate::model::error::{Error, ErrorCode, Result};
use crate::model::json::Json;

/// The result of a command or a request: its JSON, or its error.
pub(crate) type JsonResult = Result<Json>;

/// How many copies of a running command wait for its result. A browser sends one.
const MAX_REPEATS: usize = 16;

/// How many commands of a page may run at once. More than one does only while the page is left.
const MAX_CONCURRENT: usize = 64;

/// Runs each command of a page once.
///
/// A page has one command in flight at a time, so only the newest can arrive again: WebKit sends what is in flight a
/// second time when the page is left. A page that is left sends the rest at once, and they may overtake each other.
#[derive(Debug)]
pub(crate) struct CommandLog<W> {
    newest: u64,
    /// The name of that command.
    name: &'static str,
    state: CommandState<W>,
    /// Older commands that still run, with the copies that wait for their results.
    overtaken: Vec<(u64, Vec<W>)>,
    /// Older numbers that have not arrived yet.
    missing: Vec<u64>,
}

#[derive(Debug)]
enum CommandState<W> {
    Running { repeats: Vec<W> },
    Finished(JsonResult),
}

/// What to do with a command.
#[derive(Debug)]
pub(crate) enum CommandAdmission<W> {
    Run(W),
    /// It ran before, with this result.
    Repeat(W, JsonResult),
    /// It is running; its result goes to this copy, too.
    Wait,
    Refuse(W, Error),
}

impl<W> CommandLog<W> {
    /// For a session whose first command is about to run.
    pub(crate) fn new() -> Self {
        Self {
            newest: 0,
            name: "",
            state: CommandState::Finished(Ok("".into())),
            overtaken: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Whether this is the newest command, and so the only one that may still arrive again.
    pub(crate) fn is_newest(&self, n: u64) -> bool {
        n == self.newest
    }

    pub(crate) fn begin(&mut self, n: u64, name: &'static str, waiter: W) -> CommandAdmission<W> {
        if n > self.newest {
            if self.overtaken.len() >= MAX_CONCURRENT {
                let error = Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "command {n} of this session arrived while {MAX_CONCURRENT} others are running, and that is the limit"
                    ),
                );
                return CommandAdmission::Refuse(waiter, error);
            }
            if let CommandState::Running { repeats } = &mut self.state {
                self.overtaken.push((self.newest, std::mem::take(repeats)));
            }
            let room = MAX_CONCURRENT.saturating_sub(self.missing.len());
            self.missing.extend((self.newest + 1..n).take(room));
            self.newest = n;
            self.name = name;
            self.state = CommandState::Running {
                repeats: Vec::new(),
            };
            return CommandAdmission::Run(waiter);
        }
        if let Some(late) = self.missing.iter().position(|missing| *missing == n) {
            self.missing.swap_remove(late);
            self.overtaken.push((n, Vec::new()));
            return CommandAdmission::Run(waiter);
        }
        if n < self.newest || n == 0 {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "command {n} of this session is not new; the next one is {}",
                    self.newest.saturating_add(1)
                ),
            );
            return CommandAdmission::Refuse(waiter, error);
        }
        if name != self.name {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "command {n} of this session was {}, and now it is {name}; give each command a number of its own",
                    self.name
                ),
            );
            return CommandAdmission::Refuse(waiter, error);
        }
        match &mut self.state {
            CommandState::Running { repeats } if repeats.len() >= MAX_REPEATS => {
                let error = Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "command {n} of this session is running, and {MAX_REPEATS} copies of it wait for its result, and that is the limit"
                    ),
                );
                CommandAdmission::Refuse(waiter, error)
            }
            CommandState::Running { repeats } => {
                repeats.push(waiter);
                CommandAdmission::Wait
            }
            CommandState::Finished(result) => CommandAdmission::Repeat(waiter, result.clone()),
        }
    }

    /// How many bytes the recorded result takes.
    pub(crate) fn recorded(&self) -> usize {
        match &self.state {
            CommandState::Running { .. } | CommandState::Finished(Err(_)) => 0,
            CommandState::Finished(Ok(result)) => result.size(),
        }
    }

    /// Forgets the recorded result. A copy of the command gets this error from now on.
    pub(crate) fn forget_result(&mut self, error: Error) {
        if matches!(self.state, CommandState::Finished(_)) {
            self.state = CommandState::Finished(Err(error));
        }
    }

    /// Ends every running command with this result, and returns those who wait for one.
    pub(crate) fn end(&mut self, result: JsonResult) -> Vec<W> {
        let mut waiting = self.finish(self.newest, result);
        waiting.extend(self.overtaken.drain(..).flat_map(|(_, repeats)| repeats));
        waiting
    }

    /// Records the result of a running command, if it is the newest, and returns those who wait for it.
    pub(crate) fn finish(&mut self, n: u64, result: JsonResult) -> Vec<W> {
        if n != self.newest {
            let found = self.overtaken.iter().position(|(running, _)| *running == n);
            return found.map_or_else(Vec::new, |found| self.overtaken.swap_remove(found).1);
        }
        match std::mem::replace(&mut self.state, CommandState::Finished(result)) {
            CommandState::Running { repeats } => repeats,
            CommandState::Finished(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(log: &mut CommandLog<char>, n: u64, waiter: char) -> String {
        match log.begin(n, "emit", waiter) {
            CommandAdmission::Run(waiter) => format!("run {waiter}"),
            CommandAdmission::Repeat(waiter, answer) => {
                format!("repeat {waiter} {}", &*answer.unwrap())
            }
            CommandAdmission::Wait => "wait".into(),
            CommandAdmission::Refuse(waiter, error) => format!("refuse {waiter} {}", error.code()),
        }
    }

    #[test]
    fn a_command_runs_once_however_often_it_arrives() {
        let mut log = CommandLog::new();
        assert_eq!(begin(&mut log, 1, 'a'), "run a");
        assert_eq!(begin(&mut log, 1, 'b'), "wait");
        assert_eq!(log.finish(1, Ok("one".into())), ['b']);
        assert_eq!(begin(&mut log, 1, 'c'), "repeat c one");
        assert_eq!(begin(&mut log, 2, 'd'), "run d");
        assert_eq!(begin(&mut log, 1, 'e'), "refuse e invalid_argument");
    }

    #[test]
    fn a_limited_number_of_copies_waits() {
        let mut log = CommandLog::new();
        begin(&mut log, 1, 'a');
        for _ in 0..MAX_REPEATS {
            assert_eq!(begin(&mut log, 1, 'b'), "wait");
        }
        assert_eq!(begin(&mut log, 1, 'c'), "refuse c invalid_argument");
        assert_eq!(log.finish(1, Ok("one".into())).len(), MAX_REPEATS);
        assert_eq!(begin(&mut log, 1, 'd'), "repeat d one");
    }

    #[test]
    fn numbers_may_skip() {
        let mut log = CommandLog::new();
        assert_eq!(begin(&mut log, 3, 'a'), "run a");
        log.finish(3, Ok("".into()));
        assert_eq!(begin(&mut log, 7, 'b'), "run b");
    }

    #[test]
    fn the_largest_number_has_none_after_it() {
        let mut log = CommandLog::new();
        assert_eq!(begin(&mut log, u64::MAX, 'a'), "run a");
        log.finish(u64::MAX, Ok("".into()));
        assert_eq!(begin(&mut log, 0, 'b'), "refuse b invalid_argument");
    }

    #[test]
    fn commands_of_a_page_that_is_left_run_at_once() {
        let mut log = CommandLog::new();
        assert_eq!(begin(&mut log, 1, 'a'), "run a");
        assert_eq!(begin(&mut log, 1, 'b'), "wait");
        assert_eq!(begin(&mut log, 2, 'c'), "run c");
        assert_eq!(log.finish(1, Ok("one".into())), ['b']);
        assert!(log.finish(2, Ok("two".into())).is_empty());
        assert_eq!(begin(&mut log, 2, 'd'), "repeat d two");
        assert_eq!(begin(&mut log, 1, 'e'), "refuse e invalid_argument");
    }

    #[test]
    fn a_command_that_was_overtaken_runs_once() {
        let mut log = CommandLog::new();
        assert_eq!(begin(&mut log, 3, 'a'), "run a");
        assert_eq!(begin(&mut log, 1, 'b'), "run b");
        assert_eq!(begin(&mut log, 1, 'c'), "refuse c invalid_argument");
        assert!(log.finish(3, Ok("three".into())).is_empty());
        assert_eq!(begin(&mut log, 2, 'd'), "run d");
        log.finish(1, Ok("one".into()));
        log.finish(2, Ok("two".into()));
        assert_eq!(begin(&mut log, 3, 'e'), "repeat e three");
        assert_eq!(begin(&mut log, 2, 'f'), "refuse f invalid_argument");
    }

    #[test]
    fn a_limited_number_of_commands_runs_at_once() {
        let mut log = CommandLog::new();
        for n in 1..=MAX_CONCURRENT as u64 + 1 {
            assert_eq!(begin(&mut log, n, 'a'), "run a");
        }
        let next = MAX_CONCURRENT as u64 + 2;
        assert_eq!(begin(&mut log, next, 'b'), "refuse b invalid_argument");
        log.finish(1, Ok("".into()));
        assert_eq!(begin(&mut log, next, 'b'), "run b");
        assert_eq!(begin(&mut log, u64::MAX, 'c'), "refuse c invalid_argument");
    }

    #[test]
    fn zero_is_refused() {
        assert_eq!(
            begin(&mut CommandLog::new(), 0, 'a'),
            "refuse a invalid_argument"
        );
    }

    #[test]
    fn a_number_belongs_to_one_command() {
        let mut log = CommandLog::new();
        begin(&mut log, 1, 'a');
        log.finish(1, Ok("receipt".into()));
        match log.begin(1, "subscribe", 'b') {
            CommandAdmission::Refuse('b', error) => {
                assert!(error.message().contains("was emit"), "{error}")
            }
            other => panic!("{other:?}"),
        }
    }
}
