//! The doors for SQL tools, entered by the tools that people have: psql, a driver of PostgreSQL, Python.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::python;
use crate::support::{Instance, PATIENCE, wait_for};

/// A server whose doors are open, with an auditor and somebody without a role.
struct Doors {
    instance: Instance,
    address: String,
    flight: String,
    auditor: String,
    nobody: String,
}

impl Doors {
    /// `configuration` holds for each door.
    fn open(configuration: &str) -> Self {
        let mut instance = Instance::start();
        instance.stop();
        for (id, roles) in [("ana", &["--role", "auditor"][..]), ("nora", &[])] {
            instance.ok(&[&["people", "add", id, "--name", id][..], roles].concat());
        }
        let key = |id: &str| instance.ok(&["people", "key", id]).stdout.trim().to_owned();
        let (auditor, nobody) = (key("ana"), key("nora"));
        let door = |name| format!("[{name}]\nlisten = \"127.0.0.1:0\"\n{configuration}");
        let configuration = [door("flight"), door("postgres")].concat();
        std::fs::write(instance.data().join("privyseal.toml"), configuration).unwrap();
        instance.serve();
        let address = instance.told("SQL for psql and others").rsplit(' ').next().unwrap().to_owned();
        let flight = instance.told("SQL for data frames").rsplit(' ').next().unwrap().to_owned();
        Self { instance, address, flight, auditor, nobody }
    }

    fn port(&self) -> &str {
        self.address.rsplit(':').next().unwrap()
    }

    fn flight_port(&self) -> &str {
        self.flight.rsplit(':').next().unwrap()
    }

    fn psql(&self, user: &str, key: &str, options: &[&str]) -> Output {
        self.psql_command(user, key, "sslmode=prefer").args(options).stdin(Stdio::null()).output().unwrap()
    }

    fn psql_command(&self, user: &str, key: &str, tls: &str) -> Command {
        let mut command = Command::new("psql");
        let target = format!("host=127.0.0.1 port={} user={user} dbname=privyseal connect_timeout=10 {tls}", self.port());
        command.args(["-X", "-v", "ON_ERROR_STOP=1", "-d", &target]).env("PGPASSWORD", key).env("PAGER", "cat").env_remove("PGOPTIONS");
        command
    }

