//! Loading: what a broken bundle says, word for word and with its place; what digest and look-ups a good one has.

use privyseal_core::command::RateLimits;
use privyseal_core::digest::Digest;
use privyseal_policy::{MAX_FILE_BYTES, Policy, PolicyFile, RuleKind};

use crate::world::{CATALOGUE, OK, check_rule, default_policy, file, load, policy};

fn check_bundle(files: Vec<PolicyFile>, expected: &[&str]) {
    let problems: Vec<String> = match Policy::load(files) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.all().iter().map(ToString::to_string).collect(),
    };
    assert_eq!(problems, expected);
}

#[test]
fn syntax() {
    for (rule, expected) in [
        (
            "permit (principal, action, resource)",
            "rules.cedar:2:37: unexpected end of input (expected `;` or identifier); correct the syntax of this rule",
        ),
        (
            "permit (principal, action, resource) when { resource.environment = \"x\" };",
            "rules.cedar:2:45: '=' is not a valid operator in Cedar; try using '==' instead",
        ),
        (
            "@id(\"a\") @approvals(\"none)\npermit (principal, action, resource);",
            "rules.cedar:2:21: invalid token; try checking that all strings are closed properly",
        ),
        (
            "@id(\"a\") @approvals(\"none\")\npermit (principal, action, resource)\n@id(\"b\") @approvals(\"none\")\npermit (principal, action, resource);",
            "rules.cedar:4:1: unexpected token `@` (expected `;` or identifier); correct the syntax of this rule",
        ),
        (
            "@id(\"a\") @id(\"b\") @approvals(\"none\")\npermit (principal, action, resource);",
            "rules.cedar:2:10: duplicate annotation: @id; correct the syntax of this rule",
        ),
        (
            "\n// ; a comment with \"\n@id(\"a\") @approvals(\"none\")\nallow (principal, action, resource);",
            "rules.cedar:5:1: invalid policy effect: allow; effect must be either `permit` or `forbid`",
        ),
        (
            "@id(\"a\") @approvals(\"none\")\npermit (principal == ?principal, action, resource);",
            "rules.cedar:3:22: expected a static policy, got a template containing the slot ?principal; try removing the template slot(s) from this policy",
        ),
    ] {
        check_rule(rule, &[expected]);
    }
}

#[test]
fn names_types_and_values() {
    for (condition, expected) in [
        (
            "resource.enviroment == \"production\"",
            "rules.cedar:3:45: attribute `enviroment` on entity type `Resource` not found; did you mean `environment`?",
        ),
        ("context.destructiv", "rules.cedar:3:45: attribute `destructiv` of context not found; did you mean `destructive`?"),
        ("context.rows > \"5\"", "rules.cedar:3:60: unexpected type: expected Long but saw String; correct the condition"),
        (
            "resource.environment == 5",
            "rules.cedar:3:45: the types Long and String are not compatible; both operands to a `==` expression must have compatible types. Types must be exactly equal to be compatible",
        ),
        (
            "resource.environment == \"prodcution\"",
            "rules.cedar:3:69: `resource.environment` is never \"prodcution\"; did you mean `production`?",
        ),
        (
            "[\"mon\", \"monday\"].contains(context.weekday)",
            "rules.cedar:3:53: `context.weekday` is never \"monday\"; write one of `mon`, `tue`, `wed`, `thu`, `fri`, `sat`, `sun`",
        ),
        (
            "\"drop\" != context.statement_class",
            "rules.cedar:3:45: `context.statement_class` is never \"drop\"; write one of `none`, `read`, `write`, `schema`, `access`, `write_all`, `unknown`, `schema_destructive`",
        ),
        (
            "principal.owner == \"ana\"",
            "rules.cedar:3:45: attribute `owner` on entity type `User` not found; only agents have one: write `principal is Agent && …`",
        ),
        (
            "resource.claimed.color == \"red\"",
            "rules.cedar:3:45: attribute `claimed.color` on entity type `Resource` not found; declare the claim under [claims] in catalogue.toml",
        ),
        // Behind a `has` that a trusting reading takes for always true.
        (
            "!(resource has environment) && resource.typo == \"x\"",
            "rules.cedar:3:76: attribute `typo` on entity type `Resource` not found; did you mean `type`?",
        ),
        ("false", "rules.cedar:2:1: the rule can never match; correct or remove it: it looks like protection and is none"),
    ] {
        check_rule(&format!("@id(\"a\") @approvals(\"none\")\npermit (principal, action, resource) when {{ {condition} }};"), &[expected]);
    }
    for (scope, expected) in [
        (
            "principal, action == Action::\"db.schema.aply\", resource",
            "rules.cedar:3:30: unrecognized action `Action::\"db.schema.aply\"`; did you mean `Action::\"db.schema.apply\"`?",
        ),
        (
            "principal, action in Action::\"dbs\", resource",
            "rules.cedar:3:30: unrecognized action `Action::\"dbs\"`; did you mean `Action::\"db\"`?",
        ),
        (
            "principal == Usr::\"ana\", action, resource",
            "rules.cedar:3:22: unrecognized entity type `Usr`; write User, Agent, Role, Resource or Action",
        ),
    ] {
        check_rule(&format!("@id(\"a\") @approvals(\"none\")\npermit ({scope});"), &[expected]);
    }
    check_rule(
        "@id(\"r\") @risk(\"5\") @because(\"x\")\npermit (principal, action, resource) when { context.risk > 5 };",
        &[
            "rules.cedar:3:45: attribute `risk` of context not found; rules with @risk are evaluated before the risk is known; move the condition into a routing rule",
        ],
    );
}

