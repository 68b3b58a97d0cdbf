//! The kill switch from the command line: with a server, and without one.

use serde_json::{Value, json};

use crate::support::Instance;

#[test]
fn agents_are_stopped_and_go_on_with_a_server_and_without() {
    let mut instance = Instance::start();
    let admin = instance.admin();
    let engaged = || admin.get("/v1/killswitch").1["engaged"].as_array().unwrap().len();
    let halted = instance.ok(&["halt", "--all", "--reason", "a drill"]);
    assert!(halted.stderr.contains("all agents stopped; open grants taken back: 0"), "{}", halted.stderr);
    assert_eq!(engaged(), 1);
    let nobody = instance.run(&["halt", "--agent", "nobody", "--reason", "x"]);
    assert!(nobody.code == 1 && nobody.stderr.contains("there is no agent `nobody`"), "{}", nobody.stderr);
    instance.ok(&["resume", "--all", "--reason", "over"]);
    assert_eq!(engaged(), 0);
    instance.stop();
    instance.ok(&["halt", "--owner", "operator", "--reason", "again"]);
    let wrong = instance.run(&["resume", "--all", "--reason", "over"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("no such kill switch is engaged"), "{}", wrong.stderr);
    instance.ok(&["resume", "--owner", "operator", "--reason", "over"]);
    for arguments in [&["halt", "--reason", "x"][..], &["halt", "--all", "--agent", "x", "--reason", "x"], &["halt", "--all"]] {
        assert_eq!(instance.run(arguments).code, 2, "{arguments:?}");
    }
    let kinds = instance.ok(&["sql", "--format", "json", "select count(*) as n from events where kind like 'killswitch.%'"]).stdout;
    assert_eq!(serde_json::from_str::<Value>(&kinds).unwrap(), json!([{"n": 4}]));
}
