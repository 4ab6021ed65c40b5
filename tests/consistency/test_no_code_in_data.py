"""Nothing in the package reads data in a way that could run code: no pickle, no unsafe YAML, no evaluated text."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = sorted([*REPOSITORY.glob("speechbrain_ext/**/*.py"), *REPOSITORY.glob("benchmarks/*.py")])
# Calls that are safe with this keyword only.
KEYWORDS = {
    "torch.load": ("weights_only", True),
    "np.load": ("allow_pickle", False),
    "numpy.load": ("allow_pickle", False),
    "get_state_dict": ("weights_only", True),
    "load_state_dict_from_url": ("weights_only", True),
}
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "runpy", "pydoc"}
FORBIDDEN = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "importlib.import_module",
    "os.system",
    "os.popen",
    "torch.hub.load",
    "torch.jit.load",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
    "yaml.Loader",
    "yaml.UnsafeLoader",
}
# Modules that may do one of these: they name the exception of the module, or read a text that was checked before.
ALLOWED = {
    ("speechbrain_ext/training/weights_only.py", "pickle"): "the exception that torch.load raises",
    ("speechbrain_ext/hparams/system.py", "load_hyperpyyaml"): "a text that was checked, see yaml_safety",
    ("speechbrain_ext/hparams/system.py", "YAML"): "to write",
    ("speechbrain_ext/hparams/overrides.py", "YAML"): "after refuse_tags",
    ("speechbrain_ext/training/paper_tables.py", "YAML"): "nodes are not built",
    ("speechbrain_ext/utils/yaml_tree.py", "YAML"): "after refuse_tags or scan",
    ("speechbrain_ext/utils/yaml_safety.py", "YAML"): "events alone",
    ("speechbrain_ext/utils/registry.py", "importlib.import_module"): "modules of this package's own folders",
}


def unsafe_uses(text: str, name: str) -> list[str]:
    """What a source text uses that could run code from data."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [(top, node) for each in names if (top := each.split(".")[0]) in MODULES]
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            last = called.split(".")[-1]
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            for key in {called, last} & KEYWORDS.keys():
                argument, value = KEYWORDS[key]
                if given.get(argument) != str(value):
                    found.append((f"{called} without {argument}={value}", node))
            if called in FORBIDDEN:
                found.append((called, node))
            if last in ("YAML", "load_hyperpyyaml"):
                found.append((last, node))
            if given.get("shell") == "True" or given.get("trust_remote_code", "False") != "False":
                found.append((f"{called} with shell or remote code", node))
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in FORBIDDEN:
            found.append((ast.unparse(node), node))
    return [f"{name}:{node.lineno}: {what}" for what, node in found if (name, what) not in ALLOWED]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_file_of_the_package_runs_code_from_data(path):
    uses = unsafe_uses(path.read_text(encoding="utf-8"), str(path.relative_to(REPOSITORY)))
    assert not uses, "\n".join(uses)


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "importlib.import_module(name)",
        "YAML(typ='unsafe').load(text)",
        "load_hyperpyyaml(text)",
        "subprocess.run(text, shell=True)",
        "AutoModel.from_pretrained(name, trust_remote_code=True)",
    ],
)
def test_the_search_finds_what_could_run_code(text):
    assert unsafe_uses(text, "x.py")


def test_no_exception_of_the_search_is_out_of_date():
    for name, what in ALLOWED:
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        assert any(use.endswith(what) for use in unsafe_uses(text, "x.py")), (name, what)