#[test]
fn every_problem_of_every_rule_is_listed() {
    check_rule(
        "@id(\"a\") @approvals(\"nobody\") permit (principal, action, resource) when { context.row > 5 };\npermit (principal action);\n@id(\"c\") forbid (principal, action, resource);",
        &[
            "rules.cedar:2:22: `nobody` is not a requirement: a slot reads `N of group:name`; write for example `2 of group:sre, 1 of group:dba`, `1 of user:ana|user:ben`, or `none`",
            "rules.cedar:2:75: attribute `row` of context not found; did you mean `rows`?",
            "rules.cedar:3:19: unexpected token `action` (expected `!=`, `)`, `,`, `:`, `<`, `<=`, `==`, `>`, `>=`, `in`, or `is`); correct the syntax of this rule",
            "rules.cedar:4:1: the rule has no @because; say in a few words why it adds risk or forbids: people read it when they decide",
        ],
    );
}

#[test]
fn hidden_text_does_not_load() {
    check_rule(
        "// \u{202e}approvals\n@id(\"a\") @approvals(\"none\") permit (principal, action, resource);",
        &["rules.cedar:2:4: character U+202E hides or reorders text; remove it"],
    );
    check_rule(
        "@id(\"a\") @approvals(\"none\")\npermit (principal, action, resource) when { resource.id like \"pr\u{043e}d*\" };",
        &["rules.cedar:3:45: string `\"prоd*\"` contains mixed scripts; write it in plain letters"],
    );
}

