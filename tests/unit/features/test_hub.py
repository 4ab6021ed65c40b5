"""Fetching a model from a hub of our own, spoken to by the hub's real client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import torch
from safetensors.torch import load_file
from tiny_ssl import write_tiny

COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
CODE = """
import sys
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.features import ssl_models
try:
    found = ssl_models.find(sys.argv[1])
    found.load()
    print(found.identity)
except UserError as fault:
    print("error:", fault)
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A server with one model, whose weights are in the older kind of file, as many a hub's are."""
    folder = write_tiny(tmp_path_factory.mktemp("hub") / "model")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()

    class Hub(BaseHTTPRequestHandler):
        asked: list[str] = []

        def do_GET(self):
            self.asked.append(self.path)
            path = folder / self.path.rpartition("/")[2]
            known = self.path.startswith(("/owner/model/", "/api/models/owner/model/"))
            content = path.read_bytes() if known and path.is_file() else b""
            if known and self.path.startswith("/api/"):
                files = [{"type": "file", "path": each.name, "size": each.stat().st_size} for each in folder.iterdir()]
                files = [{**each, "oid": COMMIT} for each in files]
                content = json.dumps(files if "/tree/" in self.path else {"id": "owner/model", "sha": COMMIT}).encode()
            self.send_response(200 if content or self.path == "/" else 404)
            if not content:
                self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{path.name}"')
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET

        def log_message(self, *words):
            pass

    running = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}", Hub.asked
    running.shutdown()
    running.server_close()


def find(name, home, endpoint, **more):
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    environment = {**kept, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "no_proxy": "*", **more}
    done = subprocess.run(
        [sys.executable, "-c", CODE, name], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
def test_a_model_is_fetched_once_and_then_kept(hub, tmp_path):
    endpoint, asked = hub
    assert find("owner/model", tmp_path, endpoint) == f"owner/model@{COMMIT}"
    assert any(path.endswith("pytorch_model.bin") for path in asked)
    asked.clear()
    assert find("owner/model", tmp_path, endpoint) == f"owner/model@{COMMIT}"
    assert find("owner/model", tmp_path, endpoint, HF_HUB_OFFLINE="1") == f"owner/model@{COMMIT}"
    assert not asked


def test_a_model_that_the_hub_has_not_is_one_line(hub, tmp_path):
    endpoint, _ = hub
    text = find("owner/modle", tmp_path, endpoint)
    assert text.startswith("error: --ssl_model owner/modle: ") and "no such model" in text and "\n" not in text
