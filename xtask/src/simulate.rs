//! Runs the simulation for longer than the tests do.

use crate::run::{Outcome, cargo_with};

const USAGE: &str =
    "simulate takes --minutes <number>, or --seeds <first>..<end>, or --seed <number>";

/// Runs seeds for some minutes, seeds of a range, or one seed with its history.
pub(crate) fn simulate(options: &[&str]) -> Outcome {
    let variables: Vec<(&str, &str)> = match options {
        [] => vec![("SIMULATION_MINUTES", "10")],
        ["--minutes", minutes] => {
            check(
                minutes,
                minutes.parse::<f64>().is_ok_and(|minutes| minutes > 0.0),
            )?;
            vec![("SIMULATION_MINUTES", minutes)]
        }
        ["--seed", seed] => {
            check(seed, seed.parse::<u64>().is_ok())?;
            vec![("SIMULATION_SEED", seed)]
        }
        ["--seeds", range] => {
            let (first, count) = read_range(range)?;
            return run(&[("SIMULATION_FROM", &first), ("SIMULATION_RUNS", &count)]);
        }
        _ => return Err(USAGE.to_owned()),
    };
    run(&variables)
}

fn run(variables: &[(&str, &str)]) -> Outcome {
    let test = ["test", "--workspace", "--test", "simulation", "seeds"];
    cargo_with(
        &[test.as_slice(), &["--", "--nocapture"]].concat(),
        variables,
    )
}

fn check(value: &str, is_right: bool) -> Outcome {
    match is_right {
        true => Ok(()),
        false => Err(format!("{value:?} is not a number above 0; {USAGE}")),
    }
}

/// The first seed of a range such as `1..1000`, and how many it has.
fn read_range(range: &str) -> Outcome<(String, String)> {
    let numbers = range.split_once("..").and_then(|(first, end)| {
        let (first, end) = (first.parse::<u64>().ok()?, end.parse::<u64>().ok()?);
        Some((first, end.checked_sub(first).filter(|count| *count > 0)?))
    });
    match numbers {
        Some((first, count)) => Ok((first.to_string(), count.to_string())),
        None => Err(format!(
            "{range:?} is not a range of seeds such as 1..1000; {USAGE}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_a_beginning_and_a_count() {
        let pair = |first: &str, count: &str| Ok((first.to_owned(), count.to_owned()));
        assert_eq!(read_range("1..1000"), pair("1", "999"));
        for wrong in ["", "1", "1..", "..2", "2..2", "3..2", "a..b", "1..=2"] {
            assert!(read_range(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn wrong_options_are_named() {
        for wrong in [
            ["--minutes", "-1"],
            ["--minutes", "x"],
            ["--seed", "x"],
            ["--seeds", "5"],
            ["--hours", "1"],
        ] {
            let error = simulate(&wrong).unwrap_err();
            assert!(error.contains("--minutes <number>"), "{error}");
        }
    }
}
