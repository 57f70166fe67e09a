//! What is printed, and in which colours.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write as _};

/// Prints to standard output, without what only terminals would understand. A reader that has gone away is an error that
/// `main` takes for success.
pub(crate) fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(visible(text).as_bytes())?;
    stdout.flush()
}

/// Says something that is not the answer: on standard error, so that pipes get none of it.
pub(crate) fn note(text: &str) {
    // Where nobody listens, the exit code has to do.
    writeln!(io::stderr().lock(), "{}", visible(text)).ok();
}

/// The sequences that are ours: `Style` writes no others.
const OURS: [&str; 4] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[36m"];

/// A text as it may be shown: names, addresses and errors come from whoever answers, and could otherwise move the cursor over
/// what was said, or worse.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    let is_plain = |letter: char| !letter.is_control() || matches!(letter, '\n' | '\t');
    if text.chars().all(is_plain) {
        return Cow::Borrowed(text);
    }
    let (mut shown, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(letter) = rest.chars().next() {
        let ours = OURS.into_iter().chain(["\r\n"]).find(|ours| rest.starts_with(ours));
        let taken = ours.map_or(letter.len_utf8(), str::len);
        let (head, tail) = rest.split_at(taken);
        if ours.is_some() || is_plain(letter) {
            shown.push_str(head);
        }
        rest = tail;
    }
    Cow::Owned(shown)
}

/// How far something has come that may take long: a line on standard error that writes over itself, where that is a terminal.
pub(crate) struct Progress {
    what: &'static str,
    done: u64,
    is_shown: bool,
}

/// After how many steps the line is written anew.
const PACE: u64 = 1_000;

impl Progress {
    pub(crate) fn of(what: &'static str) -> Progress {
        Progress { what, done: 0, is_shown: io::stderr().is_terminal() }
    }

    /// One more is done.
    pub(crate) fn step(&mut self) {
        self.done += 1;
        if self.is_shown && self.done.is_multiple_of(PACE) {
            // Nobody misses it where it cannot be written.
            write!(io::stderr().lock(), "\r{} {}…", crate::output::count(self.done), self.what).ok();
        }
    }
}

impl Drop for Progress {
    /// Leaves the line empty for whatever is said next.
    fn drop(&mut self) {
        if self.is_shown && self.done >= PACE {
            write!(io::stderr().lock(), "\r\x1b[K").ok();
        }
    }
}

/// Asks on the terminal for a line that is not to be seen while it is typed.
pub(crate) fn ask_hidden(question: &str) -> io::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

    let mut stderr = io::stderr().lock();
    write!(stderr, "{question}")?;
    stderr.flush()?;
    let stdin = io::stdin();
    let before = tcgetattr(&stdin)?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let mut line = String::new();
    let read = stdin.read_line(&mut line);
    tcsetattr(&stdin, OptionalActions::Now, &before)?;
    writeln!(stderr)?;
    read?;
    Ok(line)
}

/// Whether the reader of our output has gone away.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Colours, or none: they are for terminals, and for people who have not set `NO_COLOR`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    is_coloured: bool,
}

impl Style {
    /// As standard output wants it.
    pub(crate) fn of_stdout() -> Style {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Style { is_coloured: io::stdout().is_terminal() && !is_unwanted }
    }

    /// For headings and names.
    pub(crate) fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    /// For what is beside the point.
    pub(crate) fn dim(self, text: &str) -> String {
        self.wrap("2", text)
    }

    /// For what to look at.
    pub(crate) fn accent(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.is_coloured { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_does_not_steer_the_terminal() {
        for (said, expected) in [
            ("ann of Zürich\n\t1", "ann of Zürich\n\t1"),
            ("\x1b[1mann\x1b[0m", "\x1b[1mann\x1b[0m"),
            ("a\r\nb", "a\r\nb"),
            ("yes\rno", "yesno"),
            ("\x1b]52;c;cm0gLXJm\x07", "]52;c;cm0gLXJm"),
            ("\x1b[2J\x1b[1;1H\x1b[8mx\u{9b}31m\x08", "[2J[1;1H[8mx31m"),
        ] {
            assert_eq!(visible(said), expected, "{said:?}");
        }
    }
}
