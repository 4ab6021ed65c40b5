"""Audio files that are damaged, strange, or something else."""

from __future__ import annotations

import io
import os
import struct

import numpy as np
import soundfile
from place import Place, case, done, refused, table, wav

WORDS = ("--protocol", "speaker")


def riff(channels=1, rate_hz=16000, bits=16, code=1, data=b"", promised=None) -> bytes:
    """A WAV file with the header that is asked for."""
    width = channels * bits // 8
    head = struct.pack("<HHIIHH", code, channels, rate_hz, (rate_hz * width) % 2**32, width % 2**16, bits)
    size = len(data) if promised is None else promised
    body = b"WAVEfmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", (len(body) - len(data) + size) % 2**32) + body


def noise(samples: int = 1600) -> bytes:
    return np.random.default_rng(5).integers(-9000, 9000, samples, dtype="<i2").tobytes()


def with_file(place: Place, name: str, data: bytes):
    path = table(place.work, [f"{name},a,sad"])
    (place.work / name).write_bytes(data)
    return place.prepare(path, *WORDS)


@case("audio")
def headers_of_impossible_numbers(place: Place):
    headers = {
        "no channel": riff(channels=0, data=noise()),
        "a rate of 0": riff(rate_hz=0, data=noise()),
        "a rate of 1": riff(rate_hz=1, data=noise()),
        "a rate of 4 GHz": riff(rate_hz=2**32 - 1, data=noise()),
        "0 bits": riff(bits=0, data=noise()),
        "65535 bits": riff(bits=65535, data=noise()),
        "65535 channels": riff(channels=65535, data=noise()),
        "an unknown code": riff(code=0x1234, data=noise()),
        "no sample": riff(),
    }
    for what, data in headers.items():
        outcome = with_file(place, "x.wav", data)
        assert outcome.status == 1, what
        refused(outcome, "x.wav")


@case("audio")
def headers_that_promise_more_than_there_is(place: Place):
    for promised in (3300, 32000, 10**9):
        refused(with_file(place, "x.wav", riff(data=noise(), promised=promised)), "x.wav", "cut off")


@case("audio")
def a_data_part_that_is_longer_than_the_file(place: Place):
    """The outer size fits the file, the inner one does not: a tool mended one of two."""
    data = bytearray(riff(data=noise()))
    data[40:44] = struct.pack("<I", 2 * 16000)
    refused(with_file(place, "x.wav", bytes(data)), "x.wav", "cut off")


@case("audio")
def files_of_every_container_that_are_cut_in_half(place: Place):
    samples = np.random.default_rng(1).uniform(-0.1, 0.1, 32000)
    kinds = [("WAV", "PCM_16"), ("RF64", "PCM_16"), ("AIFF", "PCM_16"), ("W64", "PCM_16"), ("CAF", "PCM_16"),
             ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("AU", "PCM_16")]  # fmt: skip
    for kind, subtype in kinds:
        stream = io.BytesIO()
        soundfile.write(stream, samples, 16000, format=kind, subtype=subtype)
        data = stream.getvalue()
        outcome = with_file(place, "x.wav", data[: len(data) // 2])
        assert outcome.status == 1, (kind, outcome)
        refused(outcome, "x.wav")
        done(with_file(place, "x.wav", data))
        done(place.prepare(place.work / "my.csv", "--force", *WORDS))
        (place.work / "data/my-real/manifest.json").unlink()


@case("audio")
def whole_files_of_every_width(place: Place):
    rows = []
    for number, subtype in enumerate(("PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM")):
        wav(place.work / f"w{number}.wav", 50 + number, subtype=subtype)
        rows.append(f"w{number}.wav,a,{('sad', 'angry')[number % 2]}")
    done(place.prepare(table(place.work, rows), *WORDS), "16 utterances")


@case("audio")
def many_channels(place: Place):
    rows = []
    for number, channels in enumerate((2, 64, 1024)):
        samples = np.random.default_rng(number).uniform(-0.1, 0.1, (800, channels))
        soundfile.write(place.work / f"c{number}.wav", samples, 16000)
        rows.append(f"c{number}.wav,a,sad")
    done(place.prepare(table(place.work, rows), *WORDS), "3 files have several channels")


@case("audio")
def samples_that_are_no_numbers(place: Place):
    for value in (np.nan, np.inf, -np.inf, 1e30, 9.0):
        samples = np.random.default_rng(1).uniform(-0.1, 0.1, 1600).astype("<f4")
        samples[800] = value
        refused(with_file(place, "x.wav", riff(bits=32, code=3, data=samples.tobytes())), "x.wav")


@case("audio")
def sound_that_is_none(place: Place):
    for samples in (np.zeros(1600), np.full(1600, 0.5), np.zeros(3)):
        stream = io.BytesIO()
        soundfile.write(stream, samples, 16000, format="WAV")
        refused(with_file(place, "x.wav", stream.getvalue()), "x.wav")


@case("audio")
def other_files_under_the_name_of_audio(place: Place):
    page = b"<html><body>404 Not Found</body></html>"
    for data in (b"", b"\0", page, b"PK\x03\x04" + bytes(100), b"RIFF", b"RIFF\xff\xff\xff\xffWAVE", os.urandom(5000)):
        refused(with_file(place, "x.wav", data), "x.wav")


@case("audio")
def links_in_a_circle_or_to_nothing(place: Place):
    path = table(place.work, ["x.wav,a,sad", "y.wav,a,sad", "z.wav,a,sad"])
    (place.work / "x.wav").symlink_to("y.wav")
    (place.work / "y.wav").symlink_to("x.wav")
    (place.work / "z.wav").symlink_to("/nowhere/at/all.wav")
    refused(place.prepare(path, *WORDS), "x.wav", "y.wav", "z.wav")


@case("audio")
def a_link_to_audio_elsewhere_is_read(place: Place):
    path = table(place.work, ["x.wav,a,sad"])
    wav(place.work / "elsewhere/far.wav", 99)
    (place.work / "x.wav").symlink_to(place.work / "elsewhere/far.wav")
    done(place.prepare(path, *WORDS), "9 utterances")


@case("audio")
def one_file_under_two_names(place: Place):
    path = table(place.work, ["x.wav,b,sad"])
    os.link(place.work / "0.wav", place.work / "x.wav")
    refused(place.prepare(path, *WORDS), "the same audio as 0.wav")
