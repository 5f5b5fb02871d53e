"""The grids: published numbers, and there and back."""

import numpy as np
import pytest

from quasarnet_al.spectra import grid


def test_published_edges():
    assert grid.LOG.wavelength[[0, -1]] == pytest.approx([3600, 3600 * 10**0.442])
    assert grid.LINEAR.wavelength[[0, 1, -1]].tolist() == [3600.0, 3613.6, 9815.2]


@pytest.mark.parametrize("one", grid.GRIDS.values(), ids=grid.GRIDS)
def test_pixels_and_wavelengths_are_inverse(one):
    edges = one.wavelength
    np.testing.assert_allclose(one.pixel(edges), np.arange(one.size), atol=1e-9)
    assert np.floor(one.pixel(np.nextafter(edges, np.inf))).astype(int).tolist() == list(
        range(one.size)
    )
    np.testing.assert_allclose(one.to_wavelength(np.arange(one.size)), edges)
    # Off the grid it stays at the ends, as QuasarNP does.
    assert one.to_wavelength(np.array([-3.0, 1e4])).tolist() == [edges[0], edges[-1]]
    assert grid.grid_of_wavelength(edges.astype(np.float32)) == one
    assert grid.grid_of_wavelength(edges + 1) is None
