//! Reads recordings of a real etcd: JSON lines with the fixed keys that the recorder writes.

use bytes::Bytes;

/// The recordings, made by `tests/interop/record` with etcd 3.7.1 and the seeds 1 to 4.
pub const RECORDINGS: [&str; 4] = [
    include_str!("../data/etcd-3.7.1-seed-1.jsonl"),
    include_str!("../data/etcd-3.7.1-seed-2.jsonl"),
    include_str!("../data/etcd-3.7.1-seed-3.jsonl"),
    include_str!("../data/etcd-3.7.1-seed-4.jsonl"),
];

/// One call and what etcd answered.
#[derive(Clone, Debug)]
pub struct Line {
    /// The method of the call.
    pub method: String,
    /// The encoded request.
    pub request: Bytes,
    /// The encoded answer, or code and text of the error.
    pub outcome: Result<Bytes, (i32, String)>,
}

/// The lines of a recording.
pub fn lines(recording: &str) -> Vec<Line> {
    recording.lines().map(parse).collect()
}

fn parse(line: &str) -> Line {
    let text = |key: &str| {
        let start = line.find(&format!("\"{key}\":\""))? + key.len() + 4;
        Some(line[start..].split('"').next().expect("split gives one part at least"))
    };
    let outcome = match text("s") {
        Some(answer) => Ok(unhex(answer)),
        None => {
            let code = line.split("\"c\":").nth(1).expect("an error has a code");
            let digits: String = code.chars().take_while(char::is_ascii_digit).collect();
            let code = digits.parse().expect("the code is a number");
            Err((code, text("e").expect("an error has a text").to_owned()))
        }
    };
    Line {
        method: text("m").expect("a line has a method").to_owned(),
        request: unhex(text("q").expect("a line has a request")),
        outcome,
    }
}

fn unhex(text: &str) -> Bytes {
    let digits = text.as_bytes().chunks(2);
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal is ASCII");
        u8::from_str_radix(pair, 16).expect("two hexadecimal digits")
    };
    digits.map(byte).collect()
}
