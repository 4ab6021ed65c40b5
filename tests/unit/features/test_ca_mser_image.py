"""CA-MSER's image against scikit-learn's scaler and Pillow, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.preprocessing import MinMaxScaler

from speechbrain_ext.features.ca_mser.image import bin_range, gray, normalise, pixels, resize, to_image


def spectrograms(segments=4, seed=0):
    rng = np.random.default_rng(seed)
    smooth = rng.standard_normal((segments, 300, 200)).cumsum(axis=1)
    return np.clip(-40 + 3 * smooth, -80, 0).astype(np.float32)  # [segment, frame, bin]


@pytest.mark.parametrize(
    ("old", "new"), [((200, 300), (256, 384)), ((200, 300), (256, 383)), ((200, 300), (77, 100)), ((3, 5), (9, 4))]
)
def test_resizing_is_pillows(old, new):
    rng = np.random.default_rng(old[0])
    images = rng.integers(0, 256, (3, *old)).astype(np.uint8)
    images[1] = 255 * (images[1] > 128)
    images[2] = 255
    found = resize(torch.from_numpy(images), *new).numpy()
    for image, given in zip(found, images, strict=True):
        expected = Image.fromarray(given).resize((new[1], new[0]), Image.Resampling.BILINEAR)
        assert np.array_equal(image, np.asarray(expected))


def test_whole_image_step_by_step():
    train, other = spectrograms(), spectrograms(2, seed=1) * 1.2
    low, high = bin_range(train)
    scaler = MinMaxScaler().fit(train.reshape(-1, 200))
    found = to_image(torch.from_numpy(other), torch.from_numpy(low), torch.from_numpy(high)).numpy()
    for image, frames in zip(found, other, strict=True):
        share = np.clip(scaler.transform(frames), 0, 1)
        shown = Image.fromarray((share * 255).astype(np.uint8).T[::-1])
        shown = np.asarray(shown.resize((384, 256), Image.Resampling.BILINEAR)) / 255
        expected = [(shown - m) / s for m, s in zip((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), strict=True)]
        np.testing.assert_allclose(image, np.stack(expected), atol=1e-5)


def test_range_is_of_all_frames_and_cuts_off():
    arrays = list(spectrograms())
    low, high = bin_range(iter(arrays))
    assert np.array_equal(low, np.concatenate(arrays).min(0)) and np.array_equal(high, np.concatenate(arrays).max(0))
    with pytest.raises(ValueError, match="found none"):
        bin_range([])
    below, above = torch.full((1, 300, 200), -500.0), torch.full((1, 300, 200), 500.0)
    bounds = torch.from_numpy(low), torch.from_numpy(high)
    assert (pixels(below, *bounds) == 0).all() and (pixels(above, *bounds) == 255).all()


def test_frequencies_stand_on_their_head_and_time_runs_right():
    low, high = torch.full((200,), -80.0), torch.zeros(200)
    one = torch.full((1, 300, 200), -80.0)
    one[0, 10, 3] = 0.0
    image = pixels(one, low, high)[0]
    assert image.shape == (200, 300) and image[196, 10] == 255 and int(image.sum()) == 255


def test_a_constant_bin_stays_finite():
    frames = np.full((5, 200), -30.0, dtype=np.float32)
    low, high = map(torch.from_numpy, bin_range([frames]))
    assert (pixels(torch.from_numpy(frames)[None], low, high) == 0).all()


def test_images_do_not_depend_on_batch_mates_nor_the_type_of_float():
    given = torch.from_numpy(spectrograms())
    low, high = map(torch.from_numpy, bin_range(given.numpy()))
    batch = to_image(given, low, high)
    assert batch.shape == (4, 3, 256, 384) and torch.equal(batch[2], to_image(given[2:3], low, high)[0])
    shown = gray(given, low, high)
    assert shown.shape == (4, 1, 256, 384) and torch.equal(normalise(shown), batch)
    assert torch.equal((shown * 255).round().to(torch.uint8)[:, 0], resize(pixels(given, low, high)))
    assert to_image(given.double(), low.double(), high.double()).dtype == torch.float64
