//! System calls of a member, as strace saw them, in order of their begin.

use std::collections::BTreeMap;
use std::path::Path;

/// One call: when it began and ended as positions in the trace, and its text.
#[derive(Clone, Debug)]
pub struct Call {
    pub began: usize,
    pub ended: usize,
    pub text: String,
}

/// The words that put strace in front of a member: every call that reads, writes, syncs, creates or
/// renames, with file names and whole strings, each sync delayed so that nothing passes it by luck.
pub fn wrapper(output: &Path) -> Vec<String> {
    let calls = "trace=read,readv,recvfrom,recvmsg,write,writev,pwrite64,sendto,sendmsg,fdatasync,\
                 fsync,openat,rename,renameat,renameat2";
    let words = [
        "strace",
        "-f",
        "-y",
        "-s",
        "8192",
        "-e",
        calls,
        "-e",
        "inject=fdatasync:delay_enter=5000",
        "-o",
        &output.display().to_string(),
    ];
    words.iter().map(ToString::to_string).collect()
}

/// Parses a trace; calls that strace cut into an unfinished and a resumed line are joined.
pub fn parse(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let text = text.trim_start();
        if let Some(begin) = text.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (at, begin.to_string()));
        } else if text.starts_with("<... ") {
            let rest = text.split_once("resumed>").map_or("", |(_, rest)| rest);
            if let Some((began, begin)) = open.remove(thread) {
                calls.push(Call { began, ended: at, text: format!("{begin}{rest}") });
            }
        } else {
            calls.push(Call { began: at, ended: at, text: text.to_string() });
        }
    }
    calls.sort_by_key(|call| call.began);
    calls
}

impl Call {
    /// Whether it is one of these calls.
    pub fn is(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.text.starts_with(&format!("{name}(")))
    }

    /// Whether it wrote to a log segment.
    pub fn writes_log(&self) -> bool {
        self.is(&["pwrite64", "write", "writev"]) && self.text.contains("/member/wal/")
    }

    /// Whether it is a finished sync of a log segment.
    pub fn syncs_log(&self) -> bool {
        self.is(&["fdatasync", "fsync"]) && self.text.contains(".wal") && self.text.contains("= 0")
    }

    /// Whether it took bytes from a socket.
    pub fn receives(&self) -> bool {
        let from_socket = self.text.contains("<TCP") || self.text.contains("<socket:");
        self.is(&["read", "readv", "recvfrom", "recvmsg"]) && from_socket
    }
}

/// Checks that each of the marks, sent one after the other's answer, was written to the log and
/// synced before the next one was received.
///
/// # Errors
/// What passed a sync that it should have waited for.
pub fn check_synced_before_next(calls: &[Call], marks: &[String]) -> Result<(), String> {
    for pair in marks.windows(2) {
        let [mark, next] = pair else { continue };
        let written = calls.iter().find(|call| call.writes_log() && call.text.contains(mark));
        let written = written.ok_or_else(|| format!("{mark} was never written to the log"))?;
        let received = calls.iter().find(|call| call.receives() && call.text.contains(next));
        let received = received.ok_or_else(|| format!("{next} was never received"))?;
        let synced = calls.iter().any(|call| {
            call.syncs_log() && call.began > written.ended && call.ended < received.ended
        });
        if !synced {
            return Err(format!(
                "{mark} was written at line {} and {next} received at line {}, no sync between",
                written.ended, received.ended
            ));
        }
    }
    Ok(())
}

/// Checks that after a segment or marker got its name, its directory was synced.
///
/// # Errors
/// The rename that no sync of its directory follows.
pub fn check_directories_synced(calls: &[Call]) -> Result<(), String> {
    let renames: Vec<&Call> =
        calls.iter().filter(|call| call.is(&["rename", "renameat", "renameat2"])).collect();
    if renames.is_empty() {
        return Err("no file was renamed into place".into());
    }
    for rename in renames {
        let target = rename.text.rsplit('"').nth(1).unwrap_or_default();
        let directory = target.rsplit_once('/').map_or("", |(directory, _)| directory);
        let synced = calls.iter().any(|call| {
            call.is(&["fsync", "fdatasync"])
                && call.began > rename.ended
                && call.text.contains(&format!("{directory}>"))
        });
        if !synced {
            return Err(format!("the directory is not synced after {}", rename.text));
        }
    }
    Ok(())
}
