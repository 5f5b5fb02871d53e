"""The self-organizing map: MiniSom's results, a torus, and the programs around it."""

import fitsio
import h5py
import numpy as np
import pytest
from minisom import MiniSom

import fit_som
import map_spectra
from quasarnet_al.core.files import InputError
from quasarnet_al.learning import som
from quasarnet_al.learning.som import MapOptions
from quasarnet_al.spectra import grid, pool


def clusters(n, d=30, seed=0):
    """Noisy points around a curved sheet, float32 (n, d)."""
    rng = np.random.default_rng([seed])
    u, v = rng.uniform(0, 2 * np.pi, (2, n, 1))
    phase = np.linspace(0, 3, d)
    return (np.sin(u + phase) + np.cos(v * phase) + 0.1 * rng.standard_normal((n, d))).astype("f4")


@pytest.fixture(scope="module")
def data():
    return clusters(2500)


@pytest.fixture(scope="module")
def plane(data):
    return som.fit(data, MapOptions(7, 9, sigma_end=0.7, torus=False))


@pytest.fixture(scope="module")
def torus(data):
    return som.fit(data, MapOptions(7, 9, sigma_end=0.7))


@pytest.fixture(scope="module")
def reference(plane):
    """MiniSom with the weights of `plane`, in float64."""
    reference = MiniSom(7, 9, 30)
    reference._weights = plane.weights.astype(float)
    return reference


def exact_winners(weights, data):
    """Return the BMUs by differences in float64."""
    cells = weights.reshape(-1, weights.shape[2]).astype(float)
    return np.array([((x.astype(float) - cells) ** 2).sum(axis=1).argmin() for x in data])


def test_winners_are_minisoms(plane, reference, data):
    expected = [np.ravel_multi_index(reference.winner(x), (7, 9)) for x in data]
    assert np.array_equal(plane.winners(data), expected)
    assert len(np.unique(expected)) > 50


def test_errors_are_minisoms(plane, reference, data):
    error = reference.quantization_error(data)
    assert plane.quantization_error(data) == pytest.approx(error, rel=1e-6)
    assert 0 < plane.topographic_error(data) == pytest.approx(reference.topographic_error(data))


def test_distances_are_those_of_the_bmu(plane, reference, data):
    expected = np.linalg.norm(data - reference.quantization(data), axis=1)
    assert np.allclose(plane.distances(data, plane.winners(data)), expected, rtol=1e-5)


def test_ties_go_to_the_lowest_index():
    weights = np.random.default_rng([1]).standard_normal((6, 11, 443)).astype("f4")
    weights[1:] = weights[0]
    data = np.random.default_rng([2]).standard_normal((300, 443)).astype("f4")
    assert som.Som(weights, True).winners(data).max() < 11


def test_nearly_equal_cells_are_told_apart_as_in_float64():
    rng = np.random.default_rng([3])
    base = 20 * rng.standard_normal(443)
    weights = (base + 1e-4 * rng.standard_normal((6, 7, 443))).astype("f4")
    data = (base + 1e-2 * rng.standard_normal((200, 443))).astype("f4")
    found = som.Som(weights, False).winners(data)
    assert np.array_equal(found, exact_winners(weights, data))
    # The float32 product alone is not enough here.
    half = 0.5 * (weights.reshape(42, 443) ** 2).sum(axis=1)
    assert not np.array_equal(found, (data @ weights.reshape(42, 443).T - half).argmax(axis=1))


def test_threads_do_not_change_anything(data):
    one = som.fit(data, MapOptions(7, 9), threads=1)
    three = som.fit(data, MapOptions(7, 9), threads=3)
    assert np.array_equal(one.weights, three.weights)
    assert np.array_equal(one.winners(data, 1), one.winners(data, 3))


def test_torus_has_no_edge(torus, data):
    # Shifting a torus along itself changes where things are, not what they are.
    shifted = som.Som(np.roll(torus.weights, (3, 4), axis=(0, 1)), True)
    assert shifted.topographic_error(data) == torus.topographic_error(data)
    as_plane = som.Som(shifted.weights, False)
    assert as_plane.topographic_error(data) > torus.topographic_error(data)


def test_torus_wraps_the_neighbourhood():
    near = som._neighbourhood(10, 1.0, torus=True)
    assert near[0, 9] == near[0, 1] == near[4, 5]
    assert som._neighbourhood(10, 1.0, torus=False)[0, 9] < 1e-10


def test_touching_across_the_seam_is_no_topographic_error():
    weights = np.zeros((1, 5, 1), np.float32)
    weights[0, :, 0] = [0, 10, 20, 30, 1]
    data = np.array([[0.4]], np.float32)
    assert som.Som(weights, True).topographic_error(data) == 0
    assert som.Som(weights, False).topographic_error(data) == 1


