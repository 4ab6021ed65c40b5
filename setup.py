"""Installs the package speechbrain_ext; the recipes run from the repository."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+)"', (HERE / "speechbrain_ext/__init__.py").read_text(encoding="utf-8")).group(
    1
)

setup(
    name="speechbrain_ext",
    version=VERSION,
    description="Published speech emotion recognition systems as SpeechBrain recipes",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["speechbrain_ext", "speechbrain_ext.*"]),
    package_data={"speechbrain_ext.report": ["templates/*"], "speechbrain_ext.evaluation": ["coverage.json"]},
    install_requires=[
        "torch>=2.8,<3",
        "torchaudio>=2.8,<3",
        "speechbrain>=1.1.2,<1.2",
        "hyperpyyaml>=1.2.2,<1.3",
        "ruamel.yaml>=0.17.28",
        "transformers>=5,<6",
        "huggingface_hub>=1",
        "pyyaml>=6",
        "numpy>=1.26",
        "scipy>=1.11",
        "scikit-learn>=1.4",
        "soundfile>=0.12",
        "soxr>=0.4",
        "matplotlib>=3.8",
        "jinja2>=3.1",
        "pillow>=10",
        "threadpoolctl>=3.1",
        "pooch>=1.8",
        "tqdm>=4.66",
    ],
    extras_require={
        # openSMILE is licensed for non-commercial use only, hence an extra.
        "opensmile": ["opensmile>=2.5,<3"],
        # Fetches AlexNet's ImageNet weights for CA-MSER; a file of them serves as well.
        "imagenet": ["torchvision>=0.23,<1"],
        # Writes corpora and folds for other tools in audformat.
        "audformat": ["audformat>=1.4,<2"],
        "test": [
            "pytest>=8",
            "pytest-xdist>=3.5",
            "pytest-randomly>=3.16",
            "hypothesis>=6.100",
            "ruff>=0.6",
            "mypy>=1.13,<2",
        ],
    },
)
