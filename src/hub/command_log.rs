use crate::model::error::{Error, ErrorCode, Result};

/// The answer of a command: its JSON, or its error.
pub(crate) type JsonResult = Result<String>;

/// How many copies of a running command wait for its answer. A browser sends one.
const MAX_REPEATS: usize = 16;

/// Runs a page's commands once each, in the order of their numbers.
///
/// A page keeps one such command in flight, so only the newest can arrive again: WebKit sends what is in flight a
/// second time when its page is left.
#[derive(Debug)]
pub(crate) struct CommandLog<W> {
    newest: u64,
    /// Which command it was.
    name: &'static str,
    state: CommandState<W>,
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
        }
    }

    /// Whether this is the command that came last, and so the only one that may still arrive again.
    pub(crate) fn is_newest(&self, n: u64) -> bool {
        n == self.newest
    }

    pub(crate) fn begin(&mut self, n: u64, name: &'static str, waiter: W) -> CommandAdmission<W> {
        if n > self.newest {
            if matches!(self.state, CommandState::Running { .. }) {
                let error = Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "command {n} of this session came while command {} is running; send one at a time",
                        self.newest
                    ),
                );
                return CommandAdmission::Refuse(waiter, error);
            }
            self.newest = n;
            self.name = name;
            self.state = CommandState::Running {
                repeats: Vec::new(),
            };
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

    /// Records the answer of the command that ran and gives back those who wait for it.
    pub(crate) fn finish(&mut self, answer: JsonResult) -> Vec<W> {
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
        assert_eq!(order.finish(Ok("one".into())), ['b']);
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
        assert_eq!(order.finish(Ok("one".into())).len(), MAX_REPEATS);
        assert_eq!(begin(&mut order, 1, 'd'), "repeat d one");
    }

    #[test]
    fn numbers_may_skip_what_never_arrived() {
        let mut order = CommandLog::new();
        assert_eq!(begin(&mut order, 3, 'a'), "run a");
        order.finish(Ok(String::new()));
        assert_eq!(begin(&mut order, 7, 'b'), "run b");
    }

    #[test]
    fn a_second_command_in_flight_is_refused() {
        let mut order = CommandLog::new();
        begin(&mut order, 1, 'a');
        assert_eq!(begin(&mut order, 2, 'b'), "refuse b invalid_argument");
        order.finish(Ok(String::new()));
        assert_eq!(begin(&mut order, 2, 'b'), "run b");
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
        order.finish(Ok("receipt".into()));
        match order.begin(1, "subscribe", 'b') {
            CommandAdmission::Refuse('b', error) => {
                assert!(error.message().contains("was emit"), "{error}")
            }
            other => panic!("{other:?}"),
        }
    }
}
