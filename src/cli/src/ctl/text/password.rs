//! Passwords from the terminal, without showing them.

use std::io::{BufRead, Write};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

/// Asks on the terminal that standard input is.
pub fn ask(prompt: &str, out: &mut dyn Write) -> Result<String, String> {
    let said = out.write_all(prompt.as_bytes()).and_then(|()| out.flush());
    said.map_err(|error| error.to_string())?;
    let stdin = std::io::stdin();
    let modes = tcgetattr(&stdin).map_err(|_| "inappropriate ioctl for device".to_owned())?;
    let mut hidden = modes.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    let set =
        |modes| tcsetattr(&stdin, OptionalActions::Now, modes).map_err(|error| error.to_string());
    set(&hidden)?;
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    set(&modes)?;
    // The line's end was not shown either.
    let ended = out.write_all(b"\n");
    read.and(ended.map(|()| 0)).map_err(|error| error.to_string())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The first word of a line of standard input; nothing when there is none.
pub fn word() -> String {
    let mut line = String::new();
    // Whoever cannot be read has said nothing.
    let _unread = std::io::stdin().lock().read_line(&mut line);
    line.split_whitespace().next().unwrap_or_default().to_owned()
}
