//! The README's tour, run line by line as a reader would, with Cairn's own tools, so that it cannot
//! rot.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tests::binaries::built;
use tests::repository::root;

/// How long the server may take to serve.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server that ends with the test.
struct Server {
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

fn start(dir: &Path, client: &str) -> Server {
    let peer = format!("http://127.0.0.1:{}", free_port());
    let log = dir.join("log");
    let child = Command::new(built("cairn"))
        .arg(format!("--data-dir={}", dir.join("data").display()))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).expect("a temporary file"))
        .spawn()
        .expect("the server starts");
    let server = Server { child };
    let began = Instant::now();
    loop {
        let text = fs::read_to_string(&log).unwrap_or_default();
        if text.contains("ready to serve client requests") {
            return server;
        }
        assert!(began.elapsed() < PATIENCE, "the server does not serve:\n{text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The commands of the tour: indented lines that call etcdctl.
fn tour() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let lines = readme.lines().filter_map(|line| line.strip_prefix("    etcdctl "));
    lines.map(str::to_string).collect()
}

/// Words of a command line; double quotes group.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '"' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("never empty").push(other),
        }
    }
    words
}

#[test]
fn the_readme_tour_works_as_it_is_written() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let client = format!("http://127.0.0.1:{}", free_port());
    let _server = start(dir.path(), &client);
    let tour = tour();
    assert!(tour.len() >= 6, "the tour has {} commands", tour.len());
    let mut outputs = Vec::new();
    for line in &tour {
        let run = Command::new(built("cairnctl"))
            .args(words(line))
            .env("ETCDCTL_ENDPOINTS", &client)
            .output()
            .expect("cairnctl runs");
        let errors = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(run.status.success(), "{line}: {} {errors}", run.status);
        outputs.push(String::from_utf8_lossy(&run.stdout).into_owned());
    }
    assert_eq!(outputs[0], "OK\n");
    assert_eq!(outputs[1], "greeting\nhello, world\n");
    assert!(outputs.iter().any(|text| text == "/config/a\n1\n/config/b\n2\n"), "{outputs:?}");
}
