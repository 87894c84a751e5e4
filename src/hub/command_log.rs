use crate::model::error::{Error, ErrorCode, Result};

/// The answer of a command: its JSON, or its error.
pub(crate) type JsonResult = Result<String>;

/// How many copies of a running command wait for its answer. A browser sends one.
const MAX_REPEATS: usize = 16;

/// How many commands of a page may be on their way at once, which they are while it is left.
const MAX_CONCURRENT: usize = 64;

/// Runs a page's commands once each.
///
/// A page keeps one such command in flight, so only the newest can arrive again: WebKit sends what is in flight a
/// second time when its page is left. A page that is left sends the rest without waiting, and threads may swap them.
#[derive(Debug)]
pub(crate) struct CommandLog<W> {
    newest: u64,
    /// Which command it was.
    name: &'static str,
    state: CommandState<W>,
    /// Older commands that still run, with the copies that wait for their answers.
    overtaken: Vec<(u64, Vec<W>)>,
    /// Older numbers that have not arrived yet.
    missing: Vec<u64>,
}

#[derive(Debug)]
enum CommandState<W> {
    Running { repeats: Vec<W> },
    Answered(JsonResult),
}

/// What to do with a command.
#[derive(Debug)]
pub(crate) enum CommandAdmission<W> {
    Run(W),
    /// It ran before; this is what it was answered.
    Repeat(W, JsonResult),
    /// It is running; its answer goes to this one, too.
    Wait,
    Refuse(W, Error),
}

