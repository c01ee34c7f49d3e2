//! `cairnctl` against `etcdctl`: the same commands on a real etcd print the same bytes and end with
//! the same code.
//!
//! Commands that read are run by both tools on one member and compared byte for byte. Commands that
//! write are run by each tool on a member of its own, and what must differ between two members is
//! replaced by names. Log lines of Go's client on standard error are passed over. The Go programs
//! are built from a pinned module; without Go these tests fail.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::cluster::{Cluster, Member};
use tests::go;

const CAIRNCTL: &str = env!("CARGO_BIN_EXE_cairnctl_under_test");

/// What a tool printed and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Ended {
    out: String,
    errors: String,
    code: Option<i32>,
}

/// Runs a tool on a member. Bytes that are no text are shown escaped, so that they compare.
fn run(tool: &Path, member: &Member, args: &[&str], input: &str) -> Ended {
    let mut child = Command::new(tool)
        .args(args)
        .env("ETCDCTL_ENDPOINTS", member.client_url())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool was built");
    // A tool that refuses its arguments may be gone before it reads.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it is our child");
    let errors = String::from_utf8_lossy(&output.stderr);
    let told = errors.lines().filter(|line| !line.starts_with('{'));
    Ended {
        out: output.stdout.escape_ascii().to_string(),
        errors: told.take(1).collect(),
        code: output.status.code(),
    }
}

fn both(member: &Member, args: &[&str], input: &str) -> [Ended; 2] {
    [go::etcdctl(), Path::new(CAIRNCTL)].map(|tool| run(tool, member, args, input))
}

/// Commands that read, each in every form of output.
const READS: &[&[&str]] = &[
    &["get", "a"],
    &["get", "a", "c"],
    &["get", "zz"],
    &["get", "a", "--hex"],
    &["get", "", "--prefix", "--limit=2"],
    &["get", "k/", "--prefix", "--keys-only"],
    &["get", "b", "--from-key", "--sort-by=modify", "--order=descend"],
    &["get", "a", "--rev", "3"],
    &["get", "a", "--rev", "1"],
    &["get", "a", "--rev", "999"],
    &["get", "a", "--consistency=s"],
    &["get", "", "--prefix", "--min-mod-rev=4", "--max-create-rev=6"],
    &["get", "a", "--count-only"],
    &["get", "a", "--print-value-only"],
    &["get", "k", "--prefix", "--stream"],
    &["get"],
    &["get", "a", "--prefix", "--from-key"],
    &["get", "a", "b", "--prefix"],
    &["get", "a", "--keys-only", "--count-only"],
    &["get", "a", "--order", "x"],
    &["get", "a", "--sort-by", "x"],
    &["get", "a", "--consistency", "x"],
    &["get", "a", "--min-mod-rev=5", "--max-mod-rev=4"],
    &["member", "list"],
    &["member", "list", "--hex"],
    &["member", "list", "--consistency=s"],
    &["endpoint", "hashkv"],
    &["endpoint", "hashkv", "--cluster", "--rev", "5"],
    &["alarm", "list"],
    &["alarm", "list", "x"],
    &["lease", "list"],
    &["lease", "timetolive", "1234"],
    &["lease", "timetolive", "--keys", "zz"],
    &["lease", "timetolive"],
    &["lease", "revoke", "1234"],
    &["lease", "keep-alive", "--once", "1234"],
    &["lease", "grant", "x"],
    &["watch", "a", "--rev", "1"],
    &["watch"],
    &["watch", "a", "b", "--prefix"],
    &["put"],
    &["put", "", "x"],
    &["put", "a", "b", "--ignore-value"],
    &["put", "a", "b", "--lease", "zz"],
    &["put", "a", "b", "--lease", "1234"],
    &["put", "missing", "--ignore-value"],
    &["del"],
    &["del", "a", "b", "c"],
    &["del", "a", "--prefix", "--from-key"],
    &["compaction", "1"],
    &["compaction", "999"],
    &["compaction", "x"],
    &["compaction"],
    &["member", "add"],
    &["member", "add", "x", "http://127.0.0.1:1"],
    &["member", "add", "x"],
    &["member", "remove", "1234"],
    &["member", "remove", "zz"],
    &["member", "update", "1234"],
    &["member", "promote", "1234"],
    &["move-leader", "1234"],
    &["move-leader", "zz"],
    &["snapshot", "save"],
    &["downgrade", "validate"],
    &["downgrade", "validate", ""],
    &["downgrade", "validate", "3.6"],
    &["downgrade", "validate", "3.5.0"],
    &["downgrade", "validate", "x"],
    &["downgrade", "validate", "3.6", "y"],
    &["downgrade", "enable", "3.7"],
    &["downgrade", "enable"],
    &["downgrade", "cancel"],
    &["txn", "x"],
    &["get", "a", "--limit", "x"],
    &["get", "a", "--bogus"],
    &["get", "a", "--cert="],
];

