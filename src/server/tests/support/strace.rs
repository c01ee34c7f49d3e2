//! System calls of a member, as strace saw them, in order of their begin.

use std::collections::BTreeMap;
use std::path::Path;

/// One call: when it began and ended as positions in the trace, when it ended in microseconds of
/// the system's clock, and its text.
#[derive(Clone, Debug)]
pub struct Call {
    pub began: usize,
    pub ended: usize,
    pub ended_us: u64,
    pub text: String,
}

/// The words that put strace in front of a member: every call that reads, writes, syncs, creates or
/// renames, with file names and whole strings, each sync delayed so that nothing passes it by luck.
pub fn wrapper(output: &Path) -> Vec<String> {
    let calls = "trace=read,readv,recvfrom,recvmsg,write,writev,pwrite64,sendto,sendmsg,fdatasync,\
                 fsync,openat,rename,renameat,renameat2,mkdir,mkdirat";
    let words = [
        "strace",
        "-f",
        "-y",
        "-ttt",
        "-T",
        "-s",
        "65536",
        "-e",
        calls,
        "-e",
        "inject=fdatasync:delay_enter=5000",
        "-o",
        &output.display().to_string(),
    ];
    words.iter().map(ToString::to_string).collect()
}

/// Parses a trace; calls that strace cut into an unfinished and a resumed line are joined. Times
/// may be missing.
pub fn parse(trace: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut open: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (at, line) in trace.lines().enumerate() {
        let Some((thread, text)) = line.split_once(' ') else { continue };
        let (time_us, text) = timed(text.trim_start());
        if let Some(begin) = text.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (at, begin.to_string()));
            continue;
        }
        let (text, took_us) = took(text);
        if text.starts_with("<... ") {
            let rest = text.split_once("resumed>").map_or("", |(_, rest)| rest);
            if let Some((began, begin)) = open.remove(thread) {
                let text = format!("{begin}{rest}");
                calls.push(Call { began, ended: at, ended_us: time_us, text });
            }
        } else {
            let ended_us = time_us + took_us;
            calls.push(Call { began: at, ended: at, ended_us, text: text.to_string() });
        }
    }
    calls.sort_by_key(|call| call.began);
    calls
}

/// The time in front of a line, in microseconds, and the rest.
fn timed(text: &str) -> (u64, &str) {
    let split = text.split_once(' ').and_then(|(time, rest)| Some((micros(time)?, rest)));
    split.map_or((0, text), |(time_us, rest)| (time_us, rest.trim_start()))
}

/// The time that a call took, which stands behind it, and the text without.
fn took(text: &str) -> (&str, u64) {
    let found = text.strip_suffix('>').and_then(|text| text.rsplit_once(" <"));
    let found = found.and_then(|(rest, time)| Some((rest, micros(time)?)));
    found.unwrap_or((text, 0))
}

fn micros(text: &str) -> Option<u64> {
    let (seconds, rest) = text.split_once('.')?;
    let (seconds, rest) =
        (seconds.parse::<u64>().ok()?, rest.parse::<u64>().ok().filter(|_| rest.len() == 6)?);
    Some(seconds * 1_000_000 + rest)
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

    fn is_of_socket(&self) -> bool {
        self.text.contains("<TCP") || self.text.contains("<socket:")
    }

    /// Whether it took bytes from a socket.
    pub fn receives(&self) -> bool {
        self.is(&["read", "readv", "recvfrom", "recvmsg"]) && self.is_of_socket()
    }

    /// Whether it gave bytes to a socket.
    pub fn sends(&self) -> bool {
        self.is(&["write", "writev", "sendto", "sendmsg"]) && self.is_of_socket()
    }

    /// The bytes of all its strings, one after the other.
    pub fn bytes(&self) -> Vec<u8> {
        let text = self.text.as_bytes();
        let mut bytes = Vec::new();
        let (mut at, mut inside) = (0, false);
        while at < text.len() {
            match text[at] {
                b'"' => inside = !inside,
                b'\\' if inside => {
                    let (byte, digits) = escaped(&text[at + 1..]);
                    bytes.push(byte);
                    at += digits;
                }
                byte if inside => bytes.push(byte),
                _ => {}
            }
            at += 1;
        }
        bytes
    }
}

/// The byte that an escape stands for, and how many characters it takes behind the backslash.
fn escaped(text: &[u8]) -> (u8, usize) {
    let digits = text.iter().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    if digits > 0 {
        let octal =
            text[..digits].iter().fold(0u32, |byte, digit| byte * 8 + u32::from(digit - b'0'));
        return (octal as u8, digits);
    }
    let byte = match text.first() {
        Some(b'n') => b'\n',
        Some(b't') => b'\t',
        Some(b'r') => b'\r',
        Some(b'v') => 0x0b,
        Some(b'f') => 0x0c,
        other => other.copied().unwrap_or_default(),
    };
    (byte, 1)
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

/// Checks that after a segment, a marker or a directory got its name, the directory that holds the
/// name was synced.
///
/// # Errors
/// The call that no such sync follows.
pub fn check_directories_synced(calls: &[Call]) -> Result<(), String> {
    let all = |names: &[&str]| -> Vec<&Call> {
        calls.iter().filter(|call| call.is(names) && call.text.ends_with("= 0")).collect()
    };
    let (renamed, made) = (all(&["rename", "renameat", "renameat2"]), all(&["mkdir", "mkdirat"]));
    if renamed.is_empty() || made.is_empty() {
        return Err(format!("{} renames and {} new directories", renamed.len(), made.len()));
    }
    for named in renamed.into_iter().chain(made) {
        let target = named.text.rsplit('"').nth(1).unwrap_or_default();
        let directory = target.rsplit_once('/').map_or("", |(directory, _)| directory);
        let synced = calls.iter().any(|call| {
            call.is(&["fsync", "fdatasync"])
                && call.began > named.ended
                && call.text.contains(&format!("{directory}>"))
        });
        if !synced {
            return Err(format!("the directory is not synced after {}", named.text));
        }
    }
    Ok(())
}