def test_training_improves_the_map(data):
    short, long = (
        som.fit(data, MapOptions(7, 9, epochs=epochs, sigma_end=0.7)) for epochs in (1, 12)
    )
    assert long.quantization_error(data) < 0.7 * short.quantization_error(data)
    assert long.topographic_error(data) < 0.3
    assert len(np.unique(long.winners(data))) > 55


def test_an_update_is_the_weighted_mean_of_the_batch_algorithm(data):
    before, trained = (
        som.fit(data, MapOptions(4, 5, epochs=epochs, sigma_end=1.0)) for epochs in (1, 2)
    )
    row, column = np.divmod(before.winners(data), 5)
    for i, j in [(0, 0), (3, 2)]:
        dr, dc = abs(row - i), abs(column - j)
        squared = np.minimum(dr, 4 - dr) ** 2 + np.minimum(dc, 5 - dc) ** 2
        weight = np.exp(-squared / 2)
        mean = (weight[:, None] * data).sum(axis=0) / weight.sum()
        assert np.allclose(trained.weights[i, j], mean, atol=1e-4)


@pytest.mark.parametrize("torus", [True, False])
def test_minisom_is_a_second_engine(data, torus):
    """Both engines order the data about as well; MiniSom's needs a seed."""
    online = MapOptions(7, 9, epochs=4, torus=torus, engine="minisom")
    batch = som.fit(data, MapOptions(7, 9, epochs=4, torus=torus))
    fitted = som.fit(data, online, seed=1)
    assert fitted.weights.dtype == np.float32 and fitted.torus is torus
    ratio = fitted.quantization_error(data) / batch.quantization_error(data)
    assert 0.8 < ratio < 1.25
    assert fitted.topographic_error(data) < 0.3
    assert np.array_equal(fitted.weights, som.fit(data, online, seed=1).weights)
    assert not np.array_equal(fitted.weights, som.fit(data, online, seed=2).weights)


def test_minisoms_neighbourhood_is_ours_on_a_plane(data):
    """Of the same width MiniSom's own gaussian and ours move the map alike."""
    own = MiniSom(7, 9, 30, sigma=2.0, random_seed=3)
    own.random_weights_init(data)
    start = own.get_weights().copy()
    own.update(data[0], own.winner(data[0]), 0, 10)
    row, column = np.unravel_index(som.Som(start.astype("f4"), False).winners(data[:1])[0], (7, 9))
    pull = 0.5 * np.outer(
        som._neighbourhood(7, 2.0, False)[row], som._neighbourhood(9, 2.0, False)[column]
    )
    expected = start + pull[..., None] * (data[0] - start)
    np.testing.assert_allclose(own.get_weights(), expected, atol=1e-6)


def test_an_empty_set_has_no_winners(torus):
    empty = np.empty((0, 30), np.float32)
    assert torus.winners(empty).shape == (0,)
    assert torus.distances(empty, torus.winners(empty)).shape == (0,)


def test_write_and_read(tmp_path, torus):
    for name in "ab":
        som.write(tmp_path / f"{name}.h5", torus, {"seed": "7"})
    back = som.read(tmp_path / "a.h5")
    assert np.array_equal(back.weights, torus.weights) and back.torus is True
    assert back.weights.dtype == np.float32
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["seed"] == "7"


def damaged(path, weights, torus=1):
    with h5py.File(path, "w") as file:
        if weights is not None:
            file["weights"] = weights
        if torus is not None:
            file.attrs["torus"] = torus


@pytest.mark.parametrize(
    ("weights", "torus"),
    [
        (None, 1),
        (np.zeros((3, 4)), 1),
        (np.zeros((0, 4, 5)), 1),
        (np.full((2, 2, 3), np.nan), 1),
        (np.zeros((2, 2, 3)), None),
        (np.array([[[b"x"]]]), 1),
    ],
)
def test_bad_maps_are_refused(tmp_path, weights, torus):
    damaged(tmp_path / "bad.h5", weights, torus)
    with pytest.raises(InputError, match=r"bad\.h5"):
        som.read(tmp_path / "bad.h5")


def test_absent_and_foreign_files_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no map")
    for name in ("absent.h5", "text.h5"):
        with pytest.raises(InputError, match=name):
            som.read(tmp_path / name)


def write_pool(path, n, seed=0, first=0):
    catalog = pool.catalog(n, "a/coadd.fits")
    catalog["TARGETID"] = np.arange(first, first + n) + 39_627_000_000_000_001
    catalog["TILEID"], catalog["ROW"] = 80605, np.arange(n)
    spectra = clusters(n, 443, seed)
    pool.write(path, spectra, catalog, grid.LOG)
    return str(path)


