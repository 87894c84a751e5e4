//! Names of nodes.

use crate::model::error::{Error, ErrorCode, Result, quoted};

/// The longest name of a node.
const MAX_NODE_BYTES: usize = 64;

/// Checks the name of a node.
pub(crate) fn check_node(name: &str) -> Result<()> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let wrong = name
        .chars()
        .find(|c| !c.is_ascii() || !is_allowed(*c as u8));
    let problem = match wrong {
        None if (1..=MAX_NODE_BYTES).contains(&name.len()) => return Ok(()),
        None => format!("has {} bytes", name.len()),
        Some(wrong) => format!("has the character {wrong:?}"),
    };
    Err(Error::new(
        ErrorCode::InvalidArgument,
        format!(
            "the node name {} {problem}; expected 1 to {MAX_NODE_BYTES} of the letters a to z and A to Z, digits, - and _",
            quoted(name)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_nodes_are_tokens() {
        for name in ["till-4", "A_b", "7", &"x".repeat(64)] {
            assert_eq!(check_node(name), Ok(()));
        }
        for (name, problem) in [
            ("", "has 0 bytes"),
            (&"x".repeat(65), "has 65 bytes"),
            ("till.4", "has the character '.'"),
            ("café", "has the character 'é'"),
            ("a b", "has the character ' '"),
        ] {
            let error = check_node(name).unwrap_err();
            assert!(error.message().contains(problem), "{error}");
        }
    }
}