    /// What psql prints for the auditor.
    fn says(&self, options: &[&str]) -> String {
        let output = self.psql("ana", &self.auditor, options);
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "psql {options:?}: {out}{error}");
        out.into_owned()
    }

    /// What psql complains about.
    fn complains(&self, user: &str, key: &str, sql: &str) -> String {
        let output = self.psql(user, key, &["-v", "VERBOSITY=verbose", "-c", sql]);
        assert!(!output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// What the log has about statements, the newest last: who, the door, how it went, rows, whether there is a digest, whether the
    /// parameter `$1` was 3, and the text.
    fn recorded(&self) -> String {
        let sql = "SELECT q.actor, e.actor_channel, q.outcome, q.result_rows, q.result_sha256 IS NOT NULL AS digest, \
            e.body LIKE '%\"parameters\":{\"1\":3}%' AS bound, q.sql FROM queries q JOIN events e ON e.seq = q.seq ORDER BY q.seq";
        self.instance.ok(&["sql", "--format", "csv", sql]).stdout
    }

    fn driver(&self) -> postgres::Client {
        let target = format!("host=127.0.0.1 port={} user=ana password={} dbname=privyseal", self.port(), self.auditor);
        postgres::Client::connect(&target, postgres::NoTls).unwrap()
    }
}

#[test]
fn psql_finds_its_way() {
    let doors = Doors::open("");
    // The lists, in the words of whoever uses psql.
    let tables = doors.says(&["-c", "\\dt"]);
    assert!(tables.contains("public | requests") && tables.contains("public | events"), "{tables}");
    assert!(doors.says(&["-c", "\\d"]).contains("requests"));
    let described = doors.says(&["-c", "\\d requests"]);
    assert!(
        described.contains("requested_at") && described.contains("timestamp with time zone") && described.contains("text[]"),
        "{described}"
    );
    let more = doors.says(&["-c", "\\d+ requests"]);
    assert!(more.contains("The account that asked."), "every column says what it means: {more}");
    assert!(doors.says(&["-c", "\\dt+ requests"]).contains("One row per request for a privileged action"));
    for command in ["\\l", "\\dn", "\\du", "\\df", "\\dv", "\\di", "\\ds", "\\dT", "\\dx", "\\dp", "\\db", "\\conninfo", "\\d pg_class"] {
        doors.says(&["-c", command]);
    }
    let missing = doors.psql("ana", &doors.auditor, &["-c", "\\d nixda"]);
    assert!(String::from_utf8_lossy(&missing.stderr).contains("Did not find any relation named \"nixda\""));

    // A question and its record.
    let answer = doors.says(&["-At", "-c", "SELECT principal, kind FROM principals WHERE principal = 'ana'"]);
    assert_eq!(answer, "ana|human\n");
    let recorded = doors.recorded();
    assert!(
        recorded.contains("ana,postgres,ok,1,true,false,\"SELECT principal, kind FROM principals WHERE principal = 'ana'\""),
        "{recorded}"
    );
    assert!(!recorded.contains("pg_catalog"), "the client's own housekeeping is not on record: {recorded}");

    // Housekeeping, all in one session; values stay what they were set to.
    let script = "BEGIN; SET application_name = 'audit'; SHOW application_name; SHOW TimeZone; SELECT current_database(), current_schema(), current_user; COMMIT;\n\
        SELECT version();\nDISCARD ALL;\nSHOW application_name;";
    let said = doors.says(&["-At", "-c", "SELECT 1", "-c", script]);
    assert!(said.contains("audit\nUTC\nprivyseal|public|ana\n") && said.contains("PostgreSQL 15.0 (Privyseal"), "{said}");

    // The log as it was.
    let pinned = doors.says(&[
        "-At",
        "-c",
        "SET privyseal.as_of_seq = 3",
        "-c",
        "SELECT max(seq) FROM events",
        "-c",
        "SHOW privyseal.as_of_seq",
        "-c",
        "RESET privyseal.as_of_seq",
        "-c",
        "SELECT max(seq) > 3 FROM events",
    ]);
    assert!(pinned.contains("\n3\n3\nRESET\nt"), "{pinned}");
}

#[test]
fn what_is_refused_says_why_and_where() {
    let doors = Doors::open("");
    let refused = |sql: &str| doors.complains("ana", &doors.auditor, sql);
    for (sql, state, words) in [
        ("SELECT nixda FROM requests", "42703", "no column `nixda`"),
        ("SELECT 1 FROM reqests", "42P01", "did you mean `requests`?"),
        ("SELECT nixda(1) FROM requests", "42883", "no function `nixda`"),
        ("SELEC 1 FROM requests", "42601", "cannot be read"),
        ("SELECT ) FROM requests", "42601", "cannot be read"),
        ("DELETE FROM requests", "25006", "read-only"),
        ("CREATE TABLE x (y int)", "25006", "read-only"),
        ("COPY requests TO '/tmp/x'", "25006", "read-only"),
        ("SELECT 1 FROM requests; SELECT 2 FROM requests", "42601", "one statement at a time"),
        ("SET TimeZone = 'Europe/Berlin'", "22023", "can only be `UTC`"),
        ("SET nixda = 1", "42704", "no setting `nixda`"),
        ("BEGIN READ WRITE", "25006", "read-only"),
        ("SELECT pg_read_file('/etc/passwd')", "42883", "no function"),
        ("SELECT count(*) FROM requests JOIN pg_class ON true", "42P01", "no table `pg_class`"),
    ] {
        let said = refused(sql);
        assert!(said.contains(state) && said.contains(words), "{sql}: {said}");
    }
    // The place, as psql shows it.
    let said = refused("SELECT state,\n  nixda\nFROM requests");
    assert!(said.contains("LINE 2:   nixda\n          ^"), "{said}");
    let recorded = doors.recorded();
    assert!(
        recorded.contains("ana,postgres,refused,0,false,false,SELECT nixda FROM requests"),
        "refused ones are on record too: {recorded}"
    );

    // Who may not.
    let said = doors.complains("nora", &doors.nobody, "SELECT 1 FROM requests");
    assert!(said.contains("42501") && said.contains("does not hold the role `auditor`"), "{said}");
    assert!(doors.complains("nora", &doors.nobody, "SELECT relname FROM pg_class").contains("42501"));
    for (user, key) in
        [("ana", doors.nobody.as_str()), ("nora", &doors.auditor), ("ana", "pv_wrong"), ("ana", ""), ("ghost", &doors.auditor)]
    {
        let said = String::from_utf8_lossy(&doors.psql(user, key, &["-c", "SELECT 1"]).stderr).into_owned();
        assert!(said.contains("is not let in") || said.contains("no password supplied"), "{user}: {said}");
    }
    let events =
        doors.instance.ok(&["sql", "--format", "csv", "SELECT actor_channel, body FROM events WHERE kind = 'session.refused'"]).stdout;
    for claimed in ["ana", "nora"] {
        assert!(events.contains(&format!("\"\"principal\"\":\"\"{claimed}\"\"")), "{events}");
    }
    assert!(events.lines().skip(1).all(|line| line.starts_with("postgres,")), "{events}");
    assert!(!events.contains("ghost"), "what strangers make up is not kept: {events}");

    // A key that ends, ends at once, in the middle of a session.
    let mut driver = doors.driver();
    assert_eq!(driver.query("SELECT seq FROM events LIMIT 1", &[]).unwrap().len(), 1);
    let keys = doors
        .instance
        .ok(&["sql", "--format", "csv", "SELECT credential FROM credentials WHERE principal = 'ana' AND type = 'api_key'"])
        .stdout;
    let credential = keys.lines().nth(1).unwrap().to_owned();
    doors.instance.ok(&["people", "revoke", &credential, "--reason", "lost"]);
    let ended = driver.query("SELECT seq FROM events LIMIT 1", &[]).unwrap_err();
    // This driver keeps last words to itself when the connection ends with them.
    assert!(ended.is_closed() || ended.code().is_some_and(|code| code.code() == "28000"), "{ended:?}");
    let said = doors.complains("ana", &doors.auditor, "SELECT 1");
    assert!(said.contains("is not let in"), "{said}");
}

/// Values of every type, as bytes and as text, with parameters; a driver checks each against the type it was told of.
#[test]
fn a_driver_gets_values_as_their_types() {
    let doors = Doors::open("");
    let mut driver = doors.driver();
    let row = driver
        .query_one(
            "SELECT seq, time, kind, seq > 0 AS truth, CAST(seq AS DOUBLE) / 4 AS fraction, NULL AS nothing, CAST(seq AS INTEGER) AS small, \
             CAST(seq AS SMALLINT) AS smaller, CAST(time AS DATE) AS day, CAST(seq AS DECIMAL(10, 2)) AS exact FROM events WHERE seq = $1 AND kind <> $2",
            &[&2_i64, &"x"],
        )
        .unwrap();
    let types: Vec<&str> = row.columns().iter().map(|column| column.type_().name()).collect();
    assert_eq!(types, ["int8", "timestamptz", "text", "bool", "float8", "text", "int4", "int2", "date", "numeric"]);
    assert_eq!((row.get::<_, i64>(0), row.get::<_, bool>(3), row.get::<_, f64>(4)), (2, true, 0.5));
    assert_eq!((row.get::<_, Option<String>>(5), row.get::<_, i32>(6), row.get::<_, i16>(7)), (None, 2, 2));
    let moment: std::time::SystemTime = row.get(1);
    assert!(moment > std::time::UNIX_EPOCH + Duration::from_secs(1_600_000_000), "{moment:?}");
    let lists = driver.query("SELECT authors, subjects FROM requests", &[]).unwrap();
    assert!(lists.is_empty());
    let described = driver.prepare("SELECT authors FROM requests WHERE requested_at > $1 AND human_required = $2 LIMIT $3").unwrap();
    assert_eq!(described.columns()[0].type_().name(), "_text");
    assert_eq!(described.params().iter().map(|kind| kind.name()).collect::<Vec<_>>(), ["timestamptz", "bool", "int8"]);

    // A few rows at a time, in a transaction that says what it is.
    let mut transaction = driver.transaction().unwrap();
    let portal = transaction.bind("SELECT seq FROM events ORDER BY seq", &[]).unwrap();
    for from in [0, 2] {
        let rows = transaction.query_portal(&portal, 2).unwrap();
        assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), [from, from + 1]);
    }
    let failed = transaction.query("SELECT nixda FROM events", &[]).unwrap_err();
    assert_eq!(failed.code().map(|code| code.code()), Some("42703"));
    let after = transaction.query("SELECT seq FROM events", &[]).unwrap_err();
    assert_eq!(after.code().map(|code| code.code()), Some("25P02"));
    transaction.rollback().unwrap();
    assert!(driver.query("SELECT seq FROM events WHERE seq < $1", &[&3_i64]).unwrap().len() == 3);
    let unfit = driver.query("SELECT kind FROM events WHERE CAST(seq AS DOUBLE) > $1::double precision", &[&"x"]);
    assert!(unfit.is_err(), "what cannot be a value is refused");
    let recorded = doors.recorded();
    assert!(recorded.contains("ana,postgres,ok,3,true,true,SELECT seq FROM events WHERE seq < $1"), "{recorded}");
}