#[test]
fn catalogues() {
    for (text, expected) in [
        ("x = ", &["catalogue.toml:1:5: not TOML: string values must be quoted, expected literal string; correct the syntax"][..]),
        (
            "[[action]]\nid = \"a b\"\ntitle = 5\nclass = \"schem\"\nrev = 1\n",
            &[
                "catalogue.toml: no [[action]]: nothing could be asked for; list the actions that may be requested",
                "catalogue.toml:1:1: [[action]] has no `reversibility`; add reversibility = …",
                "catalogue.toml:2:6: `a b` is not an action id; write dotted words from general to special, for example db.schema.apply",
                "catalogue.toml:3:9: `title` is empty or not a text; write title = \"…\"",
                "catalogue.toml:4:9: `schem` is not a class of change; did you mean `schema`?",
                "catalogue.toml:5:1: unknown key `rev` in [[action]]; write one of `id`, `title`, `class`, `reversibility`, `in_place`, `sensitive`, `counts`, `narrow`",
            ],
        ),
    ] {
        check_bundle(vec![file("a.cedar", OK), file("catalogue.toml", text)], expected);
    }
    for (more, expected) in [
        (
            "[[action]]\nid = \"infra.restart\"\ntitle = \"t\"\nclass = \"data\"\nreversibility = \"costly\"\nin_place = 1\nsensitive = [\"iban\", 3]\n",
            &[
                "catalogue.toml:6:12: `in_place` is not true or false; write in_place = true or in_place = false",
                "catalogue.toml:7:13: `sensitive` is not a list of texts; write sensitive = [\"…\"]",
                "catalogue.toml:22:6: action `infra.restart` is listed twice; remove one",
            ][..],
        ),
        (
            "[[resource]]\npattern = \"prod\"\nenviroment = \"x\"\ndata_class = \"Top secret\"\n",
            &[
                "catalogue.toml:2:11: `prod` matches no resource; write type:id, for example postgres:*/prod",
                "catalogue.toml:2:11: pattern `prod` says nothing; give it an environment or a data_class",
                "catalogue.toml:3:1: unknown key `enviroment` in [[resource]]; did you mean `environment`?",
                "catalogue.toml:4:14: `Top secret` cannot name a data_class; use a-z, 0-9, _ and -",
            ],
        ),
        (
            "[[freeze]]\nfrom = \"2026-12-20\"\nto = \"yesterday\"\n[[freeze]]\nfrom = 2026-12-20\nto = 2026-12-19\nreason = \"x\"\n",
            &[
                "catalogue.toml:1:1: [[freeze]] has no `reason`; add reason = …",
                "catalogue.toml:3:6: `to` is not a time; write RFC 3339 such as 2026-12-20T00:00:00Z, or a date",
                "catalogue.toml:4:1: the freeze ends before it begins; exchange `from` and `to`; `to` is the first moment after",
            ],
        ),
        (
            "[breakglass]\nmax_minutes = 0\n",
            &[
                "catalogue.toml:1:1: [breakglass] has no `review_hours`; add review_hours = …",
                "catalogue.toml:2:15: `max_minutes` is not a number this catalogue can use; write a whole number from 1 to 1440",
            ],
        ),
        (
            "[limits]\nrequests_per_minute_per_agent = 0\npending_per_agents = 5\n",
            &[
                "catalogue.toml:2:33: `requests_per_minute_per_agent` is not a number this catalogue can use; write a whole number from 1 to 1000000",
                "catalogue.toml:3:1: unknown key `pending_per_agents` in [limits]; did you mean `pending_per_agent`?",
            ],
        ),
        (
            "[limits]\nrequests_per_minute_per_agent = 10\nrequests_per_minute_per_owner = 9\n",
            &[
                "catalogue.toml:1:1: all agents of an owner may ask 9 times a minute, and one of them 10 times; let requests_per_minute_per_owner be at least requests_per_minute_per_agent",
            ],
        ),
        (
            "[[action]]\nid = \"a\"\ntitle = \"t\"\nclass = \"data\"\nreversibility = \"costly\"\ncounts = [\"rows\", \"rows\"]\nnarrow = [\"options.limit\"]\n",
            &[
                "catalogue.toml:6:10: `rows` stands in `counts` twice; remove one",
                "catalogue.toml:7:10: `options.limit` in `narrow` cannot name a parameter; name a parameter of the top level, with letters, digits, _ and -; what lies inside one cannot be named",
            ],
        ),
        (
            "[parameters]\nD1 = 5\nD13 = { x = 1.5, y = 20 }\n",
            &[
                "catalogue.toml:2:1: `D1` is not an assertion id; write for example D13 = { min_chars = 20 }",
                "catalogue.toml:3:13: parameter `x` of D13 has a value this catalogue cannot use; write a whole number, true or false, a text, or a list of texts",
            ],
        ),
        ("[hour]\nstart = 1\n", &["catalogue.toml:1:2: unknown key `hour` in the catalogue; did you mean `hours`?"]),
    ] {
        // The small catalogue follows, so that lines count from the top; its own [hours], [claims] are fine beside these.
        check_bundle(vec![file("a.cedar", OK), file("catalogue.toml", &format!("{more}{CATALOGUE}"))], expected);
    }
    let hours = CATALOGUE
        .replace("start = \"08:00\"", "start = \"25:00\"")
        .replace("[\"mon\", ", "[\"mo\", ")
        .replace("size = \"integer\"", "size = \"int\"");
    check_bundle(
        vec![file("a.cedar", OK), file("catalogue.toml", &hours)],
        &[
            "catalogue.toml:35:9: `25:00` is not a time of day; write HH:MM in UTC, from 00:00 to 23:59",
            "catalogue.toml:37:9: `mo` is not a weekday; did you mean `mon`?",
            "catalogue.toml:40:8: `int` is not a type of claim; write one of `boolean`, `integer`, `text`, `texts`",
        ],
    );
}

