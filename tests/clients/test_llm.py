"""`llm`, the command-line tool: a small client of Chat Completions that knows only an address, a key and a name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.gateway import Gateway, Key
from harness.process import clean_environment


@pytest.mark.parametrize(
    ("model", "flags"), [("claude-sonnet-5-5", []), ("nova-2-lite", ["--no-stream"]), ("gpt-6-sol", [])]
)
def test_a_prompt_and_its_sequel(
    gateway: Gateway, key: Key, tmp_path: Path, marker: str, model: str, flags: list[str]
) -> None:
    settings = [{"model_id": "mine", "model_name": model, "api_base": f"{gateway.base_url}/v1", "api_key_name": "mine"}]
    # JSON is YAML as well.
    (tmp_path / "extra-openai-models.yaml").write_text(json.dumps(settings))
    environment = clean_environment(tmp_path, LLM_USER_PATH=str(tmp_path))

    def ask(*words: str) -> str:
        command = [sys.executable, "-m", "llm", "prompt", "-m", "mine", "--key", key.text, *flags, *words]
        done = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert ask(f"{marker} My name is Ada. [sim: text Hello.]") == "Hello."
    assert "Ada" in ask("--continue", "What is my name?")
    assert gateway.wait_for_usage(key, calls=2).tokens["output"] > 0
