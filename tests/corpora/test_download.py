"""Fetching: from a server of this machine, and where there is none."""

import functools
import http.server
import io
import json
import threading
import warnings
import zipfile

import pytest

from speechbrain_ext.corpora.archive import UnsafeArchive, unpack
from speechbrain_ext.corpora.download import fetch_zip
from speechbrain_ext.corpora.emodb import scan
from speechbrain_ext.utils.errors import UserError
from speechbrain_ext.utils.files import sha256_bytes


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


def zip_of(*members):
    """An archive of members (name, content, mode of Unix)."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as stream:
        for name, content, mode in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, zipfile.ZIP_DEFLATED
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # two members of one name
                stream.writestr(info, content)
    return data.getvalue()


def encrypted():
    data = bytearray(zip_of(("wav/03a01Fa.wav", b"x", 0o100644)))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + place] |= 1
    return bytes(data)


def cut_off():
    data = zip_of(("wav/03a01Fa.wav", bytes(range(256)) * 8, 0o100644))
    place = data.index(b"PK\x01\x02")
    return data[:60] + bytes(40) + data[100:place] + data[place:]


@pytest.mark.parametrize(
    ("served", "told"),
    [
        (encrypted(), "the encrypted member 'wav/03a01Fa.wav'"),
        (cut_off(), "that cannot be unpacked|damaged"),
        (zip_of(("../out.wav", b"", 0o100644)), "leads outside"),
        (zip_of(("wav/../../out.wav", b"", 0o100644)), "leads outside"),
        (zip_of(("/etc/out.wav", b"", 0o100644)), "leads outside"),
        (zip_of(("wav\\..\\..\\out.wav", b"", 0o100644)), "leads outside"),
        (zip_of(("C:out.wav", b"", 0o100644)), "leads outside"),
        (zip_of(("wav", b"/tmp", 0o120777)), "not a regular file"),
        (zip_of(("wav/a.wav", b"", 0o010644)), "not a regular file"),
        (zip_of(("wav/bomb.wav", bytes(2_000_000), 0o100644)), "2000000 bytes when unpacked, expected 1000000 at most"),
        (zip_of(("wav/a", b"", 0), ("wav/a", b"x", 0)), "two members 'wav/a'"),
        (zip_of(("wav", b"", 0o100644), ("wav/a", b"", 0o100644)), "cannot be unpacked"),
        (zip_of(), "without a member"),
        (bytes(400_000), "sends more than 250000 bytes"),
    ],
)
def test_an_archive_that_is_not_safe_is_one_line_and_leaves_nothing(tmp_path, server, served, told):
    folder, url = server
    (folder / "download.zip").write_bytes(served)
    with pytest.raises(UserError, match=told) as caught:
        fetch_zip("EmoDB", f"{url}/download.zip", tmp_path / "data" / "x", max_bytes=1_000_000)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "data").iterdir()) == []
    assert {path.name for path in tmp_path.iterdir()} == {"data", "served"}


def test_members_are_counted(tmp_path):
    (tmp_path / "a.zip").write_bytes(zip_of(*((f"{number}", b"", 0) for number in range(5))))
    with pytest.raises(UnsafeArchive, match="5 members, expected 4 at most"):
        unpack(tmp_path / "a.zip", tmp_path / "out", max_bytes=10, max_members=4)


def test_the_output_says_whether_the_hash_was_compared(tmp_path, server, capsys):
    folder, url = server
    data = archive("wav/03a01Fa.wav")
    (folder / "download.zip").write_bytes(data)
    fetch_zip("EmoDB", f"{url}/download.zip", tmp_path / "unknown")
    assert f"{sha256_bytes(data)} (not compared, as no published hash is known)" in capsys.readouterr().out
    fetch_zip("EmoDB", f"{url}/download.zip", tmp_path / "known", sha256=sha256_bytes(data))
    assert f"{sha256_bytes(data)} (as published)" in capsys.readouterr().out


def test_a_foreign_folder_is_not_replaced(tmp_path, server):
    folder, url = server
    (folder / "download.zip").write_bytes(archive("wav/03a01Fa.wav"))
    mine = tmp_path / "data" / "x"
    mine.mkdir(parents=True)
    (mine / "thesis.txt").write_text("kept")
    with pytest.raises(UserError, match="move it away"):
        fetch_zip("EmoDB", f"{url}/download.zip", mine)
    assert (mine / "thesis.txt").read_text() == "kept"