@pytest.fixture(scope="module")
def pools(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    return [
        write_pool(folder / "one.fits", 150, 1),
        write_pool(folder / "two.fits", 90, 2, first=150),
        write_pool(folder / "none.fits", 0),
    ]


def fit_program(output, pools, *more):
    size = ["--rows", "5", "--columns", "6", "--epochs", "4"]
    fit_som.main(["--pool", *pools, *size, *more, "--output", str(output)])
    return output


def test_fit_is_the_same_for_any_order_of_files_and_any_threads(tmp_path, pools):
    fit_program(tmp_path / "a.h5", pools, "--sample", "120")
    fit_program(tmp_path / "b.h5", pools[::-1], "--sample", "120", "--threads", "2")
    fit_program(tmp_path / "c.h5", pools, "--sample", "120", "--seed", "1")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    a, c = som.read(tmp_path / "a.h5"), som.read(tmp_path / "c.h5")
    assert a.torus and a.weights.shape == (5, 6, 443)
    assert not np.array_equal(a.weights, c.weights)


def test_the_engine_is_an_option_of_the_program(tmp_path, pools, capsys):
    fit_program(tmp_path / "som.h5", pools, "--engine", "minisom", "--seed", "3")
    assert som.read(tmp_path / "som.h5").weights.shape == (5, 6, 443)
    with h5py.File(tmp_path / "som.h5") as file:
        assert file.attrs["engine"] == "minisom"
    assert "engine minisom" in capsys.readouterr().out


def test_a_wider_end_makes_a_smoother_map(tmp_path, pools):
    contrast = []
    for width in ("0.5", "2"):
        output = fit_program(tmp_path / "som.h5", pools, "--sigma-end", width)
        contrast.append(som.read(output).weights.std(axis=(0, 1)).mean())
    assert contrast[1] < 0.8 * contrast[0]


def test_sample_is_spread_over_the_pool(pools):
    every = som.sample(pools, 0, 0)
    sample = som.sample(pools, 80, 0)
    assert every.shape == (240, 443) and np.array_equal(sample, every[:80])
    first = pool.read(pools[0])[0]
    from_first = sum((x == first).all(axis=1).any() for x in sample)
    assert 35 < from_first < 65  # 50 expected


def test_map_spectra(tmp_path, pools):
    fit_program(tmp_path / "som.h5", pools, "--no-torus")
    fitted = som.read(tmp_path / "som.h5")
    assert not fitted.torus
    for path in pools:
        output = str(tmp_path / "map.fits")
        map_spectra.main(["--som", str(tmp_path / "som.h5"), "--pool", path, "--output", output])
        table = fitsio.read(output, ext="MAP")
        spectra, catalog = pool.read(path)
        assert table.dtype.names == ("TARGETID", "BMU", "QERR", "FLAW")
        assert [table.dtype[i].itemsize for i in range(3)] == [8, 4, 4]
        assert np.array_equal(table["TARGETID"], catalog["TARGETID"])
        assert np.array_equal(table["BMU"], exact_winners(fitted.weights, spectra))
        assert len(table) == 0 or np.isclose(
            table["QERR"].mean(), fitted.quantization_error(spectra), rtol=1e-5
        )


def test_programs_refuse_what_they_cannot_use(tmp_path, pools, torus):
    output = tmp_path / "out"
    with pytest.raises(InputError, match="90 spectra"):
        fit_som.main(["--pool", pools[1], "--output", str(output)])
    with pytest.raises(SystemExit):
        fit_som.main(["--pool", *pools, "--epochs", "0", "--output", str(output)])
    with pytest.raises(InputError, match="absent"):
        fit_program(output, [*pools, str(tmp_path / "absent.fits")])
    som.write(tmp_path / "thirty.h5", torus, {})
    with pytest.raises(InputError, match=r"cells of 30 pixels, but the spectra have 443"):
        map_spectra.main(
            ["--som", str(tmp_path / "thirty.h5"), "--pool", pools[0], "--output", str(output)]
        )
    spectra, catalog = pool.read(pools[1])
    spectra[5, 5] = np.nan
    bad = str(tmp_path / "nan.fits")
    pool.write(bad, spectra, catalog, grid.LOG)
    with pytest.raises(InputError, match="not finite"):
        fit_program(output, [pools[0], bad])
    fit_program(tmp_path / "som.h5", pools)
    with pytest.raises(InputError, match="not finite"):
        map_spectra.main(
            ["--som", str(tmp_path / "som.h5"), "--pool", bad, "--output", str(output)]
        )
    assert not output.exists()
