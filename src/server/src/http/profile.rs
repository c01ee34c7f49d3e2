//! A CPU profile in the format of `go tool pprof`: profile.proto, gzipped, with its symbols.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use prost::Message;

/// Samples a second.
const FREQUENCY: i32 = 100;

#[derive(Clone, PartialEq, Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
}

#[derive(Clone, PartialEq, Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

#[derive(Clone, PartialEq, Message)]
struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

/// Profiles the process for this long.
///
/// # Errors
/// A text for the client; one profile is taken at a time.
pub(super) async fn take(duration: Duration) -> Result<Vec<u8>, String> {
    let guard = pprof::ProfilerGuardBuilder::default()
        .frequency(FREQUENCY)
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()
        .map_err(|error| format!("Could not enable CPU profiling: {error}"))?;
    tokio::time::sleep(duration).await;
    // Looking up symbols takes long.
    let encoded = tokio::task::spawn_blocking(move || {
        let report = guard.report().build().map_err(|error| error.to_string())?;
        Ok(gzipped(&encode(&report, duration)))
    });
    encoded.await.map_err(|error| error.to_string())?
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writing to memory cannot fail");
    encoder.finish().expect("writing to memory cannot fail")
}

/// Numbers of strings and functions as the format wants them: small, from 0 or 1 on.
#[derive(Default)]
struct Tables {
    strings: BTreeMap<String, i64>,
    functions: BTreeMap<(String, String), u64>,
    locations: BTreeMap<Vec<(u64, i64)>, u64>,
}

impl Tables {
    fn string(&mut self, text: &str) -> i64 {
        // The first string of the table has to be the empty one.
        let next = 1 + i64::try_from(self.strings.len()).expect("few strings");
        *self.strings.entry(text.to_owned()).or_insert(next)
    }

    fn location(&mut self, symbols: &[pprof::Symbol]) -> u64 {
        let lines = symbols.iter().map(|symbol| {
            let next = 1 + self.functions.len() as u64;
            let key = (symbol.name(), symbol.filename().into_owned());
            let function = *self.functions.entry(key).or_insert(next);
            (function, i64::from(symbol.lineno()))
        });
        let lines: Vec<(u64, i64)> = lines.collect();
        let next = 1 + self.locations.len() as u64;
        *self.locations.entry(lines).or_insert(next)
    }
}

fn encode(report: &pprof::Report, duration: Duration) -> Vec<u8> {
    let mut tables = Tables::default();
    let period = i64::from(1_000_000_000 / FREQUENCY);
    let mut profile = Profile {
        sample_type: vec![
            ValueType { kind: tables.string("samples"), unit: tables.string("count") },
            ValueType { kind: tables.string("cpu"), unit: tables.string("nanoseconds") },
        ],
        duration_nanos: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX),
        period,
        ..Profile::default()
    };
    profile.period_type = profile.sample_type.last().cloned();
    for (frames, count) in &report.data {
        let count = *count as i64;
        let location_id = frames.frames.iter().map(|symbols| tables.location(symbols)).collect();
        profile.sample.push(Sample { location_id, value: vec![count, count * period] });
    }
    finish(profile, tables).encode_to_vec()
}

fn finish(mut profile: Profile, mut tables: Tables) -> Profile {
    let functions = core::mem::take(&mut tables.functions);
    for ((name, file), id) in functions {
        let (name, filename) = (tables.string(&name), tables.string(&file));
        profile.function.push(Function { id, name, system_name: name, filename });
    }
    for (lines, id) in tables.locations {
        let line = lines.into_iter().map(|(function_id, line)| Line { function_id, line });
        profile.location.push(Location { id, line: line.collect() });
    }
    profile.string_table = vec![String::new(); tables.strings.len() + 1];
    for (text, number) in tables.strings {
        let place = usize::try_from(number).expect("numbers count from one");
        profile.string_table[place] = text;
    }
    profile
}