#[test]
fn a_statement_stops_when_it_is_asked_to() {
    let doors = Doors::open("");
    // Slow on purpose: more rows than fit into any patience.
    let slow =
        "SELECT count(*) FROM events a, events b, events c, events d, events e, events f, events g WHERE a.body LIKE b.body || c.body";
    let mut driver = doors.driver();
    let stop = driver.cancel_token();
    let running = std::thread::spawn(move || {
        let error = driver.query(slow, &[]).unwrap_err();
        (error.code().map(|code| code.code().to_owned()), driver)
    });
    // The server hears a wish only while a statement runs, so it is told until it has heard.
    wait_for("the end of a statement", || {
        stop.cancel_query(postgres::NoTls).unwrap();
        running.is_finished().then_some(())
    });
    let (code, mut driver) = running.join().unwrap();
    assert_eq!(code.as_deref(), Some("57014"));
    assert_eq!(driver.query("SELECT seq FROM events LIMIT 1", &[]).unwrap().len(), 1, "the session goes on");
    driver.batch_execute("SET statement_timeout = '200ms'").unwrap();
    let error = driver.query(slow, &[]).unwrap_err();
    assert_eq!(error.code().map(|code| code.code()), Some("57014"), "{error:?}");
    // Whoever stops a statement has asked it all the same.
    wait_for("the records of both", || {
        (doors.recorded().matches(&format!("ana,postgres,failed,0,false,false,\"{slow}\"")).count() == 2).then_some(())
    });
}

