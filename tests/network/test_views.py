"""Views: one network looks at a spectrum in several positions."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.networks import random_network
from quasarnet_al.core.files import InputError
from quasarnet_al.network import weights
from quasarnet_al.network.inference import predict
from quasarnet_al.network.lines import PLAIN, Viewing, line_redshifts
from quasarnet_al.network.views import STEP, find_lines
from quasarnet_al.spectra.grid import LIGHT_SPEED, LINEAR, LOG

SPECTRA = np.random.default_rng(1).normal(size=(5, LOG.size)).astype(np.float32)


def test_one_view_is_what_quasarnp_sees():
    network = random_network()
    assert network.viewing == PLAIN
    seen, known = find_lines(network, SPECTRA), line_redshifts(*predict(network, SPECTRA), LOG)
    for one, other in zip(seen, known, strict=True):
        np.testing.assert_array_equal(one, other)


def test_views_are_the_mean_of_moved_spectra():
    """Written out for one line of one spectrum at a time."""
    network = random_network()
    seen = find_lines(replace(network, viewing=Viewing(3)), SPECTRA)
    views = []
    for pixels in (-STEP, 0, STEP):
        moved = np.roll(SPECTRA, pixels, axis=1)
        if pixels:
            edge = slice(None, pixels) if pixels > 0 else slice(pixels, None)
            moved[:, edge] = SPECTRA[:, :1] if pixels > 0 else SPECTRA[:, -1:]
        c, z, c_bal = line_redshifts(*predict(network, moved), LOG)
        views.append((c, (1 + z) / 10 ** (pixels * 1e-3) - 1, c_bal))
    c, z, c_bal = (np.array(values) for values in zip(*views, strict=True))
    np.testing.assert_allclose(seen.c, c.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(seen.c_bal, c_bal.mean(axis=0), rtol=1e-6)
    for row in range(len(SPECTRA)):
        for line in range(6):
            weight, log = c[:, row, line], np.log1p(z[:, row, line])
            near = np.abs(log - log[weight.argmax()]) < 0.02
            mean = np.expm1((weight * log)[near].sum() / weight[near].sum())
            assert seen.z[row, line] == pytest.approx(mean, rel=1e-5)


def test_a_zero_point_moves_redshifts_alone():
    network = random_network()
    plain = find_lines(network, SPECTRA)
    seen = find_lines(replace(network, viewing=Viewing(1, 300.0)), SPECTRA)
    np.testing.assert_allclose(LIGHT_SPEED * (plain.z - seen.z) / (1 + plain.z), 300, rtol=1e-6)
    np.testing.assert_array_equal(seen.c, plain.c)
    np.testing.assert_array_equal(seen.c_bal, plain.c_bal)


@pytest.mark.parametrize("viewing", [PLAIN, Viewing(5, 120.5), Viewing(1, -3)])
def test_they_are_kept_with_the_weights(viewing, tmp_path):
    network = replace(random_network(), viewing=viewing)
    weights.write_network(tmp_path / "w.h5", network, {})
    weights.pack(tmp_path / "e.h5", [network], {})
    found = [weights.read_network(tmp_path / "w.h5"), *weights.read_ensemble(tmp_path / "e.h5")]
    assert [each.viewing for each in found] == [viewing, viewing]
    assert ("views" in found[0].attributes) == (viewing != PLAIN)


@pytest.mark.parametrize(
    ("attributes", "fault"),
    [
        ({"views": "many"}, "'many' is not a whole number at least 1 and at most 9"),
        ({"views": 0}, "'0' is not"),
        ({"zero_point": "nan"}, "'nan' is not a number at least -1000"),
        ({"zero_point": 1e9}, "is not a number"),
    ],
)
def test_what_makes_no_sense_is_refused(attributes, fault, tmp_path):
    weights.write_network(tmp_path / "w.h5", random_network(), attributes)
    with pytest.raises(InputError, match=fault):
        weights.read_network(tmp_path / "w.h5")


def test_spectra_on_the_linear_grid_cannot_be_moved(tmp_path):
    network = replace(random_network(grid=LINEAR), viewing=Viewing(3))
    weights.write_network(tmp_path / "w.h5", network, {})
    with pytest.raises(InputError, match="cannot be moved"):
        weights.read_network(tmp_path / "w.h5")
