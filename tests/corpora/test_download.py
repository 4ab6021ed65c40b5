"""Fetching: from a server of this machine, and where there is none."""

import functools
import http.server
import io
import json
import threading
import zipfile

import pytest

from speechbrain_ext.corpora.download import fetch_zip
from speechbrain_ext.corpora.emodb import scan
from speechbrain_ext.errors import UserError
from speechbrain_ext.files import sha256_bytes


@pytest.fixture
def server(tmp_path, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def archive(*names):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as stream:
        for name in names:
            stream.writestr(name, b"")
    return data.getvalue()


@pytest.mark.parametrize("prefix", ["", "emodb/"])
def test_archive_is_fetched_once_and_unpacked(tmp_path, server, capsys, prefix):
    folder, url = server
    data = archive(f"{prefix}wav/03a01Fa.wav", f"{prefix}erkennung.txt")
    (folder / "download.zip").write_bytes(data)
    target = tmp_path / "data" / "EmoDB-download"
    assert fetch_zip("EmoDB", f"{url}/download.zip", target) == target
    assert sha256_bytes(data) in capsys.readouterr().out
    assert json.loads((target / "download.json").read_text())["sha256"] == sha256_bytes(data)
    assert [item.id for item in scan(target)] == ["03a01Fa"]
    assert [path.name for path in target.parent.iterdir()] == ["EmoDB-download"]
    (folder / "download.zip").unlink()
    assert fetch_zip("EmoDB", f"{url}/download.zip", target) == target


@pytest.mark.parametrize(
    ("served", "sha256", "told"),
    [
        (b"<html>moved</html>", None, "not a zip archive"),
        (archive("wav/03a01Fa.wav"), "0" * 64, "is not the archive with sha256 0000"),
        (None, None, "cannot be fetched"),
    ],
)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(tmp_path, server, served, sha256, told):
    folder, url = server
    if served is not None:
        (folder / "download.zip").write_bytes(served)
    with pytest.raises(UserError, match=told) as caught:
        fetch_zip("EmoDB", f"{url}/download.zip", tmp_path / "data" / "x", sha256=sha256)
    assert "by hand" in str(caught.value) and "\n" not in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []


def test_no_network_is_one_line(tmp_path, server):
    with pytest.raises(UserError, match="cannot be fetched .ConnectionError"):
        fetch_zip("EmoDB", "http://127.0.0.1:9/download.zip", tmp_path / "x", timeout_s=1)