#[test]
fn over_a_network_there_is_tls() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", &file("key.pem"), "-out", &file("cert.pem")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let doors = Doors::open(&format!("tls_cert = {:?}\ntls_key = {:?}\n", file("cert.pem"), file("key.pem")));
    let run = |tls: &str| {
        doors
            .psql_command("ana", &doors.auditor, tls)
            .args(["-At", "-c", "SELECT principal FROM principals WHERE principal = 'ana'"])
            .output()
            .unwrap()
    };
    let sure = run(&format!("sslmode=verify-full sslrootcert={}", file("cert.pem")));
    assert_eq!(String::from_utf8_lossy(&sure.stdout), "ana\n", "{}", String::from_utf8_lossy(&sure.stderr));
    let plain = run("sslmode=disable");
    assert!(String::from_utf8_lossy(&plain.stderr).contains("reached with TLS"), "{}", String::from_utf8_lossy(&plain.stderr));

    let (code, said) = python::script("doors", "columns.py", &[doors.flight_port(), &doors.auditor, &doors.nobody, &file("cert.pem")]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = python::script("doors", "columns.py", &[doors.flight_port(), &doors.auditor, &doors.nobody]);
    assert_ne!(code, 0, "a key crossed the wire in the clear: {said}");

    // Without a certificate nothing but this machine.
    let bare = Instance::start();
    let mut bare = bare;
    bare.stop();
    std::fs::write(bare.data().join("privyseal.toml"), "[postgres]\nlisten = \"0.0.0.0:0\"\n").unwrap();
    let refused = bare.run(&["serve", "--listen", "127.0.0.1:0"]);
    assert!(refused.code != 0 && refused.stderr.contains("name a certificate"), "{}", refused.stderr);
}