#[test]
fn hours_are_needed_by_the_rules_that_use_them() {
    let without = CATALOGUE.split("[hours]").next().unwrap();
    let rules = "@id(\"a\") @approvals(\"none\")\npermit (principal, action, resource) when { context.outside_hours };";
    check_bundle(
        vec![file("a.cedar", rules), file("catalogue.toml", without)],
        &["a.cedar:2:45: attribute `outside_hours` of context not found; add [hours] to catalogue.toml"],
    );
}

#[test]
fn bundles() {
    let catalogue = || file("catalogue.toml", CATALOGUE);
    let risk = "@id(\"r\") @risk(\"5\") @because(\"x\") permit (principal, action, resource);";
    for (files, expected) in [
        (vec![file("a.cedar", OK)], &["the bundle has no catalogue.toml; add it: it lists the actions that may be requested"][..]),
        (vec![catalogue()], &["the bundle has no *.cedar file: every request would be refused; add one with at least one permit rule"]),
        (
            vec![catalogue(), file("a.cedar", risk)],
            &["no rule routes anything: every request would be refused; add a permit rule with @approvals to a *.cedar file"],
        ),
        (
            vec![catalogue(), file("a.cedar", OK), file("../b.cedar", ""), file("tests.toml", "")],
            &[
                "`../b.cedar` is not a policy file; a bundle holds *.cedar files and one catalogue.toml, named without folders",
                "`tests.toml` is not a policy file; a bundle holds *.cedar files and one catalogue.toml, named without folders",
            ],
        ),
        (vec![catalogue(), file("a.cedar", OK), file("a.cedar", "")], &["a.cedar: the file is in the bundle twice; remove one"]),
        (
            vec![catalogue(), file("a.cedar", OK), file("b.cedar", OK)],
            &["b.cedar:1:6: `ok` is the @id of two rules; the other stands in a.cedar:1; rename one"],
        ),
        (
            vec![catalogue(), file("a.cedar", &format!("{OK}{}", " ".repeat(MAX_FILE_BYTES)))],
            &["a.cedar: the file is longer than 262144 bytes; split it"],
        ),
    ] {
        check_bundle(files, expected);
    }
}

#[test]
fn the_digest_is_over_names_and_contents() {
    let files = || vec![file("b.cedar", "// nothing\n"), file("catalogue.toml", CATALOGUE), file("a.cedar", OK)];
    let loaded = Policy::load(files()).unwrap();
    let names: Vec<&str> = loaded.files().iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["a.cedar", "b.cedar", "catalogue.toml"]);
    let entry = |name: &str, text: &str| format!("{{\"name\":\"{name}\",\"sha256\":\"{}\"}}", Digest::of(text.as_bytes()));
    let canonical = format!("[{},{},{}]", entry("a.cedar", OK), entry("b.cedar", "// nothing\n"), entry("catalogue.toml", CATALOGUE));
    assert_eq!(loaded.digest(), Digest::of(canonical.as_bytes()));
    assert_eq!(loaded.catalogue_digest(), Digest::of(CATALOGUE.as_bytes()));

    let mut reordered = files();
    reordered.reverse();
    assert_eq!(Policy::load(reordered).unwrap().digest(), loaded.digest());
    let mut touched = files();
    touched[0].text.push(' ');
    assert_ne!(Policy::load(touched).unwrap().digest(), loaded.digest());
}

