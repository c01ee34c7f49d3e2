//! `cairnctl` without a cluster: completion, and what it says when members do not answer.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use prost::Message;
use proto::etcdserverpb::LeaseGrantResponse;

/// Code, output and errors of a run.
fn run(args: &[&str]) -> (u8, String, String) {
    let (mut out, mut errors) = (Vec::new(), Vec::new());
    let args = std::iter::once("cairnctl").chain(args.iter().copied()).map(Into::into);
    let code = cli::ctl::run(args, &mut out, &mut errors);
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (code, text(out), text(errors))
}

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (code, script, errors) = run(&["completion", shell]);
        assert_eq!((code, errors.as_str()), (0, ""), "{shell}");
        for word in ["cairnctl", "snapshot", "move-leader", "from-key"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
}

#[test]
fn what_is_not_there_yet_says_so() {
    for command in ["make-mirror", "check"] {
        let (code, _, errors) = run(&[command, "anything", "--flag"]);
        assert_eq!((code, errors), (1, format!("Error: not supported yet: {command}\n")));
    }
}

#[test]
fn who_names_no_command_gets_help_and_who_names_a_wrong_one_gets_the_way() {
    for args in [&[][..], &["snapshot"], &["member"], &["downgrade"]] {
        let (code, out, errors) = run(args);
        assert_eq!((code, errors.as_str()), (0, ""), "{args:?}");
        assert!(out.contains("Usage: cairnctl"), "{out}");
    }
    let status = "Error: unknown command \"status\" for \"cairnctl snapshot\"; \
        files are the business of: cairnutl snapshot status\n";
    let cases = [
        (
            &["gett", "a"][..],
            "Error: unknown command \"gett\" for \"cairnctl\"\n\
             Run 'cairnctl --help' for usage.\n",
        ),
        (
            &["member", "nope"],
            "Error: unknown command \"nope\" for \"cairnctl member\"\n\
             Run 'cairnctl member --help' for usage.\n",
        ),
        (&["snapshot", "status", "backup.db"], status),
    ];
    for (args, expected) in cases {
        let (code, out, errors) = run(args);
        assert_eq!((code, out.as_str(), errors.as_str()), (1, "", expected), "{args:?}");
    }
}

/// A member that takes connections and never answers; counts those that were opened.
fn silent() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let opened = Arc::new(AtomicUsize::new(0));
    let counter = opened.clone();
    std::thread::spawn(move || {
        let mut held: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("it is accepted");
            // Empty settings, so that the other side counts the connection as open.
            stream.write_all(&[0, 0, 0, 4, 0, 0, 0, 0, 0]).expect("nine bytes fit");
            counter.fetch_add(1, Ordering::SeqCst);
            held.push(stream);
        }
    });
    (address, opened)
}

#[test]
fn a_write_whose_outcome_is_unknown_is_not_made_again_elsewhere() {
    let ((first, asked), (second, spared)) = (silent(), silent());
    let endpoints = format!("--endpoints=127.0.0.1:1,{first},{second}");
    let (code, _, errors) = run(&["put", "a", "b", &endpoints, "--command-timeout=1s"]);
    assert_eq!(code, 1);
    // The one that refused, and the one that took the write: each by name and with its cause.
    assert!(errors.starts_with("Error: 127.0.0.1:1: "), "{errors}");
    assert!(errors.contains("efused"), "{errors}");
    assert!(errors.ends_with(&format!("{first}: context deadline exceeded\n")), "{errors}");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(spared.load(Ordering::SeqCst), 0, "the write was made a second time");
}

/// A member that grants leases and answers nothing else; tells the path of each other call.
fn granting(calls: Sender<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket can be");
    let address = listener.local_addr().expect("it is bound").to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    std::thread::spawn(move || {
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("it listens");
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(grant(socket, calls.clone()));
            }
        });
    });
    address
}

async fn grant(socket: tokio::net::TcpStream, calls: Sender<String>) {
    let mut connection = h2::server::handshake(socket).await.expect("a client of HTTP/2");
    let mut held = Vec::new();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let path = request.uri().path().to_owned();
        if !path.ends_with("/LeaseGrant") {
            // Nobody listens once the test has seen what it waits for.
            let _over = calls.send(path);
            held.push((request, respond));
            continue;
        }
        let message = LeaseGrantResponse { id: 7, ttl: 60, ..Default::default() }.encode_to_vec();
        let mut frame = vec![0, 0, 0, 0, u8::try_from(message.len()).expect("a short message")];
        frame.extend(message);
        let head = http::Response::builder().header("content-type", "application/grpc");
        let head = head.body(()).expect("a sound head");
        let mut body = respond.send_response(head, false).expect("the client is there");
        body.send_data(frame.into(), false).expect("it fits");
        let end = http::HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            http::HeaderValue::from_static("0"),
        )]);
        body.send_trailers(end).expect("the client is there");
    }
}

#[test]
fn a_signal_ends_a_lock_and_a_campaign_whose_calls_hang() {
    for command in [&["lock", "a"][..], &["elect", "a", "me"]] {
        let (calls, called) = channel();
        let endpoint = granting(calls);
        let child = Command::new(env!("CARGO_BIN_EXE_cairnctl"))
            .args(command)
            .arg(format!("--endpoints={endpoint}"))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.expect("it was built");
        let asked = || called.recv_timeout(Duration::from_secs(20)).expect("it asks");
        while asked() != "/etcdserverpb.KV/Txn" {}
        let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(interrupted.expect("kill is there").success());
        let began = Instant::now();
        while child.try_wait().expect("it is our child").is_none() {
            if began.elapsed() > Duration::from_secs(20) {
                child.kill().expect("it runs");
                panic!("{command:?} goes on waiting");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let ended = child.wait_with_output().expect("it ended");
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert_eq!((ended.status.code(), &*errors), (Some(1), "Error: context canceled\n"));
    }
}
