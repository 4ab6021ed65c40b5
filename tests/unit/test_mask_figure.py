"""Silence in the mask residual network: what is measured of it, the figure, the command, and the page."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from report_folders import facts, write_run
from run_requests import request_of

from speechbrain_ext.analysis.mask_figure import build_mask_figure, columns_of, percent_of_zeros
from speechbrain_ext.analysis.mask_maps import MaskMaps, StageMap, share_between_sounds, silent_runs, stage_maps
from speechbrain_ext.analysis.mask_runs import load_run, mask_maps
from speechbrain_ext.analysis.run_figures import network_figures
from speechbrain_ext.bin.mask_figure import main
from speechbrain_ext.bin.prepare import main as prepare
from speechbrain_ext.evaluation.evaluate import evaluate
from speechbrain_ext.evaluation.results_files import read_results
from speechbrain_ext.features.madd import madd
from speechbrain_ext.lobes.masked_resnet import MaskedResNet
from speechbrain_ext.report.figures.drawing import WATERMARK
from speechbrain_ext.report.figures.run_figures import RunFigure, draw_run
from speechbrain_ext.report.page import write_report
from speechbrain_ext.training import launch
from speechbrain_ext.training.extract import extract
from speechbrain_ext.training.train import train
from speechbrain_ext.utils.errors import UsageError, UserError
from speechbrain_ext.utils.files import write_sealed

# Small, and with few strides, so that silences of the mini corpus survive to the last mask.
TINY = "--channels 4 --strides [4,4] --segment_s 1.0 --epochs 1 --scheduler null --batch_size 64".split()
FACTS = facts(system="am_resnet")


def signal_with_a_gap():
    random = np.random.default_rng(0)
    samples = random.normal(size=3000).astype(np.float32)
    samples[1000:2000] = 0
    return samples


def trained_a_little(variant="am_resnet"):
    """A network whose batch norms shift silence away from 0."""
    torch.manual_seed(0)
    network = MaskedResNet(4, variant, channels=6, strides=(4, 4, 2), max_samples=4000)
    for name, parameter in network.named_parameters():
        if name.endswith("norm.norm.bias"):
            parameter.data = torch.linspace(-9, 9, 6)
    return network.eval()


def test_runs_of_zeros_by_hand():
    samples = np.array([0, 0, 0, 1, 0, 2, 0, 0, 0, 0, 3, 0.0])
    assert silent_runs(samples, shortest=1) == [(0, 3), (4, 5), (6, 10), (11, 12)]
    assert silent_runs(samples, shortest=3) == [(0, 3), (6, 10)]
    assert silent_runs(np.zeros(0)) == [] and silent_runs(np.zeros(20)) == [(0, 20)]
    assert share_between_sounds(np.zeros(20)) == 0 == share_between_sounds(np.repeat([0, 1.0, 0], 30))
    assert share_between_sounds(signal_with_a_gap()) == pytest.approx(1 / 3)


@pytest.mark.parametrize("variant", ["resnet", "m_resnet", "am_resnet"])
def test_masks_keep_silence_at_zero_and_the_same_weights_without_do_not(variant):
    network, samples = trained_a_little(variant), signal_with_a_gap()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    stages = stage_maps(network, samples)
    assert [stage.name for stage in stages] == ["stem", "block 1", "block 2"]
    assert [stage.mask.shape for stage in stages] == [(1000,), (250,), (125,)]
    for stage in stages:
        assert stage.masked.shape == stage.plain.shape == (6, len(stage.mask))
        assert stage.zero_share("masked") == 1.0
        assert 0 < stage.zero_share("plain") < 1, "batch norm fills silence, ReLU empties some channels"
    # silence between sounds, and padding from sample 3000 on
    assert not stages[0].mask[260:490].any() and stages[0].mask[10:240].all() and not stages[0].mask[760:].any()
    assert network.variant == variant and not network._forward_hooks and not network.stem_norm._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_the_last_map_is_what_the_classifier_averages():
    network, samples = trained_a_little("m_resnet"), signal_with_a_gap()
    inputs = torch.from_numpy(samples)[None, :, None], torch.tensor([3000])
    found = network({"waveform": inputs[0]}, {"waveform": inputs[1]})
    last = stage_maps(network, samples)[-1]
    assert np.array_equal(found["frames"][0].detach().numpy().T, last.masked)
    assert np.array_equal(found["frame_mask"][0].numpy(), last.mask)


def test_share_counts_places_of_silent_frames_alone():
    values = np.array([[0, 0, 1, 0], [0, 5, 0, 0]], dtype=np.float32)
    stage = StageMap("stem", values, values + 1, np.array([False, False, True, True]))
    assert stage.zero_share("masked") == 0.75 and stage.zero_share("plain") == 0.0
    assert replace(stage, mask=np.ones(4, dtype=bool)).zero_share("masked") is None
    assert (percent_of_zeros(0.99999), percent_of_zeros(1.0)) == ("99.9 %", "100 %")


def test_narrow_maps_lose_no_activation():
    values = np.zeros((3, 1001), dtype=np.float32)
    values[1, 700] = 2
    narrow = columns_of(values, columns=100)
    assert narrow.shape[1] <= 100 and narrow.max() == 2 and np.count_nonzero(narrow) == 1
    assert columns_of(values, columns=2000).shape == (3, 1001)


def texts(figure):
    return "\n".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def maps_of(samples):
    stages = tuple(stage_maps(trained_a_little(), samples))
    runs = tuple(silent_runs(samples))
    return MaskMaps("03a01Fa", "03", "am_resnet", 4.0, 0.25, samples, samples, runs, stages)


def test_figure_says_what_it_shows():
    maps = maps_of(signal_with_a_gap())
    figure = build_mask_figure(maps, FACTS)
    said = texts(figure)
    assert "utterance 03a01Fa, 4.00 to 4.19 s" in said and "EmoDB, as published" in said
    assert said.count("with masks: silence 100 % zero") == 3 and "block 2" in said and "padding" in said
    share = percent_of_zeros(maps.stages[0].zero_share("plain"))
    assert f"same weights, no masks: silence {share} zero" in said
    images = [image for axes in figure.axes for image in axes.get_images()]
    assert len(images) == 3 * 3
    drawn = images[0].get_array()
    silent = ~columns_of(maps.stages[0].mask[None].astype(float))[0].astype(bool)
    assert drawn.mask[:, silent].all(), "zero is left white"
    assert WATERMARK not in said
    assert WATERMARK in texts(build_mask_figure(maps, replace(FACTS, source="mini")))
    sound = build_mask_figure(maps_of(np.ones(4000, dtype=np.float32)), FACTS)
    assert "with masks: no silent frame left" in texts(sound) and "padding" not in texts(sound)


@pytest.fixture(scope="module")
def work(tmp_path_factory, mini_emodb, repository):
    """Two trained folds of a tiny AM-ResNet, scored; and the options that made them."""
    folder = tmp_path_factory.mktemp("masks")
    prepare(f"--corpus EmoDB --source mini --data {folder}/data --protocol speaker --corpus-root {mini_emodb}".split())
    words = f"--recipe {repository}/recipes/EmoDB --system am_resnet --data {folder}/data/EmoDB-mini".split()
    words += f"--exp {folder}/exp --cache {folder}/cache --folds 03,08 --tag tiny --device cpu -- ".split() + TINY
    args = request_of(words)
    with pytest.MonkeyPatch.context() as patch:
        # Worker processes would take most of the time.
        patch.setattr(launch, "map_folds", in_this_process)
        for stage in (extract, train, evaluate):
            stage(args)
    return folder, args


def in_this_process(function, tasks, *arguments, **options):
    """As `launch.map_folds`."""
    return {task: function(*task) for task in tasks}


@pytest.fixture
def seed_folder(work):
    """The folder of the run, whose files are put back after each test."""
    folder = work[0] / "exp/EmoDB-mini/am_resnet/tiny/speaker/seed-1"
    kept = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    yield folder
    for path, content in kept.items():
        path.write_bytes(content)


def test_stage_4_draws_the_figure_and_stage_3_keeps_the_share_of_zeros(work, seed_folder, capsys):
    folder, args = work
    figures = network_figures(seed_folder, read_results(seed_folder / "results.json"))
    assert draw_run(seed_folder, figures) == ["silence"]
    assert (seed_folder / "silence.png").read_bytes().startswith(b"\x89PNG")
    assert (seed_folder / "silence.pdf").read_bytes().startswith(b"%PDF")
    run = load_run(seed_folder)
    zeros = samples = 0
    for utterance in run.utterances.values():
        processed, _ = madd(utterance.read_audio(run.manifest.root), 400, 5.0)
        zeros, samples = zeros + (processed == 0).sum(), samples + len(processed)
    results = json.loads((seed_folder / "results.json").read_text())
    assert results["madd_zero_share"] == pytest.approx(zeros / samples, abs=1e-12) and 0.01 < zeros / samples < 0.9
    extract(args)
    told = f"waveform: MADD left {100 * zeros / samples:.1f} % of the samples of 280 utterances at zero"
    assert told in capsys.readouterr().out.splitlines()
    (seed_folder / "silence.png").unlink()
    assert draw_run(seed_folder, figures) == ["silence"] and (seed_folder / "silence.png").exists()


def test_stage_4_goes_on_without_the_audio(work, seed_folder, capsys, monkeypatch):
    def gone(*arguments):
        raise UserError("x.wav: cannot be read")

    monkeypatch.setattr("speechbrain_ext.corpora.manifest.Utterance.read_audio", gone)
    (seed_folder / "silence.png").unlink(missing_ok=True)
    assert draw_run(seed_folder, network_figures(seed_folder, read_results(seed_folder / "results.json"))) == []
    assert "note: no silence.png: x.wav: cannot be read" in capsys.readouterr().out


def test_default_utterance_has_the_largest_share_between_sounds(seed_folder):
    run = load_run(seed_folder)
    shares = {}
    for identity in run.fold("03").test:
        processed, _ = madd(run.utterances[identity].read_audio(run.manifest.root), 400, 5.0)
        for start in range(0, len(processed), 16000):
            segment = processed[start : start + 16000]
            sound = np.flatnonzero(segment)
            within = np.diff(sound) - 1 if len(sound) else np.zeros(1)
            shares[identity, start / 16000] = within[within >= 16].sum() / len(segment)
    best = max(shares.values())
    assert best > 0
    maps = mask_maps(run)
    assert (maps.utterance, maps.start_s) == min(key for key, share in shares.items() if share == best)
    assert maps.fold == "03" and maps.variant == "am_resnet" and len(maps.stages) == 2
    assert len(maps.original) == len(maps.processed) and (maps.original != maps.processed).any()
    assert all(stage.zero_share("masked") in (1.0, None) for stage in maps.stages)
    assert maps.stages[0].zero_share("masked") == 1.0


def test_command_draws_the_same_bytes_each_time(seed_folder, tmp_path, capsys):
    for number in (1, 2):
        main(["--run", str(seed_folder), "--out", str(tmp_path / f"{number}.png"), "--out", str(tmp_path / "x.pdf")])
    told = capsys.readouterr().out
    assert "fold 03, utterance" in told and "100 %" in told and "wrote" in told
    assert (tmp_path / "1.png").read_bytes() == (tmp_path / "2.png").read_bytes()
    tested = load_run(seed_folder).fold("08").test[3]
    main(["--run", str(seed_folder), "--utterance", tested, "--out", str(tmp_path / "x.png")])
    assert f"fold 08, utterance {tested}" in capsys.readouterr().out
    main(["--run", str(seed_folder), "--utterance", tested, "--fold", "03", "--out", str(tmp_path / "x.png")])
    assert f"fold 03, utterance {tested}" in capsys.readouterr().out


def test_a_run_may_lie_elsewhere(work, seed_folder, tmp_path, capsys):
    shutil.copytree(work[0] / "exp", tmp_path / "moved")
    moved = tmp_path / "moved" / seed_folder.relative_to(work[0] / "exp")
    main(["--run", str(moved), "--out", str(tmp_path / "x.png")])
    assert "100 %" in capsys.readouterr().out
    misplaced = tmp_path / "moved/EmoDB-mini/am_resnet/other/speaker/seed-1"
    misplaced.parent.mkdir(parents=True)
    moved.rename(misplaced)
    with pytest.raises(UserError, match="of its spec.json: move it back"):
        load_run(misplaced)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--utterance", "99z"], "--utterance 99z: expected an id of"),
        (["--fold", "99"], "--fold 99: expected one of 03, 08"),
        (["--fold", "09"], "done-am_resnet.json: train it with: ./run.sh --stage 2"),
        (["--out", "x.gif"], "--out x.gif: expected a name that ends with .png, .pdf"),
    ],
)
def test_faults_are_one_line(seed_folder, tmp_path, words, said):
    with pytest.raises((UserError, UsageError), match=said) as fault:
        main(["--run", str(seed_folder), "--out", str(tmp_path / "x.png"), *words])
    assert "\n" not in str(fault.value) and not list(tmp_path.iterdir())


def test_other_folders_are_refused(work, tmp_path, repository):
    with pytest.raises(UserError, match="missing .*spec.json"):
        load_run(tmp_path)
    (tmp_path / "spec.json").write_text('{"data": "x"}')
    with pytest.raises(UserError, match="spec.json: damaged"):
        load_run(tmp_path)
    write_sealed(tmp_path / "spec.json", {"data": "x"})
    with pytest.raises(UserError, match="expected what stage 2 writes"):
        load_run(tmp_path)
    run = load_run(work[0] / "exp/EmoDB-mini/am_resnet/tiny/speaker/seed-1")
    svm = type(run)(replace(run.spec, system="svm", overrides=("--variant", "egemaps"), protocol="speaker"))
    with pytest.raises(UserError, match="expected a run with a mask residual network.*found svm egemaps") as fault:
        mask_maps(svm)
    assert "\n" not in str(fault.value)


def test_an_untrained_run_says_so(work):
    run = load_run(work[0] / "exp/EmoDB-mini/am_resnet/tiny/speaker/seed-1")
    with pytest.raises(UserError, match="expected a trained fold, found none"):
        mask_maps(type(run)(replace(run.spec, seed=2)))


def test_page_shows_the_figure_where_it_is(tmp_path, small_figures):
    write_run(tmp_path, protocol="speaker")
    for figures, is_shown in (([], False), ([RunFigure("silence", "a", Figure)], True)):
        write_report(tmp_path / "EmoDB-real", tmp_path / "report.html", lambda *run, found=figures: found)
        page = (tmp_path / "report.html").read_text()
        assert ("<h4>Silence in the network</h4>" in page) == is_shown == ('alt="One tested utterance of' in page)


def test_the_report_needs_no_torch():
    code = (
        "import sys, speechbrain_ext.report.page, speechbrain_ext.analysis.mask_figure; print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
