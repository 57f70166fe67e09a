//! Thoughts that a model writes into its text: `<reasoning>…</reasoning>` at the very beginning, as gpt-oss does it.

const OPENING: &str = "<reasoning>";
const CLOSING: &str = "</reasoning>";

/// Tells thoughts from words, however the text is cut.
#[derive(Debug, Default)]
pub(crate) struct Split {
    state: State,
    /// What may yet turn out to be a tag.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing was said yet.
    #[default]
    Before,
    Inside,
    After,
}

/// A piece of a text, told apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) thoughts: String,
    pub(crate) words: String,
}

impl Split {
    pub(crate) fn push(&mut self, text: &str) -> Told {
        let mut told = Told::default();
        self.held.push_str(text);
        if self.state == State::Before {
            let begun = self.held.trim_start();
            if let Some(rest) = begun.strip_prefix(OPENING) {
                self.held = rest.to_owned();
                self.state = State::Inside;
            } else if OPENING.starts_with(begun) {
                return told;
            } else {
                self.state = State::After;
            }
        }
        if self.state == State::Inside {
            if let Some(at) = self.held.find(CLOSING) {
                let rest = self.held.split_off(at);
                told.thoughts = std::mem::take(&mut self.held);
                self.held = rest.get(CLOSING.len()..).unwrap_or_default().to_owned();
                self.state = State::After;
            } else {
                let kept = self.held.split_off(self.held.len() - beginning_at_end(&self.held));
                told.thoughts = std::mem::replace(&mut self.held, kept);
            }
        }
        if self.state == State::After {
            told.words = std::mem::take(&mut self.held);
        }
        told
    }

    /// What was held back, at the end of the text.
    pub(crate) fn end(&mut self) -> Told {
        let held = std::mem::take(&mut self.held);
        match self.state {
            State::Inside => Told { thoughts: held, words: String::new() },
            State::Before | State::After => Told { thoughts: String::new(), words: held },
        }
    }
}

/// How many bytes at the text's end may be the beginning of the closing tag.
fn beginning_at_end(text: &str) -> usize {
    (1..CLOSING.len())
        .rev()
        .find(|length| CLOSING.get(..*length).is_some_and(|tag| text.ends_with(tag)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thoughts_are_told_from_words_wherever_the_text_is_cut() {
        for (text, thoughts, words) in [
            ("<reasoning>Hm. <b> </reas</reasoning>Yes.", "Hm. <b> </reas", "Yes."),
            ("\n<reasoning>Hm.</reasoning>", "Hm.", ""),
            ("<reasoning>Hm. </reaso", "Hm. </reaso", ""),
            ("<reason", "", "<reason"),
            ("Words <reasoning>are words</reasoning>", "", "Words <reasoning>are words</reasoning>"),
            (" x", "", " x"),
            ("", "", ""),
        ] {
            for cut in (0..=text.len()).filter(|cut| text.is_char_boundary(*cut)) {
                let mut split = Split::default();
                let (first, second) = text.split_at(cut);
                let mut told = split.push(first);
                for more in [split.push(second), split.end()] {
                    told.thoughts.push_str(&more.thoughts);
                    told.words.push_str(&more.words);
                }
                let expected = Told { thoughts: thoughts.to_owned(), words: words.to_owned() };
                assert_eq!(told, expected, "{text} cut at {cut}");
            }
        }
    }
}