const FORMS: [&str; 5] = ["simple", "fields", "json", "protobuf", "table"];

/// Transactions that change nothing or are refused: standard input and arguments.
const TXNS: &[(&str, &[&str])] = &[
    ("val(\"a\") = \"1\"\nver(\"zz\") = \"0\"\n\nget a\nget '' --prefix\n\nget b\n\n", &["-i"]),
    ("c(\"a\") > \"999\"\n\nget a\n\nget \"b\"\nget k/1 --keys-only\n\n", &[]),
    ("mod(\"a\") != \"x\"\n\n", &[]),
    ("mod(\"a\" > \"0\"\n\n", &[]),
    ("what(\"a\") > \"0\"\n\n", &[]),
    ("x\n", &[]),
    ("", &[]),
    ("\nput\n", &[]),
];

fn seed(cluster: &Cluster) {
    for pair in [["a", "1"], ["b", "2"], ["a", "<3>\"\u{e9}\\"], ["k/1", ""], ["k/2", "x\ty"]] {
        cluster.ctl(&["put", pair[0], pair[1]]);
    }
    cluster.ctl(&["del", "b"]);
    cluster.ctl(&["compaction", "2"]);
}

#[test]
fn commands_that_read_print_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let member = Member::new("default", folder.path());
    let cluster = Cluster::start(std::slice::from_ref(&member));
    seed(&cluster);
    let mut differences = Vec::new();
    for form in FORMS {
        for args in READS {
            let args = [args, ["-w", form].as_slice()].concat();
            let [theirs, ours] = both(&member, &args, "");
            if theirs != ours {
                differences.push(format!("{args:?}\n  etcdctl  {theirs:?}\n  cairnctl {ours:?}"));
            }
        }
    }
    for (input, args) in TXNS {
        for form in FORMS {
            let args = [&["txn", "-w", form], *args].concat();
            let [theirs, ours] = both(&member, &args, input);
            if theirs != ours {
                differences.push(format!("{input:?}\n  etcdctl  {theirs:?}\n  cairnctl {ours:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Commands that write, and those whose answer is of one moment; `LEASE` is the lease of the last
/// `lease grant`, `MEMBER` the member of the last `member add`.
const WRITES: &[&[&str]] = &[
    &["put", "a", "1"],
    &["put", "a", "2", "--prev-kv"],
    &["put", "a", "--ignore-value", "--prev-kv"],
    &["put", "b", "3"],
    &["lease", "grant", "600"],
    &["put", "l/1", "x", "--lease", "LEASE"],
    &["put", "l/2", "y", "--lease=LEASE", "--prev-kv"],
    &["put", "l/1", "z"],
    &["lease", "timetolive", "LEASE", "--keys"],
    &["lease", "timetolive", "LEASE"],
    &["lease", "list"],
    &["lease", "keep-alive", "--once", "LEASE"],
    &["get", "l/", "--prefix"],
    &["get", "l/", "--prefix", "--hex"],
    &["lease", "revoke", "LEASE"],
    &["lease", "timetolive", "LEASE"],
    &["del", "a", "--prev-kv"],
    &["del", "a"],
    &["del", "a", "c", "--range", "--prev-kv"],
    &["put", "k/1", "1"],
    &["del", "k/", "--prefix"],
    &["compaction", "4", "--physical"],
    &["defrag"],
    &["endpoint", "health"],
    &["endpoint", "health", "--cluster"],
    &["endpoint", "status"],
    &["member", "add", "new", "--peer-urls=http://127.0.0.1:1,http://127.0.0.1:2", "--learner"],
    &["member", "list"],
    &["member", "update", "MEMBER", "--peer-urls", "http://127.0.0.1:3"],
    &["member", "promote", "MEMBER"],
    &["member", "remove", "MEMBER"],
    &["alarm", "disarm"],
];

/// One tool on its own member, with the names of what differs from the other's.
struct Side {
    tool: &'static Path,
    member: Member,
    _cluster: Cluster,
    names: Vec<(String, String)>,
    lease: String,
    added: String,
}

/// The members in the line that a new member is started with.
fn cluster_in_order(line: &str) -> String {
    const BEGIN: &str = "ETCD_INITIAL_CLUSTER=\\\"";
    const END: &str = "\\\"";
    let list = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
    let Some(list) = list else { return line.to_owned() };
    let mut members: Vec<&str> = list.split(',').collect();
    members.sort_unstable();
    format!("{BEGIN}{}{END}", members.join(","))
}

/// Members are listed by id, and ids differ from server to server: put into the order of names.
fn members_in_order(text: &str) -> String {
    const LIST: &str = "\\\"members\\\":[";
    let Some((head, list)) = text.split_once(LIST) else {
        let mut lines: Vec<String> = text.split("\\n").map(cluster_in_order).collect();
        lines.sort_unstable();
        return lines.join("\\n");
    };
    let Some((list, tail)) = list.rsplit_once("}]") else { return text.to_owned() };
    let mut members: Vec<&str> =
        list.split("},{").map(|member| member.trim_start_matches('{')).collect();
    members.sort_unstable();
    format!("{head}{LIST}{{{}}}]{tail}", members.join("},{"))
}

impl Side {
    fn start(tool: &'static Path, folder: &Path, name: &str) -> Side {
        let member = Member::new("default", &folder.join(name));
        std::fs::create_dir_all(folder.join(name)).expect("a temporary folder");
        let cluster = Cluster::start(std::slice::from_ref(&member));
        let mut side = Side {
            tool,
            names: vec![
                (member.client_url(), "CLIENT".to_owned()),
                (member.peer_url(), "PEER".to_owned()),
            ],
            member,
            _cluster: cluster,
            lease: String::new(),
            added: String::new(),
        };
        let listed = run(side.tool, &side.member, &["member", "list", "-w", "json"], "").out;
        for (key, name) in [("cluster_id\\\":", "CLUSTER"), ("member_id\\\":", "SELF")] {
            side.learn(&number_after(&listed, key), name);
        }
        side
    }

    /// Replaces a number by a name, in decimal and in hexadecimal.
    fn learn(&mut self, decimal: &str, name: &str) {
        let id: u64 = decimal.parse().expect("an id is a number");
        self.names.push((decimal.to_owned(), name.to_owned()));
        self.names.push((format!("{id:016x}"), name.to_owned()));
        // A short one is padded with spaces where it stands in a line for people. Not so in a list:
        // there the space belongs to the comma.
        self.names.push((format!(", {id:x}"), format!(", {name}")));
        self.names.push((format!("{id:16x}"), name.to_owned()));
        self.names.push((format!("{id:x}"), name.to_owned()));
    }

    fn run(&mut self, args: &[&str]) -> Ended {
        let args: Vec<&str> = args
            .iter()
            .map(|arg| match *arg {
                "LEASE" => self.lease.as_str(),
                "MEMBER" => self.added.as_str(),
                other => other,
            })
            .collect();
        let args: Vec<String> =
            args.iter().map(|arg| arg.replace("=LEASE", &format!("={}", self.lease))).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let mut ended = run(self.tool, &self.member, &args, "");
        if args.starts_with(&["lease", "grant"]) {
            let id = new_id(&ended.out, "ID", "lease ");
            self.lease = format!("{id:x}");
            self.learn(&id.to_string(), "LEASE");
        }
        if args.starts_with(&["member", "add"]) {
            let id = new_id(&ended.out, "member\\\":{\\\"ID", "Member ");
            self.added = format!("{id:x}");
            self.learn(&id.to_string(), "ADDED");
        }
        for text in [&mut ended.out, &mut ended.errors] {
            *text = self.named(text);
        }
        if args.starts_with(&["member"]) {
            ended.out = members_in_order(&ended.out);
        }
        ended
    }

    /// What differs between two members by its name, and what differs each time left out.
    fn named(&self, text: &str) -> String {
        let names = self.names.iter();
        let text = names.fold(text.to_owned(), |text, (value, name)| text.replace(value, name));
        let text = text.replace("\\xc2\\xb5", "u");
        ["took = ", "took ", "took\\\":\\\"", "\\\"Took\\\" : "].iter().fold(text, |text, key| {
            let parts: Vec<&str> = text.split(key).collect();
            let cut = |part: &&str| {
                let end = part.find([' ', '\\']).unwrap_or(part.len());
                part[end..].to_owned()
            };
            let rest = parts[1..].iter().map(cut).map(|part| format!("{key}TIME{part}"));
            parts[0].to_owned() + &rest.collect::<String>()
        })
    }
}

fn number_after(text: &str, key: &str) -> String {
    let at = text.find(key).unwrap_or_else(|| panic!("no {key} in {text}")) + key.len();
    text[at..].chars().take_while(char::is_ascii_digit).collect()
}

/// The id of what was just made, out of JSON, fields or the simple form.
fn new_id(out: &str, key: &str, word: &str) -> u64 {
    for key in [format!("{key}\\\":"), format!("\\\"{key}\\\" : ")] {
        if out.contains(&key) {
            return number_after(out, &key).parse().expect("an id is a number");
        }
    }
    let at = out.find(word).unwrap_or_else(|| panic!("no {word} in {out}")) + word.len();
    let digits: String =
        out[at..].trim_start().chars().take_while(char::is_ascii_hexdigit).collect();
    u64::from_str_radix(&digits, 16).expect("an id in hexadecimal")
}

#[test]
fn commands_that_write_print_the_same() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut differences = Vec::new();
    for form in ["simple", "json", "fields"] {
        let mut theirs = Side::start(go::etcdctl(), &folder.path().join(form), "theirs");
        let mut ours = Side::start(Path::new(CAIRNCTL), &folder.path().join(form), "ours");
        for args in WRITES {
            // `fields` has no form for a new member, whose id the next commands need.
            let unnamed = form == "fields" && args[0] == "member" && args[1] != "list";
            if unnamed {
                continue;
            }
            let args = [args, ["-w", form].as_slice()].concat();
            let (theirs, ours) = (theirs.run(&args), ours.run(&args));
            if theirs != ours {
                differences.push(format!("{args:?}\n  etcdctl  {theirs:?}\n  cairnctl {ours:?}"));
            }
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_watch_prints_what_etcdctl_prints_and_runs_its_command() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let member = Member::new("default", folder.path());
    let cluster = Cluster::start(std::slice::from_ref(&member));
    seed(&cluster);
    // The command ends with an error at the first event, which ends the watch as well.
    let script = "echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY; exit 3";
    for form in ["simple", "fields", "json"] {
        let watch = ["watch", "", "--prefix", "--rev=3", "--prev-kv", "-w", form];
        let args = [watch.as_slice(), &["--", "sh", "-c", script]].concat();
        let [theirs, ours] = both(&member, &args, "");
        assert_eq!(theirs, ours, "{args:?}");
        assert_eq!(ours.code, Some(1), "{ours:?}");
        assert!(ours.out.contains("\\\"PUT\\\" \\\"b\\\""), "{ours:?}");
    }
    let interactive = "watch a --rev=1\nbad\nwatch a --prefix b\n";
    let [theirs, ours] = both(&member, &["watch", "-i"], interactive);
    assert_eq!(theirs.code, ours.code, "{theirs:?} {ours:?}");
}

#[test]
fn several_endpoints_are_tried_and_named() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let member = Member::new("default", folder.path());
    let cluster = Cluster::start(std::slice::from_ref(&member));
    seed(&cluster);
    let ctl = |endpoints: &str| {
        let output = Command::new(CAIRNCTL).args(["--endpoints", endpoints, "get", "k/1"]).output();
        let output = output.expect("cairnctl was built");
        let errors = String::from_utf8(output.stderr).expect("errors are text");
        (output.status.code(), output.stdout, errors)
    };
    let (code, out, errors) = ctl(&format!("127.0.0.1:1,{}", member.client_url()));
    assert_eq!((code, out.as_slice(), errors.as_str()), (Some(0), &b"k/1\n\n"[..], ""));
    let (code, _, errors) = ctl("127.0.0.1:1,127.0.0.1:2");
    assert_eq!(code, Some(1));
    for name in ["127.0.0.1:1: ", "127.0.0.1:2: ", "refused"] {
        assert!(errors.contains(name), "{errors}");
    }
}

#[test]
fn a_saved_snapshot_is_one_that_etcd_accepts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let member = Member::new("default", folder.path());
    let cluster = Cluster::start(std::slice::from_ref(&member));
    seed(&cluster);
    let path = folder.path().join("saved.db");
    let name = path.to_str().expect("a temporary path is text");
    let saved = run(Path::new(CAIRNCTL), &member, &["snapshot", "save", name], "");
    assert_eq!(saved.code, Some(0), "{saved:?}");
    assert_eq!(saved.out, format!("Snapshot saved at {name}\\nServer version 3.7.0\\n"));
    let status = go::run(go::etcdutl(), &["snapshot", "status", name, "-w", "fields"]);
    assert!(status.contains("\"Revision\" : 7\n"), "{status}");
    assert!(!path.with_extension("db.part").exists(), "the temporary file is left behind");
}