/// Bytes that no client sends. The server goes on, for everybody else and for itself.
#[test]
fn strangers_with_bad_manners_harm_nobody() {
    let doors = Doors::open("");
    let connect = || {
        let stream = TcpStream::connect(&doors.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let mut seed = 7_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u8::try_from(seed >> 56).unwrap()
    };
    let startup: &[u8] = b"\0\0\0\x13\0\x03\0\0user\0ana\0\0\0";
    let password = format!("p\0\0\0{}{}\0", char::from(u8::try_from(doors.auditor.len() + 5).unwrap()), doors.auditor);
    let signed_in = [startup, password.as_bytes()].concat();
    let mut cases: Vec<Vec<u8>> = vec![
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        vec![0; 64],
        vec![0xff; 64],
        b"\0\0\0\x08\x04\xd2\x16\x2fSELECT".to_vec(),
        b"\x7f\xff\xff\xff\0\x03\0\0".to_vec(),
        [startup, b"Q\0\0\0\x0dSELECT 1\0"].concat(),
        [&signed_in, &b"Q\x3f\xff\xff\xff"[..]].concat(),
        [&signed_in, &b"Q\0\0\0\x03"[..]].concat(),
        [&signed_in, &b"Z\0\0\0\x04"[..]].concat(),
        // A portal with fewer formats than columns, and more rows wanted than there is memory.
        [&signed_in, &b"P\0\0\0\x2a\0SELECT seq, kind, time FROM events\0\0\0B\0\0\0\x10\0\0\0\0\0\0\0\x02\0\x01\0\x01E\0\0\0\x09\0\x7f\xff\xff\xffS\0\0\0\x04X\0\0\0\x04"[..]].concat(),
        [&signed_in, &b"E\0\0\0\x09\0\x80\0\0\0S\0\0\0\x04X\0\0\0\x04"[..]].concat(),
    ];
    for length in 0..200 {
        let mut bytes = if length % 2 == 0 { signed_in.clone() } else { Vec::new() };
        bytes.extend((0..length).map(|_| random()));
        cases.push(bytes);
    }
    for case in cases {
        let mut stream = connect();
        // The server may be done with it before it has all of it.
        let _ = stream.write_all(&case);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.len() < 1 << 20, "{case:?}");
    }
    // Many who say nothing: they are let go of, and whoever has a key comes in.
    let mut idle: Vec<TcpStream> = (0..1_000).map_while(|_| TcpStream::connect(&doors.address).ok()).collect();
    wait_for("room beside strangers who say nothing", || {
        doors.psql("ana", &doors.auditor, &["-c", "SELECT 1"]).status.success().then_some(())
    });
    let mut first = idle.swap_remove(0);
    first.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut nothing = [0; 1];
    assert_eq!(first.read(&mut nothing).unwrap_or(0), 0, "a stranger who says nothing is shown out");
    assert_eq!(doors.says(&["-At", "-c", "SELECT principal FROM principals WHERE principal = 'ana'"]), "ana\n");
}

#[test]
fn python_comes_in_too() {
    let doors = Doors::open("");
    let (code, said) = python::script("doors", "clients.py", &[doors.port(), &doors.auditor]);
    assert_eq!(code, 0, "{said}");
    let recorded = doors.recorded();
    assert!(recorded.contains("SELECT kind, count(*) FROM events GROUP BY kind ORDER BY kind"), "{recorded}");
}

#[test]
fn data_frames_come_in_too() {
    let doors = Doors::open("");
    let (code, said) = python::script("doors", "columns.py", &[doors.flight_port(), &doors.auditor, &doors.nobody]);
    assert_eq!(code, 0, "{said}");
    let recorded = doors.recorded();
    assert!(recorded.contains("ana,flight,ok,1,true,false,SELECT kind FROM events WHERE seq = $1"), "{recorded}");
    assert!(recorded.contains("ana,flight,refused,0,false,false,SELECT nixda FROM events"), "{recorded}");
}

#[test]
fn strangers_at_the_door_of_columns_harm_nobody() {
    let doors = Doors::open("");
    let (code, said) = python::script("doors", "strangers.py", &[doors.flight_port(), &doors.auditor, &doors.nobody]);
    assert_eq!(code, 0, "{said}");
}