#[test]
fn look_ups() {
    let policy = policy(OK);
    assert_eq!(policy.action(&"db.schema.apply".parse().unwrap()).unwrap().title, "Apply a schema change");
    assert!(policy.action(&"db.schema".parse().unwrap()).is_none(), "a group is not an action");
    assert_eq!(policy.nearest("db.schema.aplly").unwrap().as_str(), "db.schema.apply");
    assert!(policy.nearest("something.else").is_none());
    let [rule] = policy.rules() else { panic!("one rule") };
    assert_eq!((rule.id.as_str(), rule.file.as_str(), rule.line, rule.text.as_str()), ("ok", "rules.cedar", 1, OK.trim()));
    assert!(
        matches!(&rule.kind, RuleKind::Route(route) if (route.expires_seconds, route.grant_seconds, route.deny_threshold) == (1_800, 600, 1))
    );
    let freeze = policy.catalogue().freeze("2027-01-02T23:59:59Z".parse().unwrap()).unwrap();
    assert_eq!(freeze.reason, "year end");
    assert!(policy.catalogue().freeze(freeze.to).is_none());
    assert_eq!(policy.catalogue().breakglass().max_minutes, 60);
}

#[test]
fn limits_and_names_of_parameters() {
    let none = policy(OK);
    assert_eq!(none.catalogue().limits(), RateLimits::default(), "what is not said is not limited");
    let built_in = default_policy();
    let limits = RateLimits { per_minute_agent: Some(60), per_minute_owner: Some(240), pending_agent: Some(200) };
    assert_eq!(built_in.catalogue().limits(), limits);
    let change = built_in.action(&"db.data.change".parse().unwrap()).unwrap();
    assert_eq!(
        (change.counts.as_slice(), change.narrow.as_slice()),
        (["rows", "limit"].map(str::to_owned).as_slice(), ["rows", "limit"].map(str::to_owned).as_slice())
    );
    let restricted = built_in.action(&"infra.scale".parse().unwrap()).unwrap();
    assert!(restricted.narrow.is_empty(), "fewer instances are not less of a change");
}

/// Parameters of control tests are owned by `controls/assertions.toml`; the default policy must not set one that does not exist.
#[test]
fn parameters_of_the_default_policy_exist() {
    let assertions: toml::Table = toml::from_str(include_str!("../../../../controls/assertions.toml")).unwrap();
    let known = |name: &str| {
        let (id, parameter) = name.split_once('.')?;
        let assertion = assertions["assertion"].as_array()?.iter().find(|entry| entry["id"].as_str() == Some(id))?;
        let default = assertion.get("parameters")?.get(parameter)?.get("default")?;
        serde_json::to_value(default).ok()
    };
    let policy = default_policy();
    assert!(!policy.catalogue().parameters().is_empty());
    for (name, value) in policy.catalogue().parameters() {
        let default = known(name).unwrap_or_else(|| panic!("{name} is not in controls/assertions.toml"));
        assert_eq!(std::mem::discriminant(value), std::mem::discriminant(&default), "{name}");
    }
}
/// Cedar ends the process when a rule nests too deeply; such rules never reach it. The heaviest that do are safe on a small stack.
#[test]
fn deep_rules_do_not_load_and_do_not_crash() {
    let forms = [
        ("(", ")"),
        ("[", "]"),
        ("{a:", "}"),
        ("ip(", ")"),
        ("!(", ")"),
        ("true && ", ""),
        ("true || ", ""),
        ("1 + ", ""),
        ("if true then ", " else true"),
        ("if ", " then true else true"),
        ("context has a && ", ""),
        ("context.a", ".a"),
    ];
    for (open, close) in forms {
        let rule = |n: usize| {
            let condition = format!("{}true{}", open.repeat(n), close.repeat(n));
            format!("{OK}@id(\"a\") @approvals(\"none\")\npermit (principal, action, resource) when {{ {condition} }};")
        };
        // Whatever Cedar says about it, it lives to say it.
        [4, 12, 16, 18, 19, 20, 21, 22, 23, 30, 44, 60, 86, 88, 90, 99].into_iter().for_each(|n| drop(load(&rule(n))));
        let problems = load(&rule(30_000 / (open.len() + close.len()))).unwrap_err();
        assert_eq!(problems.all().len(), 1, "{problems}");
        assert!(problems.to_string().starts_with("rules.cedar:2:1: the rule is too long or too deeply nested"), "{problems}");
    }
}
