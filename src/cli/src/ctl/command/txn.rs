//! `txn`: compares and operations in three blocks of lines, each ended by an empty one.

use std::ffi::OsString;
use std::io::{BufRead, stdin};
use std::os::unix::ffi::OsStringExt;

use bytes::Bytes;
use clap::Parser;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::request_op::Request;
use proto::etcdserverpb::{Compare, RequestOp, TxnRequest};

use super::{Context, del, get, put};
use crate::ctl::args::{Txn, TxnOp, TxnOpLine};
use crate::ctl::client::{Effect, request};
use crate::ctl::failure::Failure;
use crate::ctl::text::number::parse_int;
use crate::ctl::text::quote::{quote, unquote};
use crate::ctl::text::words;

/// Reads a transaction from standard input and runs it.
pub async fn run(context: &mut Context<'_>, args: &Txn) -> Result<(), Failure> {
    if !args.arguments.is_empty() {
        return Err(Failure::bad_arguments("txn command does not accept argument"));
    }
    let prompt = |context: &mut Context<'_>, text: &str| match args.interactive {
        true => context.line(text),
        false => Ok(()),
    };
    let mut lines = stdin().lock();
    prompt(context, "compares:")?;
    let compare = block(&mut lines, compare)?;
    prompt(context, "success requests (get, put, del):")?;
    let success = block(&mut lines, op)?;
    prompt(context, "failure requests (get, put, del):")?;
    let failure = block(&mut lines, op)?;
    drop(lines);
    let txn = TxnRequest { compare, success, failure };
    let client = context.client();
    let call = |channel| {
        let txn = request(txn.clone());
        async move { client.kv(channel).txn(txn).await }
    };
    let answer = client.call_within(None, Effect::Write, call).await?;
    context.print(&answer)
}

/// The lines up to an empty one; the input may not end before it.
fn block<T>(
    lines: &mut impl BufRead,
    parse: fn(&[u8]) -> Result<T, Failure>,
) -> Result<Vec<T>, Failure> {
    let mut found = Vec::new();
    loop {
        let mut line = Vec::new();
        lines.read_until(b'\n', &mut line).map_err(Failure::invalid_input)?;
        if line.last() != Some(&b'\n') {
            return Err(Failure::invalid_input("EOF"));
        }
        let line = line.trim_ascii();
        if line.is_empty() {
            return Ok(found);
        }
        found.push(parse(line)?);
    }
}

/// `target("key") op "value"`.
fn compare(line: &[u8]) -> Result<Compare, Failure> {
    let shown = String::from_utf8_lossy(line);
    let Some(at) = line.iter().position(|byte| *byte == b'(') else {
        return Err(Failure::invalid_input(format!("malformed comparison: {shown}")));
    };
    let target = String::from_utf8_lossy(&line[..at]);
    let (key, operator, value) = match sides(&line[at + 1..]) {
        Ok(sides) => sides,
        Err((key, operator)) => {
            let got = format!("{target}({}) {operator} \"\"", quote(&key));
            let text = format!("malformed comparison: {shown}; got {got}");
            return Err(Failure::invalid_input(text));
        }
    };
    let result = match operator.as_str() {
        "=" => CompareResult::Equal,
        "!=" => CompareResult::NotEqual,
        ">" => CompareResult::Greater,
        "<" => CompareResult::Less,
        _ => {
            let text = format!("malformed comparison: {shown} (unknown operator {operator})");
            return Err(Failure::invalid_input(text));
        }
    };
    let (target, union) = union(&target, &value, &shown)?;
    Ok(Compare {
        result: result as i32,
        target: target as i32,
        key: Bytes::from(key),
        range_end: Bytes::new(),
        target_union: Some(union),
    })
}

type Sides = (Vec<u8>, String, Vec<u8>);

