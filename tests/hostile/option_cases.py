"""Options of every command: values that are empty, endless, huge, paths, or something else."""

from __future__ import annotations

from pathlib import Path

from place import Place, case, done, emodb, refused, run_words, table

from speechbrain_ext.bin import run
from speechbrain_ext.utils.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]

HOSTILE = (
    "",
    " ",
    "\0",
    "a\nb",
    "x" * 5000,
    "../../victim",
    "/dev/null",
    "/nowhere",
    "\udcff",
    "--help",
    "日本語",
    "99" * 20,
)


def attack(
    place: Place,
    module: str,
    base: dict[str, object],
    options: tuple[str, ...],
    more: tuple[object, ...] = (),
    first: tuple[object, ...] = (),
):
    """Put each hostile value into each option; the command ends with one line, or does what is asked in its folder."""
    for option in options:
        for value in HOSTILE:
            words = [f"--{key}={value_}" for key, value_ in {**base, option: value}.items()]
            outcome = place.call(module, *first, *words, *more)
            assert outcome.status in (0, 1, 2), (option, value)
            assert outcome.status == 0 or outcome.last.startswith("error: "), (option, value, outcome.err[-500:])
            assert "Traceback" not in outcome.err and len(outcome.last) < 12_000, (option, value)


def base_of(place: Place) -> tuple[dict[str, object], list[object]]:
    place.copy_scored()
    words = run_words(place.work)
    end = words.index("--")
    pairs = zip(words[:end:2], words[1:end:2], strict=True)
    return {str(key)[2:]: value for key, value in pairs}, words[end:]


@case("options")
def of_prepare(place: Place):
    base = {
        "corpus": "EmoDB",
        "corpus-root": emodb(place.work / "c"),
        "data": place.work / "data",
        "protocol": "speaker",
    }
    options = ("corpus", "corpus-root", "data", "protocol", "dev", "fold-seed", "jobs", "corpus-edition", "source")
    attack(place, "prepare", base, options)
    attack(place, "prepare", base, ("recipe", "system", "preset", "table"))


@case("options")
def of_extract(place: Place):
    base, keys = base_of(place)
    attack(
        place, "extract", base, ("recipe", "system", "data", "exp", "preset", "protocol", "dev", "seeds"), tuple(keys)
    )


@case("options")
def of_train(place: Place):
    base, keys = base_of(place)
    options = ("tag", "folds", "seeds", "selection", "device", "threads", "nproc", "jobs", "precision", "table", "row")
    attack(place, "train", base, options, tuple(keys))


@case("options")
def of_evaluate(place: Place):
    base, keys = base_of(place)
    attack(place, "evaluate", base, ("exp", "data", "folds", "seeds", "tag", "fold-seed"), tuple(keys))


@case("options")
def of_table(place: Place):
    place.copy_scored()
    # A test must not become the interpreter of another environment, nor set the threads of those after it.
    place.patch.setattr(run, "use_environment", lambda words: None)
    place.patch.setenv("OMP_NUM_THREADS", "1")
    first = (REPOSITORY / "recipes/EmoDB", "EmoDB", "EMODB_ROOT", "amsnet")
    base = {"table": "amsnet/5", "data": place.work / "data", "exp": place.work / "exp", "device": "cpu"}
    options = ("table", "columns", "stage", "data", "corpus-root")
    attack(place, "run", base, options, ("--dry-run",), first)


@case("options")
def of_exchange(place: Place):
    place.copy_scored()
    csv = table(place.work / "csv")
    base = {"format": "nkululeko", "in": csv, "out": place.work / "out.csv"}
    for option in ("format", "in", "out", "audio-root", "speakers"):
        for value in HOSTILE:
            (place.work / "out.csv").unlink(missing_ok=True)
            words = [f"--{key}={value_}" for key, value_ in {**base, option: value}.items()]
            outcome = place.call("exchange", "import", *words)
            assert outcome.status == 0 or outcome.last.startswith("error: "), (option, value, outcome.err[-500:])
    base = {"format": "emobox", "data": place.work / "data/EmoDB-real", "out": place.work / "new"}
    for option in ("format", "data", "out", "protocol", "dev", "fold-seed"):
        for value in HOSTILE:
            words = [f"--{key}={value_}" for key, value_ in {**base, option: value}.items()]
            outcome = place.call("exchange", "export", *words)
            assert outcome.status == 0 or outcome.last.startswith("error: "), (option, value, outcome.err[-500:])


@case("options")
def of_figures(place: Place):
    seed = place.copy_scored()
    for module in ("tsne", "mask_figure"):
        attack(place, module, {"run": seed, "out": place.work / "x.png"}, ("run", "out", "fold"))
    attack(place, "mask_figure", {"run": seed, "out": place.work / "x.png"}, ("utterance", "cache"))
    attack(place, "tsne", {"run": seed, "out": place.work / "x.png"}, ("vectors",))


