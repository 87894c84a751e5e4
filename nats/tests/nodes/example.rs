//! The example of a shop, in two processes.

use std::process::{Command, Stdio};

use crate::support::{Server, example};

#[test]
fn a_shop_on_two_machines_sells() {
    let server = Server::start();
    let start = |role: &str| {
        Command::new(example("shop"))
            .args([role, &server.url()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (desk, till) = (start("desk"), start("till"));
    let till = till.wait_with_output().unwrap();
    let desk = desk.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(till.stdout).unwrap(),
        "order 1 accepted by desk\norder 2 accepted by desk\norder 3 accepted by desk\nthe desk has counted 60\nthe desk has closed\n"
    );
    assert_eq!(String::from_utf8(desk.stdout).unwrap(), "closed by till\n");
}
