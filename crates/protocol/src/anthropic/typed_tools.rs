//! Tools that Anthropic's models know by a type, and what they are in plain words, for models of other makers. The client
//! runs them whichever model calls them, so that a function with the same input serves as well.

use crate::conversation::JsonText;

/// A tool that the client runs and that has a type in place of a schema.
pub(super) struct TypedTool {
    pub(super) description: &'static str,
    pub(super) parameters: &'static str,
}

impl TypedTool {
    /// The schema of its input.
    pub(super) fn parameters(&self) -> JsonText {
        JsonText::parse(self.parameters).unwrap_or_else(JsonText::empty_object)
    }
}

const BASH: TypedTool = TypedTool {
    description: "Runs a command in a bash session that stays open between calls, and gives what it printed.",
    parameters: r#"{"type":"object","properties":{"command":{"type":"string","description":"The command to run. Required unless the session is restarted."},"restart":{"type":"boolean","description":"Starts the session anew."}}}"#,
};

const TEXT_EDITOR: TypedTool = TypedTool {
    description: "Views, creates and edits text files. `view` shows a file (or lines of it) or lists a folder; `create` writes \
                  a file; `str_replace` puts new_str in the place of old_str, which has to stand in the file exactly once; \
                  `insert` puts insert_text after a line.",
    parameters: r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert"]},"path":{"type":"string","description":"The path of the file or folder."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: the first and the last line, from 1; -1 is the end."},"file_text":{"type":"string","description":"For create: the content of the file."},"old_str":{"type":"string","description":"For str_replace: the text to replace."},"new_str":{"type":"string","description":"For str_replace: the text to put there."},"insert_line":{"type":"integer","description":"For insert: the line after which to insert; 0 is the beginning."},"insert_text":{"type":"string","description":"For insert: the text to insert."}},"required":["command","path"]}"#,
};

/// The editor of before, which inserts `new_str` and can undo.
const OLD_TEXT_EDITOR: TypedTool = TypedTool {
    description: "Views, creates and edits text files. `view` shows a file (or lines of it) or lists a folder; `create` writes \
                  a file; `str_replace` puts new_str in the place of old_str, which has to stand in the file exactly once; \
                  `insert` puts new_str after a line; `undo_edit` takes the last edit of a file back.",
    parameters: r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","undo_edit"]},"path":{"type":"string","description":"The path of the file or folder."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: the first and the last line, from 1; -1 is the end."},"file_text":{"type":"string","description":"For create: the content of the file."},"old_str":{"type":"string","description":"For str_replace: the text to replace."},"new_str":{"type":"string","description":"For str_replace and insert: the text to put there."},"insert_line":{"type":"integer","description":"For insert: the line after which to insert; 0 is the beginning."}},"required":["command","path"]}"#,
};

const MEMORY: TypedTool = TypedTool {
    description: "Keeps notes in files under /memories, which stay between conversations. Look there before you begin, and \
                  write down there what will be of use later. `view` shows a file or lists a folder; `create` writes a file; \
                  `str_replace` puts new_str in the place of old_str; `insert` puts insert_text after a line; `delete` \
                  deletes and `rename` renames a file or folder.",
    parameters: r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},"path":{"type":"string","description":"The path of the file or folder (all commands but rename)."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: the first and the last line, from 1."},"file_text":{"type":"string","description":"For create: the content of the file."},"old_str":{"type":"string","description":"For str_replace: the text to replace."},"new_str":{"type":"string","description":"For str_replace: the text to put there."},"insert_line":{"type":"integer","description":"For insert: the line after which to insert."},"insert_text":{"type":"string","description":"For insert: the text to insert."},"old_path":{"type":"string","description":"For rename: the path as it is."},"new_path":{"type":"string","description":"For rename: the path as it shall be."}},"required":["command"]}"#,
};

/// The tool of a type; none where only Claude can use it, or only Anthropic's platform runs it.
pub(super) fn typed_tool(kind: &str) -> Option<TypedTool> {
    match kind {
        "text_editor_20241022" | "text_editor_20250124" => Some(OLD_TEXT_EDITOR),
        _ if kind.starts_with("text_editor_") => Some(TEXT_EDITOR),
        _ if kind.starts_with("bash_") => Some(BASH),
        _ if kind.starts_with("memory_") => Some(MEMORY),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_typed_tool_has_a_schema() {
        for kind in ["bash_20250124", "text_editor_20250124", "text_editor_20250728", "memory_20250818"] {
            let tool = typed_tool(kind).unwrap();
            assert!(tool.parameters().as_str().contains("\"command\""), "{kind}");
        }
        assert!(typed_tool("computer_20251124").is_none());
    }
}
