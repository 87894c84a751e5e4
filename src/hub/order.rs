use crate::model::error::{Error, ErrorCode, Result};

/// The answer of a command: its JSON, or its error.
pub(crate) type Answer = Result<String>;

/// How many copies of a running command wait for its answer. A browser sends one.
const MOST_REPEATS: usize = 16;

/// Runs a page's commands once each, in the order of their numbers.
///
/// A page keeps one such command in flight, so only the newest can arrive again: WebKit sends what is in flight a
/// second time when its page is left.
#[derive(Debug)]
pub(crate) struct CommandOrder<W> {
    newest: u64,
    /// Which command it was.
    name: &'static str,
    state: State<W>,
}

#[derive(Debug)]
enum State<W> {
    Running { repeats: Vec<W> },
    Answered(Answer),
}

/// What to do with a command.
#[derive(Debug)]
pub(crate) enum Turn<W> {
    Run(W),
    /// It ran before; this is what it was answered.
    Repeat(W, Answer),
    /// It is running; its answer goes to this one, too.
    Wait,
    Refuse(W, Error),
}

impl<W> CommandOrder<W> {
    /// For a session whose first command is about to run.
    pub(crate) fn new() -> Self {
        Self {
            newest: 0,
            name: "",
            state: State::Answered(Ok(String::new())),
        }
    }

    /// Whether this is the command that came last, and so the only one that may still arrive again.
    pub(crate) fn is_newest(&self, n: u64) -> bool {
        n == self.newest
    }

    pub(crate) fn begin(&mut self, n: u64, name: &'static str, waiter: W) -> Turn<W> {
        if n > self.newest {
            if matches!(self.state, State::Running { .. }) {
                let error = Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "command {n} of this session came while command {} is running; send one at a time",
                        self.newest
                    ),
                );
                return Turn::Refuse(waiter, error);
            }
            self.newest = n;
            self.name = name;
            self.state = State::Running {
                repeats: Vec::new(),
            };
            return Turn::Run(waiter);
        }
        if n < self.newest || n == 0 {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "command {n} of this session is not new; the next one is {}",
                    self.newest + 1
                ),
            );
            return Turn::Refuse(waiter, error);
        }
        if name != self.name {
            let error = Error::new(
                ErrorCode::InvalidArgument,
                format!(
                    "command {n} of this session was {}, and now it is {name}; each has a number of its own",
                    self.name
                ),
            );
            return Turn::Refuse(waiter, error);
        }
        match &mut self.state {
            State::Running { repeats } if repeats.len() >= MOST_REPEATS => {
                let error = Error::new(
                    ErrorCode::InvalidArgument,
                    format!(
                        "command {n} of this session is running, and {MOST_REPEATS} copies of it wait for its answer; that is the limit"
                    ),
                );
                Turn::Refuse(waiter, error)
            }
            State::Running { repeats } => {
                repeats.push(waiter);
                Turn::Wait
            }
            State::Answered(answer) => Turn::Repeat(waiter, answer.clone()),
        }
    }

    /// How many bytes the recorded answer takes.
    pub(crate) fn recorded(&self) -> usize {
        match &self.state {
            State::Running { .. } | State::Answered(Err(_)) => 0,
            State::Answered(Ok(answer)) => answer.len(),
        }
    }

    /// Lets go of the recorded answer. A copy of the command is answered with this error from now on.
    pub(crate) fn forget_answer(&mut self, error: Error) {
        if matches!(self.state, State::Answered(_)) {
            self.state = State::Answered(Err(error));
        }
    }

    /// Records the answer of the command that ran and gives back those who wait for it.
    pub(crate) fn finish(&mut self, answer: Answer) -> Vec<W> {
        match std::mem::replace(&mut self.state, State::Answered(answer)) {
            State::Running { repeats } => repeats,
            State::Answered(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(order: &mut CommandOrder<char>, n: u64, waiter: char) -> String {
        match order.begin(n, "emit", waiter) {
            Turn::Run(waiter) => format!("run {waiter}"),
            Turn::Repeat(waiter, answer) => format!("repeat {waiter} {}", answer.unwrap()),
            Turn::Wait => "wait".into(),
            Turn::Refuse(waiter, error) => format!("refuse {waiter} {}", error.code()),
        }
    }

    #[test]
    fn a_command_runs_once_however_often_it_arrives() {
        let mut order = CommandOrder::new();
        assert_eq!(begin(&mut order, 1, 'a'), "run a");
        assert_eq!(begin(&mut order, 1, 'b'), "wait");
        assert_eq!(order.finish(Ok("one".into())), ['b']);
        assert_eq!(begin(&mut order, 1, 'c'), "repeat c one");
        assert_eq!(begin(&mut order, 2, 'd'), "run d");
        assert_eq!(begin(&mut order, 1, 'e'), "refuse e invalid_argument");
    }

    #[test]
    fn so_many_copies_wait_and_not_one_more() {
        let mut order = CommandOrder::new();
        begin(&mut order, 1, 'a');
        for _ in 0..MOST_REPEATS {
            assert_eq!(begin(&mut order, 1, 'b'), "wait");
        }
        assert_eq!(begin(&mut order, 1, 'c'), "refuse c invalid_argument");
        assert_eq!(order.finish(Ok("one".into())).len(), MOST_REPEATS);
        assert_eq!(begin(&mut order, 1, 'd'), "repeat d one");
    }

    #[test]
    fn numbers_may_skip_what_never_arrived() {
        let mut order = CommandOrder::new();
        assert_eq!(begin(&mut order, 3, 'a'), "run a");
        order.finish(Ok(String::new()));
        assert_eq!(begin(&mut order, 7, 'b'), "run b");
    }

    #[test]
    fn a_second_command_in_flight_is_refused() {
        let mut order = CommandOrder::new();
        begin(&mut order, 1, 'a');
        assert_eq!(begin(&mut order, 2, 'b'), "refuse b invalid_argument");
        order.finish(Ok(String::new()));
        assert_eq!(begin(&mut order, 2, 'b'), "run b");
    }

    #[test]
    fn zero_is_no_number() {
        assert_eq!(
            begin(&mut CommandOrder::new(), 0, 'a'),
            "refuse a invalid_argument"
        );
    }

    #[test]
    fn a_number_belongs_to_one_command() {
        let mut order = CommandOrder::new();
        begin(&mut order, 1, 'a');
        order.finish(Ok("receipt".into()));
        match order.begin(1, "subscribe", 'b') {
            Turn::Refuse('b', error) => assert!(error.message().contains("was emit"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