/// What follows the bracket: key, operator and value, or as much of them as could be read.
fn sides(text: &[u8]) -> Result<Sides, (Vec<u8>, String)> {
    let (key, rest) = unquote(text.trim_ascii_start()).ok_or_else(Default::default)?;
    let Some(rest) = rest.strip_prefix(b")") else { return Err((key, String::new())) };
    let rest = rest.trim_ascii_start();
    let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
    let operator = String::from_utf8_lossy(&rest[..end]).into_owned();
    match unquote(rest[end..].trim_ascii_start()) {
        Some((value, _)) => Ok((key, operator, value)),
        None => Err((key, operator)),
    }
}

fn union(target: &str, value: &[u8], line: &str) -> Result<(CompareTarget, TargetUnion), Failure> {
    let number = |base| {
        parse_int(&String::from_utf8_lossy(value), base)
            .map_err(|_| Failure::invalid_input(format!("invalid txn compare request: {line}")))
    };
    Ok(match target {
        "ver" | "version" => (CompareTarget::Version, TargetUnion::Version(number(10)?)),
        "c" | "create" => (CompareTarget::Create, TargetUnion::CreateRevision(number(10)?)),
        "m" | "mod" => (CompareTarget::Mod, TargetUnion::ModRevision(number(10)?)),
        "val" | "value" => {
            (CompareTarget::Value, TargetUnion::Value(Bytes::copy_from_slice(value)))
        }
        "lease" => (CompareTarget::Lease, TargetUnion::Lease(number(16)?)),
        _ => {
            let text = format!("malformed comparison: {line} (unknown target {target})");
            return Err(Failure::invalid_input(text));
        }
    })
}

/// A `get`, `put` or `del` with its flags.
fn op(line: &[u8]) -> Result<RequestOp, Failure> {
    let shown = String::from_utf8_lossy(line).into_owned();
    let words = words::split(line).map_err(Failure::invalid_input)?;
    if words.len() < 2 {
        return Err(Failure::invalid_input(format!("invalid txn compare request: {shown}")));
    }
    let parsed = TxnOpLine::try_parse_from(words.into_iter().map(OsString::from_vec))
        .map_err(|_| Failure::invalid_input(format!("invalid txn request: {shown}")))?;
    let request = match &parsed.op {
        TxnOp::Get(args) => Request::RequestRange(get::range(args)?),
        TxnOp::Put(args) => Request::RequestPut(put::put(args, &mut std::io::empty())?),
        TxnOp::Del(args) => Request::RequestDeleteRange(del::delete(args)?),
    };
    Ok(RequestOp { request: Some(request) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_and_their_refusals_read_as_in_etcdctl() {
        let good = compare(br#"mod("a\n") != "7""#).expect("well-formed");
        assert_eq!((good.target, good.result, &good.key[..]), (2, 3, &b"a\n"[..]));
        assert_eq!(good.target_union, Some(TargetUnion::ModRevision(7)));
        let lease = compare(br#"lease("a") = "1f""#).expect("hexadecimal");
        assert_eq!(lease.target_union, Some(TargetUnion::Lease(31)));
        let text = |line: &str| compare(line.as_bytes()).expect_err("malformed").text;
        assert_eq!(text("x"), "malformed comparison: x");
        let got = "malformed comparison: mod(\"a\" > \"0\"; got mod(\"a\")  \"\"";
        assert_eq!(text("mod(\"a\" > \"0\""), got);
        let number = "invalid txn compare request: mod(\"a\") > \"x\"";
        assert_eq!(text("mod(\"a\") > \"x\""), number);
    }

    #[test]
    fn operations_take_their_flags() {
        let request = op(b"get 'a b' --prefix --limit=3").expect("well-formed").request;
        let Some(Request::RequestRange(range)) = request else { panic!("{request:?}") };
        assert_eq!((&range.key[..], &range.range_end[..]), (&b"a b"[..], &b"a c"[..]));
        assert_eq!(range.limit, 3);
        let failure = op(b"get a --bogus").expect_err("no such flag");
        assert_eq!(
            (failure.code, failure.text.as_str()),
            (3, "invalid txn request: get a --bogus")
        );
    }
}
