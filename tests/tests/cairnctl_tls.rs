//! `cairnctl` and etcd's client with a member that speaks TLS: which flags lead to it, and what is
//! said where they do not.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tests::binaries::built;
use tests::go;
use tests::ports::free_port;

const PATIENCE: Duration = Duration::from_secs(60);

struct Member {
    running: Child,
    port: u16,
    dir: tempfile::TempDir,
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.running.kill();
        let _ended = self.running.wait();
    }
}

impl Member {
    /// A member that generates its certificate.
    fn start() -> Member {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let port = free_port();
        let log = File::create(dir.path().join("log")).expect("the directory is writable");
        let url = format!("https://127.0.0.1:{port}");
        let peer = format!("http://127.0.0.1:{}", free_port());
        let mut command = Command::new(built("cairn"));
        command.args(["--auto-tls", "--listen-client-urls", &url, "--listen-peer-urls", &peer]);
        command.args(["--advertise-client-urls", &url, "--initial-advertise-peer-urls", &peer]);
        command.args(["--name=a", "--initial-cluster", &format!("a={peer}"), "--data-dir"]);
        command.arg(dir.path().join("data")).stdin(Stdio::null()).stderr(log);
        let running = command.spawn().expect("the program was built");
        let member = Member { running, port, dir };
        let began = Instant::now();
        while !member.log().contains("ready to serve client requests") {
            assert!(began.elapsed() < PATIENCE, "{}", member.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        member
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    fn certificate(&self) -> String {
        self.dir.path().join("data/fixtures/client/cert.pem").display().to_string()
    }
}

fn run(program: &Path, args: &str) -> Output {
    let mut command = Command::new(program);
    command.args(args.split_whitespace()).args(["put", "a", "b"]);
    command.output().expect("the program was built")
}

#[test]
fn the_same_flags_lead_to_tls_as_with_etcd_s_client() {
    let member = Member::start();
    let (port, cert) = (member.port, member.certificate());
    let cases = [
        (format!("--endpoints=https://127.0.0.1:{port} --cacert={cert}"), true),
        (format!("--endpoints=127.0.0.1:{port} --cacert={cert}"), true),
        (format!("--endpoints=127.0.0.1:{port} --cacert={cert} --insecure-transport=false"), true),
        (
            format!(
                "--endpoints=https://127.0.0.1:{port} --insecure-skip-tls-verify --cacert={cert}"
            ),
            true,
        ),
        (
            format!(
                "--endpoints=127.0.0.1:{port} --insecure-transport=false \
                 --insecure-skip-tls-verify"
            ),
            true,
        ),
        (format!("--endpoints=127.0.0.1:{port} --command-timeout=1s"), false),
        (
            format!("--endpoints=http://127.0.0.1:{port} --cacert={cert} --command-timeout=1s"),
            false,
        ),
        (
            format!("--endpoints=https://localhost:{port} --cacert={cert} --command-timeout=1s"),
            false,
        ),
        (format!("--endpoints=https://127.0.0.1:{port} --command-timeout=1s"), false),
    ];
    for (flags, works) in cases {
        for program in [&built("cairnctl"), go::etcdctl()] {
            let output = run(program, &flags);
            let error = String::from_utf8_lossy(&output.stderr);
            let code = output.status.code();
            assert_eq!(code == Some(0), works, "{} {flags}: {error}", program.display());
            if !works {
                assert!(code == Some(1), "{} {flags}: {code:?} {error}", program.display());
            }
        }
    }
    let cairnctl = built("cairnctl");
    let output = run(&cairnctl, &format!("--endpoints=https://localhost:{port} --cacert={cert}"));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("certificate not valid for name \"localhost\""), "{error}");
}

#[test]
fn files_that_do_not_fit_are_named() {
    let cases = [
        ("--cert=/no/cert", "KeyFile and CertFile must both be present[key: , cert: /no/cert]"),
        ("--cacert=/no/ca", "open /no/ca: no such file or directory"),
        ("--cert=/no/cert --key=/no/key", "open /no/cert: no such file or directory"),
    ];
    for (flags, text) in cases {
        for program in [&built("cairnctl"), go::etcdctl()] {
            let output = run(program, flags);
            let error = String::from_utf8_lossy(&output.stderr);
            let name = program.display();
            assert_eq!(output.status.code(), Some(128), "{name} {flags}: {error}");
            assert!(error.contains(text), "{name} {flags}: {error}");
        }
    }
}