@case("options")
def of_madd(place: Place):
    base = {"corpus-root": place.work / "none", "out": place.work / "x.png"}
    attack(place, "madd", base, ("corpus-root", "out"))


@case("options")
def of_mini(place: Place):
    (place.work / "taken").mkdir()
    (place.work / "taken/mine.wav").write_text("kept")
    for out in ("", "\0", "/proc/mini", "/dev/null", place.work / "taken", place.victim, "/dev/null/x", "y" * 300):
        outcome = place.call("mini", "--corpus", "emodb", f"--out={out}")
        assert outcome.status in (1, 2) and outcome.last.startswith("error: "), (out, outcome)
    assert (place.work / "taken/mine.wav").read_text() == "kept"


@case("options")
def a_hidden_folder_next_to_a_mini_corpus(place: Place):
    """The writer works in a hidden folder next to the corpus, and keeps a folder of that name with other files."""
    (place.work / ".mini.part/deep").mkdir(parents=True)
    (place.work / ".mini.part/deep/mine.txt").write_text("kept")
    refused(place.call("mini", "--corpus", "emodb", "--out", place.work / "mini"), ".mini.part", "deep")
    assert (place.work / ".mini.part/deep/mine.txt").read_text() == "kept"


@case("options")
def tags_that_are_no_plain_names(place: Place):
    base, keys = base_of(place)
    for tag in ("..", ".", "a/b", "../x", "x" * 300, "a\nb", "a\tb", "a\0b", "\udcff", "a\\b", "\u202ex"):
        words = [f"--{key}={value}" for key, value in {**base, "tag": tag}.items()]
        refused(place.call("train", *words, *keys), "--tag", status=2)
    for tag in ("two words", "é", "-rf", "x" * 100, "a;b", "$(touch x)"):
        words = [f"--{key}={value}" for key, value in {**base, "tag": tag}.items()]
        done(place.call("train", *words, *keys))
        done(place.call("evaluate", *words, *keys))
    assert not list(place.root.rglob("x"))


@case("options")
def seeds_that_are_no_seeds(place: Place):
    base, keys = base_of(place)
    for seeds in ("1,1", "1e3", "1.0", "-1", str(2**64), "9" * 5000, "1,,x", ",", "٣", "0x10", "1_0"):
        words = [f"--{key}={value}" for key, value in {**base, "seeds": seeds, "tag": "s"}.items()]
        refused(place.call("train", *words, *keys), "--seeds", status=2)


@case("options")
def overrides_that_are_no_overrides(place: Place):
    base, keys = base_of(place)
    words = [f"--{key}={value}" for key, value in {**base, "tag": "o"}.items()]
    for more in (
        ["--c_grid"], ["c_grid", "1"], ["--c_grid", "[" * 9999], ["--c_grid", "[1e999]"], ["--c_grid", "[]"],
        ["--c_grid", "[0.1, 0.1]"], ["--c_grid", "[true]"], ["--", "x"], ["--c_grid", "\0"], ["--c_grid", "\udcff"],
        ["--variant", "../x"], ["--classes", "[anger, anger]"], ["--classes", "[anger, nothing]"], ["--classes", "[]"],
        ["--inner_folds", "1e3"], ["--n_classes", "-1"], ["--__class__", "1"], ["--c.grid", "1"], ["---", "1"],
    ):  # fmt: skip
        outcome = place.call("train", *words, *keys, *more)
        assert outcome.status in (1, 2), (more, outcome.out)
        refused(outcome, status=outcome.status)


@case("options")
def recipes_and_systems_from_elsewhere(place: Place):
    base, keys = base_of(place)
    for key, value in (
        ("recipe", place.victim),
        ("system", "../../../victim/x"),
        ("system", "../shared"),
        ("preset", "../x"),
    ):
        words = [f"--{name}={one}" for name, one in {**base, key: value}.items()]
        outcome = place.call("train", *words, *keys)
        assert outcome.status in (1, 2)
        refused(outcome, status=outcome.status)


@case("options")
def names_of_files_that_are_no_library_faults(place: Place):
    """Library functions called from Python give the same clear faults."""
    from speechbrain_ext.corpora.data_folder import read_facts
    from speechbrain_ext.corpora.manifest import read_manifest
    from speechbrain_ext.evaluation.predictions import read_predictions
    from speechbrain_ext.evaluation.results_files import read_results
    from speechbrain_ext.preparation.folds import read_folds

    for path in (place.work, place.work / "none", Path("/dev/null"), Path("/dev/zero")):
        for call in (read_manifest, read_predictions, read_results):
            try:
                call(path)
                raise AssertionError((call, path))
            except UserError as fault:
                assert "\n" not in str(fault)
        for call in (read_facts, read_folds):
            try:
                call(path, "a command")
                raise AssertionError((call, path))
            except (UserError, NotADirectoryError) as fault:
                assert "\n" not in str(fault)
