//! Passwords from the terminal, without showing them.

use std::io::{BufRead, Write};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, tcgetattr, tcsetattr};

/// Asks on the terminal that standard input is. Whoever interrupts it gets the terminal back as it
/// was: meanwhile the key for that ends the line, and the signal is sent from here.
pub fn ask(prompt: &str, out: &mut dyn Write) -> Result<String, String> {
    let said = out.write_all(prompt.as_bytes()).and_then(|()| out.flush());
    said.map_err(|error| error.to_string())?;
    let stdin = std::io::stdin();
    let modes = tcgetattr(&stdin).map_err(|_| "inappropriate ioctl for device".to_owned())?;
    let mut hidden = modes.clone();
    hidden.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
    let interrupt = modes.special_codes[SpecialCodeIndex::VINTR];
    hidden.special_codes[SpecialCodeIndex::VEOL] = interrupt;
    let set =
        |modes| tcsetattr(&stdin, OptionalActions::Now, modes).map_err(|error| error.to_string());
    set(&hidden)?;
    let line = read_until(&mut stdin.lock(), &[b'\n', interrupt]);
    set(&modes)?;
    // The line's end was not shown either.
    let ended = out.write_all(b"\n");
    let line = line.and_then(|line| ended.map(|()| line)).map_err(|error| error.to_string())?;
    if interrupt != 0 && line.last() == Some(&interrupt) {
        kill_process(getpid(), Signal::INT).map_err(|error| error.to_string())?;
        return Err("interrupted".to_owned());
    }
    let line = String::from_utf8(line).map_err(|error| error.to_string())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// What is read up to one of these bytes, which is included, or to the end.
fn read_until(input: &mut impl BufRead, ends: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut line = Vec::new();
    loop {
        let read = input.fill_buf()?;
        let end = read.iter().position(|byte| ends.contains(byte));
        let taken = end.map_or(read.len(), |at| at + 1);
        line.extend_from_slice(&read[..taken]);
        input.consume(taken);
        if end.is_some() || taken == 0 {
            return Ok(line);
        }
    }
}

/// The first word of a line of standard input; nothing when there is none.
pub fn word() -> String {
    let mut line = String::new();
    // Whoever cannot be read has said nothing.
    let _unread = std::io::stdin().lock().read_line(&mut line);
    line.split_whitespace().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::read_until;

    #[test]
    fn a_line_ends_with_its_end_or_with_the_key_that_interrupts() {
        let read = |input: &mut &[u8]| read_until(input, &[b'\n', 3]).expect("memory");
        let mut typed = &b"one\ntw\x03o\nthree"[..];
        for expected in [&b"one\n"[..], b"tw\x03", b"o\n", b"three", b""] {
            assert_eq!(read(&mut typed), expected);
        }
    }
}
