"""Options are declared once, and are parsed and checked before any package is needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from speechbrain_ext.bin import run
from speechbrain_ext.bin.options import ALL, command_parser
from speechbrain_ext.utils.errors import UserError

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE = (str(REPOSITORY / "recipes/EmoDB"), "EmoDB", "", "amsnet")
CSV_RECIPE = (str(REPOSITORY / "recipes/shared"), "", "", "svm")
BARE = """
import sys
sys.path.insert(0, sys.argv.pop(1))
from speechbrain_ext.bin import run
try:
    run.main(sys.argv[1:])
except SystemExit as end:
    print("STATUS", end.code)
print("FOREIGN", sorted(name for name in sys.modules if name in ("torch", "numpy", "speechbrain", "ruamel", "tqdm")))
"""


def test_help_needs_a_python_without_packages():
    words = ["-I", "-S", "-c", BARE, str(REPOSITORY), *RECIPE, "--help"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert "--stop-stage N" in done.stdout and "STATUS 0\nFOREIGN []" in done.stdout, done.stdout + done.stderr


def test_each_option_is_declared_once_and_nowhere_else():
    assert len({option.name for option in ALL}) == len(ALL)
    modules = [path for path in (REPOSITORY / "speechbrain_ext/bin").glob("*.py") if path.name != "options.py"]
    for path in [*modules, *(REPOSITORY / "recipes").glob("*/*.sh")]:
        text = path.read_text()
        assert not re.search(r"""add_argument\(\s*f?["']--""", text), f"{path} declares an option"
        if path.suffix == ".sh":
            found = set(re.findall(r"--([a-z][a-z-]+)", re.sub(r"#.*", "", text))) & {option.name for option in ALL}
            assert not found, f"{path} knows options: {found}"


def test_help_of_run_sh_names_every_option_of_it():
    for option in ALL:
        words = [*RECIPE, "--help"]
        if "run" in option.commands:
            assert f"--{option.name}" in help_of(words)


def help_of(words, found={}):  # noqa: B006
    if not found:
        command = [sys.executable, "-m", "speechbrain_ext.bin.run", *words]
        found["text"] = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY).stdout
    return found["text"]


@pytest.fixture
def no_environment(monkeypatch):
    """A machine without the environment, on which nothing may be installed."""
    asked = []
    monkeypatch.setattr(run, "use_environment", lambda words: asked.append(words))
    yield asked
    assert not asked, "the environment was looked for"


def test_a_table_is_not_scored_on_other_corpora(no_environment):
    with pytest.raises(UserError, match="--table does not go with --targets or --train-corpora"):
        run.main([*RECIPE, "--table", "amsnet/5", "--targets", "RAVDESS"])


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "empty, expected the columns file,speaker,emotion"), (" \n\n", "empty"), (None, "found nothing")],
)
def test_a_missing_or_empty_csv_is_found_before_the_environment(no_environment, tmp_path, text, message):
    if text is not None:
        (tmp_path / "my.csv").write_text(text)
    words = ["--corpus-root", str(tmp_path / "my.csv"), "--data", str(tmp_path / "data")]
    with pytest.raises(UserError, match=message) as fault:
        run.main([*CSV_RECIPE, *words])
    assert fault.value.exit_status == 1


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["--protcol", "speaker"], 2),
        (["--protocol", "speakers"], 2),
        (["--system", "amsnte"], 2),
        (["--preset", "official"], 2),
        (["--table", "amsnte/5"], 2),
        (["--jobs", "0"], 2),
        (["--stage", "3", "--stop-stage", "1"], 2),
        (["--verify", "--no-audio-check"], 2),
        (["--", "--lr", "1"], 2),
        (["--corpus-root", "/nowhere/at/all"], 1),
    ],
)
def test_faults_are_found_before_the_environment(no_environment, capsys, tmp_path, words, status):
    with pytest.raises((SystemExit, UserError)) as fault:
        run.main([*RECIPE, "--data", str(tmp_path), *words])
    assert (fault.value.code if isinstance(fault.value, SystemExit) else fault.value.exit_status) == status


def test_values_keep_the_grammar_of_the_command_line():
    def parse(*words):
        return command_parser("train", None).parse(words)

    assert (
        parse("--tag", "-x", "--force", "true", "--wait=false", "--seeds=1,2").__dict__.items()
        >= {
            "tag": "-x",
            "force": True,
            "wait": False,
            "seeds": (1, 2),
        }.items()
    )
    assert parse("--force", "--", "--lr", "1").overrides == ["--lr", "1"]
