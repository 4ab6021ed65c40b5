"""CSV files that no spreadsheet should have written."""

from __future__ import annotations

from place import Place, case, done, refused, table

WORDS = ("--protocol", "speaker")


@case("table")
def a_hundred_thousand_columns(place: Place):
    head = "file,speaker,emotion," + ",".join(f"c{number}" for number in range(100_000))
    outcome = place.prepare(table(place.work, head=head), *WORDS)
    done(outcome, "wrote")
    assert len(outcome.out) < 20_000


@case("table")
def a_cell_of_ten_megabytes(place: Place):
    refused(place.prepare(table(place.work, [f"0.wav,{'x' * 10_000_000},sad"]), *WORDS), "my.csv")


@case("table")
def a_missing_emotion_of_a_hundred_thousand_letters(place: Place):
    refused(place.prepare(table(place.work, [f"0.wav,a,{'x' * 100_000}"]), *WORDS), "my.csv line 10")


@case("table")
def a_quote_that_is_never_closed(place: Place):
    refused(place.prepare(table(place.work, ['0.wav,"a,sad', "1.wav,b,sad"]), *WORDS), "line")


@case("table")
def a_column_that_stands_in_two_places(place: Place):
    refused(place.prepare(table(place.work, head="file,speaker,emotion,Speaker"), *WORDS), "speaker", "twice")


@case("table")
def utf_16_and_utf_32(place: Place):
    path = table(place.work)
    text = path.read_text()
    for code in ("utf-16", "utf-32", "utf-16-be"):
        path.write_bytes(text.encode(code))
        refused(place.prepare(path, *WORDS), "my.csv")


@case("table")
def a_byte_order_mark_and_old_line_ends(place: Place):
    path = table(place.work)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r"))
    done(place.prepare(path, *WORDS), "8 utterances")


@case("table")
def numbers_that_are_none(place: Place):
    numbers = ["1e400", "-1e400", "nan", "inf", "0x10", "1_000", "1e9", "-3", "１", "9" * 5000]
    rows = [f"0.wav,a,sad,{number}," for number in numbers]
    outcome = place.prepare(table(place.work, rows, head="file,speaker,emotion,start,end"), *WORDS)
    refused(outcome, "line 10", "1e400", "line 16")


@case("table")
def a_start_behind_the_end_of_the_file(place: Place):
    rows = ["0.wav,a,sad,5,6", "1.wav,b,sad,0.05,7"]
    outcome = place.prepare(table(place.work, rows, head="file,speaker,emotion,start,end"), *WORDS)
    refused(outcome, "0.wav", "5", "1.wav")


@case("table")
def values_of_emotion_that_are_not_finite(place: Place):
    head = "file,speaker,emotion,valence,arousal,dominance"
    rows = ["0.wav,a,,nan,1,1", "1.wav,a,,1e999,1,1", "2.wav,a,,1,,1"]
    refused(place.prepare(table(place.work, rows, head=head), *WORDS), "line 10", "line 11", "line 12")


@case("table")
def files_outside_of_the_folder(place: Place):
    rows = ["../victim/folder/more.wav,a,sad", "../../etc/passwd,a,sad", "/dev/zero,a,sad", "/proc/self/mem,b,sad"]
    refused(place.prepare(table(place.work, rows), *WORDS), "outside the CSV's folder", "a device")


@case("table")
def a_head_and_no_line_or_nothing(place: Place):
    path = place.work / "my.csv"
    for text, part in (("file,speaker,emotion\n", "no line"), ("", "empty"), ("\n\n\n", "empty"), ("\0\0\0", "my.csv")):
        path.write_text(text)
        refused(place.prepare(path, *WORDS), part)
