//! Transcripts as they are written.

use std::fs;
use std::path::Path;

/// One thing that happens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Runs the tool to its end.
    Run {
        /// Its arguments, as typed.
        words: String,
        /// Its standard input.
        input: String,
        /// The lines that it prints.
        output: Vec<String>,
        /// The code that it ends with, and the first line of its errors.
        ends: (i32, Option<String>),
    },
    /// Starts the tool beside the rest.
    Start {
        /// What it is called.
        name: String,
        /// Its arguments, as typed.
        words: String,
    },
    /// The next line that one beside the rest prints.
    Expect {
        /// What it is called.
        name: String,
        /// The line.
        line: String,
    },
    /// Ends one that was started.
    Stop {
        /// What it is called.
        name: String,
    },
}

/// A transcript.
#[derive(Clone, Debug)]
pub struct Script {
    /// The file's name without its ending.
    pub name: String,
    /// The size of clusters that it is for; any without.
    pub members: Option<usize>,
    /// What happens, with the numbers of the lines.
    pub steps: Vec<(usize, Step)>,
}

impl Script {
    /// All transcripts of a folder, by name, as a tool of this version prints them.
    ///
    /// # Panics
    /// When one cannot be read.
    #[must_use]
    pub fn all(folder: &Path, version: &str) -> Vec<Script> {
        let entries = fs::read_dir(folder).expect("a folder of transcripts");
        let mut paths: Vec<_> = entries.map(|entry| entry.expect("it is listed").path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "txt"));
        paths.sort();
        let read = |path: &std::path::PathBuf| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            Script::parse(&name, version, &fs::read_to_string(path).expect("transcripts are text"))
        };
        paths.iter().map(read).collect()
    }

    /// Reads a transcript.
    ///
    /// # Panics
    /// When a line means nothing where it stands.
    #[must_use]
    pub fn parse(name: &str, version: &str, text: &str) -> Script {
        let mut script = Script { name: name.to_owned(), members: None, steps: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            if let Some(line) = of_version(line, version) {
                script.line(number + 1, line);
            }
        }
        for (_, step) in &mut script.steps {
            if let Step::Run { output, .. } = step {
                while output.last().is_some_and(String::is_empty) {
                    output.pop();
                }
            }
        }
        script
    }

    fn line(&mut self, number: usize, line: &str) {
        let split = |rest: &str| match rest.split_once(' ') {
            Some((name, words)) => (name.to_owned(), words.to_owned()),
            None => (rest.to_owned(), String::new()),
        };
        if line.starts_with('#') {
            return;
        }
        if let Some(words) = line.strip_prefix("$ ") {
            let (words, input) = (words.to_owned(), String::new());
            let run = Step::Run { words, input, output: Vec::new(), ends: (0, None) };
            self.steps.push((number, run));
        } else if let Some(rest) = line.strip_prefix("& ") {
            let (name, words) = split(rest);
            self.steps.push((number, Step::Start { name, words }));
        } else if let Some(name) = line.strip_prefix(". ") {
            self.steps.push((number, Step::Stop { name: name.to_owned() }));
        } else if let Some((name, line)) = self.started(line) {
            self.steps.push((number, Step::Expect { name, line }));
        } else if let (Some(size), []) = (line.strip_prefix("members "), self.steps.as_slice()) {
            self.members = Some(size.parse().expect("a number of members"));
        } else {
            self.below(number, line);
        }
    }

    /// The line of one that was started before.
    fn started(&self, line: &str) -> Option<(String, String)> {
        let (name, text) = line.split_once('>')?;
        let known = |step: &Step| matches!(step, Step::Start { name: known, .. } if known == name);
        let is_known = self.steps.iter().any(|(_, step)| known(step));
        let text = text.strip_prefix(' ').unwrap_or(text);
        is_known.then(|| (name.to_owned(), text.to_owned()))
    }

    /// A line below a command.
    fn below(&mut self, number: usize, line: &str) {
        let Some((_, Step::Run { input, output, ends, .. })) = self.steps.last_mut() else {
            panic!("{}:{number}: a line below no command: {line}", self.name);
        };
        if let Some(text) = line.strip_prefix('|') {
            input.push_str(text.strip_prefix(' ').unwrap_or(text));
            input.push('\n');
        } else if let Some((code, text)) = ended(line) {
            *ends = (code, (!text.is_empty()).then(|| text.to_owned()));
        } else {
            output.push(line.to_owned());
        }
    }
}

/// A line that is for this version, without the versions that it is for.
fn of_version<'a>(line: &'a str, version: &str) -> Option<&'a str> {
    let Some(rest) = line.strip_prefix('@') else { return Some(line) };
    let (versions, line) = rest.split_once(' ').unwrap_or((rest, ""));
    versions.split(',').any(|known| known == version).then_some(line)
}

/// `[code] text`.
fn ended(line: &str) -> Option<(i32, &str)> {
    let (code, text) = line.strip_prefix('[')?.split_once(']')?;
    Some((code.parse().ok()?, text.strip_prefix(' ').unwrap_or(text)))
}

/// Words of a command line; quotes group.
#[must_use]
pub fn words(line: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut quote, mut within) = (None, false);
    for letter in line.chars() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            (' ', None) => {
                within = false;
                continue;
            }
            _ => {}
        }
        if !within {
            words.push(String::new());
            within = true;
        }
        let is_quote = matches!(letter, '"' | '\'') && quote.is_none_or(|open| open == letter);
        if let (false, Some(word)) = (is_quote, words.last_mut()) {
            word.push(letter);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transcript_is_read_line_by_line() {
        let text = "# why\nmembers 3\n$ put a 'b c'\n| in\nOK\n\n& w watch a\nw> PUT\n. w\n\
                    $ get\n[128] Error: x\n";
        let script = Script::parse("t", "3.7", text);
        assert_eq!(script.members, Some(3));
        let steps: Vec<Step> = script.steps.into_iter().map(|(_, step)| step).collect();
        let run = |words: &str, input: &str, output: &[&str], ends| Step::Run {
            words: words.to_owned(),
            input: input.to_owned(),
            output: output.iter().map(ToString::to_string).collect(),
            ends,
        };
        let w = || "w".to_owned();
        assert_eq!(
            steps,
            [
                run("put a 'b c'", "in\n", &["OK"], (0, None)),
                Step::Start { name: w(), words: "watch a".to_owned() },
                Step::Expect { name: w(), line: "PUT".to_owned() },
                Step::Stop { name: w() },
                run("get", "", &[], (128, Some("Error: x".to_owned()))),
            ]
        );
    }

    #[test]
    fn a_line_may_be_for_some_versions_only() {
        let text = "$ get\n@3.4 old\n@3.5,3.7 new\n";
        let output = |version| match Script::parse("t", version, text).steps.swap_remove(0) {
            (_, Step::Run { output, .. }) => output,
            step => panic!("{step:?}"),
        };
        assert_eq!(output("3.4"), ["old"]);
        assert_eq!(output("3.7"), ["new"]);
    }

    #[test]
    fn quotes_group_words_and_make_empty_ones() {
        assert_eq!(words("put \"\" 'a b'  c"), ["put", "", "a b", "c"]);
        assert_eq!(words("put x \"it's\""), ["put", "x", "it's"]);
    }
}