impl<W> CommandLog<W> {
    /// For a session whose first command is about to run.
    pub(crate) fn new() -> Self {
        Self {
            newest: 0,
            name: "",
            state: CommandState::Answered(Ok(String::new())),
            overtaken: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Whether this is the command that came last, and so the only one that may still arrive again.
    pub(crate) fn is_newest(&self, n: u64) -> bool {
        n == self.newest
    }

    pub(crate) fn begin(&mut self, n: u64, name: &'static str, waiter: W) -> CommandAdmission<W> {
        if n > self.newest {
            if self.overtaken.len() >= MAX_CONCURRENT {
                let error = Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "command {n} of this session came while {MAX_CONCURRENT} others are running; that is the limit"
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
                    self.newest + 1
                ),
            );
            return CommandAdmission::Refuse(waiter, error);
        }
        if name != self.name {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "command {n} of this session was {}, and now it is {name}; each has a number of its own",
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
                        "command {n} of this session is running, and {MAX_REPEATS} copies of it wait for its answer; that is the limit"
                    ),
                );
                CommandAdmission::Refuse(waiter, error)
            }
            CommandState::Running { repeats } => {
                repeats.push(waiter);
                CommandAdmission::Wait
            }
            CommandState::Answered(answer) => CommandAdmission::Repeat(waiter, answer.clone()),
        }
    }

    /// How many bytes the recorded answer takes.
    pub(crate) fn recorded(&self) -> usize {
        match &self.state {
            CommandState::Running { .. } | CommandState::Answered(Err(_)) => 0,
            CommandState::Answered(Ok(answer)) => answer.len(),
        }
    }

    /// Lets go of the recorded answer. A copy of the command is answered with this error from now on.
    pub(crate) fn forget_answer(&mut self, error: Error) {
        if matches!(self.state, CommandState::Answered(_)) {
            self.state = CommandState::Answered(Err(error));
        }
    }

    /// Ends whatever runs with this answer, and gives back all who wait.
    pub(crate) fn end(&mut self, answer: JsonResult) -> Vec<W> {
        let mut waiting = self.finish(self.newest, answer);
        waiting.extend(self.overtaken.drain(..).flat_map(|(_, repeats)| repeats));
        waiting
    }

    /// Records the answer of a command that ran, if it is the newest, and gives back those who wait for it.
    pub(crate) fn finish(&mut self, n: u64, answer: JsonResult) -> Vec<W> {
        if n != self.newest {
            let found = self.overtaken.iter().position(|(running, _)| *running == n);
            return found.map_or_else(Vec::new, |found| self.overtaken.swap_remove(found).1);
        }
        match std::mem::replace(&mut self.state, CommandState::Answered(answer)) {
            CommandState::Running { repeats } => repeats,
            CommandState::Answered(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(order: &mut CommandLog<char>, n: u64, waiter: char) -> String {
        match order.begin(n, "emit", waiter) {
            CommandAdmission::Run(waiter) => format!("run {waiter}"),
            CommandAdmission::Repeat(waiter, answer) => {
                format!("repeat {waiter} {}", answer.unwrap())
            }
            CommandAdmission::Wait => "wait".into(),
            CommandAdmission::Refuse(waiter, error) => format!("refuse {waiter} {}", error.code()),
        }
    }

    #[test]
    fn a_command_runs_once_however_often_it_arrives() {
        let mut order = CommandLog::new();
        assert_eq!(begin(&mut order, 1, 'a'), "run a");
        assert_eq!(begin(&mut order, 1, 'b'), "wait");
        assert_eq!(order.finish(1, Ok("one".into())), ['b']);
        assert_eq!(begin(&mut order, 1, 'c'), "repeat c one");
        assert_eq!(begin(&mut order, 2, 'd'), "run d");
        assert_eq!(begin(&mut order, 1, 'e'), "refuse e invalid_argument");
    }

    #[test]
    fn so_many_copies_wait_and_not_one_more() {
        let mut order = CommandLog::new();
        begin(&mut order, 1, 'a');
        for _ in 0..MAX_REPEATS {
            assert_eq!(begin(&mut order, 1, 'b'), "wait");
        }
        assert_eq!(begin(&mut order, 1, 'c'), "refuse c invalid_argument");
        assert_eq!(order.finish(1, Ok("one".into())).len(), MAX_REPEATS);
        assert_eq!(begin(&mut order, 1, 'd'), "repeat d one");
    }

    #[test]
    fn numbers_may_skip_what_never_arrived() {
        let mut order = CommandLog::new();
        assert_eq!(begin(&mut order, 3, 'a'), "run a");
        order.finish(3, Ok(String::new()));
        assert_eq!(begin(&mut order, 7, 'b'), "run b");
    }

    #[test]
    fn commands_of_a_page_that_is_left_run_at_once() {
        let mut order = CommandLog::new();
        assert_eq!(begin(&mut order, 1, 'a'), "run a");
        assert_eq!(begin(&mut order, 1, 'b'), "wait");
        assert_eq!(begin(&mut order, 2, 'c'), "run c");
        assert_eq!(order.finish(1, Ok("one".into())), ['b']);
        assert!(order.finish(2, Ok("two".into())).is_empty());
        assert_eq!(begin(&mut order, 2, 'd'), "repeat d two");
        assert_eq!(begin(&mut order, 1, 'e'), "refuse e invalid_argument");
    }

    #[test]
    fn a_command_that_was_overtaken_runs_once() {
        let mut order = CommandLog::new();
        assert_eq!(begin(&mut order, 3, 'a'), "run a");
        assert_eq!(begin(&mut order, 1, 'b'), "run b");
        assert_eq!(begin(&mut order, 1, 'c'), "refuse c invalid_argument");
        assert!(order.finish(3, Ok("three".into())).is_empty());
        assert_eq!(begin(&mut order, 2, 'd'), "run d");
        order.finish(1, Ok("one".into()));
        order.finish(2, Ok("two".into()));
        assert_eq!(begin(&mut order, 3, 'e'), "repeat e three");
        assert_eq!(begin(&mut order, 2, 'f'), "refuse f invalid_argument");
    }

    #[test]
    fn so_many_commands_run_at_once_and_not_one_more() {
        let mut order = CommandLog::new();
        for n in 1..=MAX_CONCURRENT as u64 + 1 {
            assert_eq!(begin(&mut order, n, 'a'), "run a");
        }
        let next = MAX_CONCURRENT as u64 + 2;
        assert_eq!(begin(&mut order, next, 'b'), "refuse b invalid_argument");
        order.finish(1, Ok(String::new()));
        assert_eq!(begin(&mut order, next, 'b'), "run b");
        assert_eq!(
            begin(&mut order, u64::MAX, 'c'),
            "refuse c invalid_argument"
        );
    }

    #[test]
    fn zero_is_no_number() {
        assert_eq!(
            begin(&mut CommandLog::new(), 0, 'a'),
            "refuse a invalid_argument"
        );
    }

    #[test]
    fn a_number_belongs_to_one_command() {
        let mut order = CommandLog::new();
        begin(&mut order, 1, 'a');
        order.finish(1, Ok("receipt".into()));
        match order.begin(1, "subscribe", 'b') {
            CommandAdmission::Refuse('b', error) => {
                assert!(error.message().contains("was emit"), "{error}")
            }
            other => panic!("{other:?}"),
        }
    }
}
