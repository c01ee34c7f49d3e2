//! `cairnctl` without a cluster: completion, and what it says when members do not answer.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

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
