"""Noiseless spectra of quasars, galaxies and stars, all analytic, many at once.

Every template is a function of published averages and of a random spread around them,
so that `spread=0` gives a composite and `spread=1` a population. Spectra are computed on
a grid uniform in log10(wavelength) of 1e-4 dex (69 km/s, about DESI's resolution), where
a velocity is a number of pixels and all lines of all objects are added in one call.

Sources: Vanden Berk et al. 2001 (AJ 122, 549), table 2 for quasar lines, table 1 and 5 for
continuum and iron; Busca & Balland 2018; Kim et al. 2007 (MNRAS 382, 1657) for the optical
depth of the forest; Prevot et al. 1984 (A&A 132, 389) for dust of the Small Magellanic
Cloud; Hall et al. 2002 and Trump et al. 2006 for broad absorption; Gray & Corbally 2009,
Kirkpatrick et al. 1991 and Sion et al. 1983 for stars and white dwarfs.
"""

from collections.abc import Callable

import numpy as np

#: Speed of light in km/s.
LIGHT = 299792.458
#: Pixel of the templates' grids in dex.
STEP = 1e-4
#: The same in km/s.
PIXEL = LIGHT * np.log(10) * STEP
#: log10 wavelength (Angstrom) of the observed grid, (4466,): a little more than DESI's range.
OBSERVED = np.log10(3540.0) + STEP * np.arange(4466)

# Vacuum wavelength, equivalent width (Angstrom), FWHM (km/s), group. Rounded from Vanden
# Berk et al. 2001; Lyman alpha and Mg II are weaker than there, whose windows hold N V and
# iron, and agree so with the composite of BOSS quasars.
QUASAR_LINES = (
    (1033.0, 12.0, 8000, "high"),
    (1065.0, 1.0, 5000, "low"),
    (1215.67, 58.0, 5200, "lya"),
    (1240.1, 15.0, 6000, "high"),
    (1262.6, 1.0, 4000, "low"),
    (1304.5, 2.5, 4500, "low"),
    (1335.3, 1.2, 4500, "low"),
    (1398.0, 9.0, 7000, "high"),
    (1549.06, 27.0, 5200, "high"),
    (1610.0, 4.0, 9000, "iron"),
    (1640.4, 4.0, 7000, "high"),
    (1664.0, 2.5, 6000, "high"),
    (1750.0, 1.5, 6000, "low"),
    (1857.0, 2.5, 5500, "low"),
    (1892.0, 4.0, 4500, "low"),
    (1908.73, 15.0, 6000, "ciii"),
    (2326.0, 2.5, 6000, "low"),
    (2423.8, 1.0, 3000, "low"),
    (2798.75, 26.0, 4600, "mgii"),
    (3889.7, 1.0, 3000, "balmer"),
    (3971.2, 1.5, 4000, "balmer"),
    (4102.9, 6.0, 4500, "balmer"),
    (4341.7, 14.0, 4500, "balmer"),
    (4687.0, 1.5, 5000, "balmer"),
    (4862.68, 42.0, 4600, "balmer"),
    (5877.2, 6.0, 4500, "balmer"),
    (6564.6, 195.0, 4200, "balmer"),
)
# Narrow lines: wavelength, equivalent width (Angstrom) of an average quasar.
NARROW_LINES = (
    (3346.8, 0.4),
    (3426.8, 1.2),
    (3728.5, 1.6),
    (3869.9, 1.4),
    (3968.6, 0.5),
    (4364.4, 0.5),
    (4862.68, 1.5),
    (4960.3, 4.5),
    (5008.24, 13.3),
    (6302.0, 0.8),
    (6549.9, 1.5),
    (6564.6, 8.0),
    (6585.3, 4.5),
    (6718.3, 1.7),
    (6732.7, 1.6),
)
# Narrow-line (type 2) quasars, beside NARROW_LINES: the ultraviolet lines.
NARROW_ULTRAVIOLET = (
    (1215.67, 90.0),
    (1240.1, 6.0),
    (1549.06, 30.0),
    (1640.4, 10.0),
    (1908.73, 14.0),
    (2326.0, 5.0),
    (2423.8, 5.0),
    (2798.75, 8.0),
)
# Iron complexes as Gaussians: rest wavelength and sigma (Angstrom), peak over the continuum.
# Shape of the ultraviolet after Vestergaard & Wilkes 2001, of the optical Boroson & Green 1992.
IRON_ULTRAVIOLET = (
    (2080, 22, 0.07),
    (2160, 40, 0.04),
    (2250, 45, 0.08),
    (2330, 35, 0.09),
    (2390, 35, 0.13),
    (2465, 40, 0.13),
    (2520, 30, 0.12),
    (2585, 30, 0.12),
    (2625, 22, 0.10),
    (2750, 30, 0.10),
    (2860, 35, 0.10),
    (2930, 40, 0.09),
    (3000, 50, 0.05),
    (3190, 60, 0.05),
)
IRON_OPTICAL = (
    (4180, 40, 0.03),
    (4300, 40, 0.03),
    (4460, 35, 0.06),
    (4530, 35, 0.10),
    (4580, 30, 0.09),
    (4640, 30, 0.06),
    (4925, 14, 0.03),
    (5019, 14, 0.04),
    (5180, 35, 0.09),
    (5260, 35, 0.10),
    (5320, 30, 0.09),
    (5400, 50, 0.03),
    (6200, 80, 0.02),
)
GROUPS = ("lya", "high", "ciii", "low", "mgii", "balmer", "iron")


def add_lines(
    spectra: np.ndarray,
    row: np.ndarray,
    center: np.ndarray,
    sigma: np.ndarray,
    peak: np.ndarray,
    power: float = 2.0,
) -> None:
    """Add profiles peak * exp(-|x/sigma|**power / 2) to rows of `spectra`, in place.

    Parameters
    ----------
    spectra : float32 (n, P), one row an object, contiguous
    row, center, sigma, peak : (m,): row of the object; centre and sigma in pixels; height.
        A line beyond the edges is added as far as it reaches in.
    """
    row, center, sigma, peak = (
        np.asarray(a, dtype=t).ravel()
        for a, t in zip(
            np.broadcast_arrays(row, center, sigma, peak), (int, float, float, float), strict=True
        )
    )
    size = spectra.shape[1]
    # `reshape` would copy what is not contiguous, and the lines would be lost with the copy.
    flat_spectra = np.reshape(spectra, -1, copy=False)
    reach = np.ceil(4.2 * sigma).astype(int) + 1
    seen = (center + reach > 0) & (center - reach < size - 1) & (peak != 0)
    # Lines of like width share a window, so that one narrow line costs no broad one's pixels.
    classes = np.ceil(np.log2(reach)).astype(int)
    for width in np.unique(classes[seen]):
        half = 2**width
        members = np.flatnonzero(seen & (classes == width))
        chunk = max(1, 2**20 // (2 * half + 1))
        for start in range(0, len(members), chunk):
            part = members[start : start + chunk]
            middle = np.round(center[part]).astype(int)
            offset = np.arange(-half, half + 1)
            x = (offset - (center[part] - middle)[:, None]).astype(np.float32)
            x /= sigma[part, None].astype(np.float32)
            shape = np.exp(-0.5 * (x * x if power == 2 else np.abs(x) ** np.float32(power)))
            shape *= peak[part, None].astype(np.float32)
            pixel = middle[:, None] + offset
            inside = (pixel >= 0) & (pixel < size)
            flat = (row[part, None] * size + pixel)[inside]
            # Several lines may touch a pixel in one call: bincount sums, an index would not.
            first, last = row[part].min() * size, (row[part].max() + 1) * size
            total = np.bincount(flat - first, weights=shape[inside], minlength=last - first)
            flat_spectra[first:last] += total.astype(np.float32)


def _pixel(grid: np.ndarray, wavelength: np.ndarray) -> np.ndarray:
    return (np.log10(wavelength) - grid[0]) / STEP


def _lines(spectra, grid, redshift, wavelength, width, fwhm, shift=0.0):
    """Add lines given by equivalent width, relative to a continuum of 1 in `spectra`.

    `wavelength` (L,), `width` (n, L) rest equivalent widths in Angstrom (negative: absorption),
    `fwhm` and `shift` (n, L) or (n, 1) in km/s; a positive shift is to the red.
    """
    wavelength = np.asarray(wavelength, dtype=float)
    sigma = np.broadcast_to(np.hypot(fwhm, 100.0) / 2.3548, width.shape)
    center = _pixel(grid, wavelength * (1 + redshift[:, None]) * (1 + shift / LIGHT))
    peak = width / (np.sqrt(2 * np.pi) * wavelength * sigma / LIGHT)
    row = np.arange(len(width))[:, None]
    add_lines(spectra, row, center, sigma / PIXEL, peak)


def _gaussians(spectra, grid, redshift, table, factor):
    """Add a complex given as (rest wavelength, sigma, peak) rows, times `factor` (n, 1)."""
    wavelength, sigma, peak = np.array(table, dtype=float).T
    center = _pixel(grid, wavelength * (1 + redshift[:, None]))
    row = np.arange(len(redshift))[:, None]
    add_lines(spectra, row, center, sigma / wavelength * LIGHT / PIXEL, peak * factor)


def _below(rest: np.ndarray, edge: float, softness: float) -> np.ndarray:
    """Return 1 below `edge` and 0 above, over a few `softness` (all Angstrom)."""
    return 0.5 - 0.5 * np.tanh((rest - edge) / (2 * softness))


def dust(rest: np.ndarray, reddening: np.ndarray) -> np.ndarray:
    """Return the transmission through dust like the Small Magellanic Cloud's.

    A = 1.39 E(B-V) (wavelength/micron)^-1.2: Prevot et al. 1984 as fitted by
    Richards et al. 2003 (AJ 126, 1131).
    """
    return 10 ** (-0.4 * 1.39 * reddening * (rest * 1e-4) ** np.float32(-1.2))


def smooth_noise(rng, n, size, scale):
    """Return unit Gaussian noise correlated over `scale` pixels, float32 (n, size)."""
    knots = size // scale + 2
    noise = rng.standard_normal((n, knots), dtype=np.float32)
    t = (np.arange(scale, dtype=np.float32) / scale)[None, None, :]
    field = noise[:, :-1, None] * (1 - t) + noise[:, 1:, None] * t
    # Between two independent knots the variance falls to a half: restore it.
    field /= np.sqrt((1 - t) ** 2 + t**2)
    return field.reshape(n, -1)[:, :size]


# Spread of ln(tau) of the forest's lognormal field, close to Le Goff et al. 2011's mocks.
_FOREST_SIGMA = 1.7
_AMPLITUDE = np.logspace(-4, 3, 300)
_NODE, _NODE_WEIGHT = np.polynomial.hermite_e.hermegauss(60)
_FOREST_MEAN = (
    np.exp(-_AMPLITUDE[:, None] * np.exp(_FOREST_SIGMA * _NODE)) @ _NODE_WEIGHT
) / _NODE_WEIGHT.sum()


def forest(rng: np.random.Generator, redshift: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the transmission of the intergalactic medium, float32 (n, P).

    Lyman alpha: tau = a(z) exp(sigma g) with g a correlated Gaussian field; a(z) is such that
    the mean flux is exp(-0.0023 (1+z)^3.65) (Kim et al. 2007). Beta and gamma see the same
    field at the same redshift, weaker by f lambda. Absorbers of the Lyman limit and some
    damped systems lie on the way (incidences after Prochaska et al. 2010 and 2005).
    """
    n, alpha, limit = len(redshift), 1215.67, 911.75
    series = ((alpha, 1.0), (1025.72, 0.160), (972.54, 0.0557))
    shift = [round(float(np.log10(alpha / line)) / STEP) for line, _ in series]
    size = len(grid) + shift[-1]
    field = 0.6 * rng.standard_normal((n, size), dtype=np.float32)
    field += 0.65 * smooth_noise(rng, n, size, 4) + 0.466 * smooth_noise(rng, n, size, 16)
    one_plus = 10 ** (grid[0] + STEP * np.arange(size)) / alpha
    wanted = np.exp(-0.0023 * one_plus**3.65)
    level = np.interp(-wanted, -_FOREST_MEAN, np.log(_AMPLITUDE)).astype(np.float32)
    tau = np.exp(np.minimum(level + np.float32(_FOREST_SIGMA) * field, 8))
    # Near the quasar its own light ionises the gas.
    edge = _pixel(grid, alpha * (1 + redshift))[:, None] - 10
    near = np.clip((edge - np.arange(size)) / 40, 0, 1).astype(np.float32)
    tau *= near
    count = rng.poisson(np.clip(0.14 * (redshift - 1.9), 0, 0.35))
    row = np.repeat(np.arange(n), count)
    if len(row):
        # A fifth of them belongs to the quasar's own surroundings and may cover its line.
        back = np.where(
            rng.random(len(row)) < 0.2,
            rng.normal(0.005, 0.01, len(row)),
            rng.uniform(0.01, 1, len(row)) * np.minimum(redshift[row] - 1.9, 1),
        )
        z = redshift[row] - back
        column = 10 ** (20.2 + rng.exponential(0.35, len(row)).clip(0, 1.6))
        # Lorentz wings: tau = N pi e^2/(m c) f gamma/(4 pi^2) / (dnu^2 + (gamma/4 pi)^2)
        nu = LIGHT * 1e13 * (1 + z)[:, None] / 10 ** (grid[0] + STEP * np.arange(size))
        dnu = nu - LIGHT * 1e13 / alpha
        strength = column[:, None] * 0.02654 * 0.4164 * 6.265e8 / (4 * np.pi**2)
        np.add.at(tau, row, (strength / (dnu**2 + 4e10**2)).clip(0, 80).astype(np.float32))
    total = np.zeros((n, len(grid)), dtype=np.float32)
    for pixels, (_, weight) in zip(shift, series, strict=True):
        total += np.float32(weight) * tau[:, pixels : pixels + len(grid)]
    # Systems that are opaque to ionising light come closer together towards high redshift.
    system = redshift
    for _ in range(4):
        gap = 0.75 * ((1 + system) / 4) ** -2
        system = (system - rng.exponential(1, n) * gap - 0.002).clip(0)
        rest = (10**grid / (limit * (1 + system[:, None]))).astype(np.float32)
        depth = 10 ** rng.uniform(-0.3, 1.2, (n, 1)).astype(np.float32)
        total += np.where(rest < 1, depth * rest**3, 0)
    return np.exp(-total)


def _absorbers(rng, redshift, grid):
    """Return the transmission of narrow metal absorbers in front of quasars, (n, P)."""
    spectra = np.ones((len(redshift), len(grid)), dtype=np.float32)
    # Doublets and iron of a low-ionisation absorber; the ions of a high-ionisation one.
    families = (
        (0.35, (2344.2, 2382.8, 2586.7, 2600.2, 2796.35, 2803.53), (0.4, 0.6, 0.4, 0.6, 1, 0.9)),
        (0.4, (1393.76, 1402.77, 1548.2, 1550.78), (0.4, 0.3, 1, 0.7)),
    )
    for rate, wavelength, ratio in families:
        row = np.flatnonzero(rng.random(len(redshift)) < rate)
        back = np.where(
            rng.random(len(row)) < 0.3,
            rng.normal(0, 0.003, len(row)),
            rng.exponential(0.3, len(row)),
        )
        z = (redshift[row] - back.clip(-0.005, 1.2)).clip(0.05)
        width = rng.exponential(0.6, len(row)).clip(0, 2.5)[:, None] * np.array(ratio)
        lines = np.zeros((len(row), len(grid)), dtype=np.float32)
        _lines(lines, grid, z, wavelength, width, rng.uniform(80, 350, (len(row), 1)))
        spectra[row] *= np.exp(-lines)
    return spectra


def _broad_absorption(rng, redshift, grid, low):
    """Return the transmission of broad absorption troughs, (n, P); `low` (n,): LoBAL.

    One to three troughs between 2,000 and 25,000 km/s blueward, the same velocities in every
    ion, weaker or stronger (Trump et al. 2006; Hall et al. 2002 for low ionisation).
    """
    n = len(redshift)
    tau = np.zeros((n, len(grid)), dtype=np.float32)
    row = np.arange(n)[:, None]
    start = 500 + rng.gamma(1.4, 3500, (n, 1)).clip(0, 15000)
    half = 10 ** rng.uniform(3.05, 3.7, (n, 3))
    velocity = start + half + np.concatenate([np.zeros((n, 1)), rng.uniform(500, 9000, (n, 2))], 1)
    depth = 10 ** rng.uniform(-0.25, 0.6, (n, 3)) * (rng.random((n, 3)) < [1, 0.5, 0.3])
    ions = (
        (1549.06, np.ones(n)),
        (1396.8, rng.uniform(0.1, 0.8, n)),
        (1240.1, rng.uniform(0.4, 1.3, n)),
        (1215.67, rng.uniform(0.1, 0.7, n)),
        (1033.8, rng.uniform(0.4, 1.3, n)),
        (1857.0, np.where(low, rng.uniform(0.2, 0.8, n), 0)),
        (2799.0, np.where(low, rng.uniform(0.2, 0.9, n), 0)),
    )
    for wavelength, factor in ions:
        center = _pixel(grid, wavelength * (1 + redshift[:, None]) * (1 - velocity / LIGHT))
        add_lines(tau, row, center, half / 1.6 / PIXEL, depth * factor[:, None], power=3.5)
    # Gas covers the source only in part: troughs rarely reach zero.
    cover = rng.uniform(0.6, 1, (n, 1)).astype(np.float32)
    return 1 - cover * (1 - np.exp(-tau))


def _drawing(rng: np.random.Generator, n: int, spread: float) -> Callable[..., np.ndarray]:
    """Return what draws normal deviates of a scale, (n, 1) or of a shape; 0 where no `spread`."""

    def draw(scale: float, shape: int | tuple[int, ...] = (n, 1)) -> np.ndarray:
        return spread * rng.normal(0, scale, shape)

    return draw


def quasars(
    rng: np.random.Generator,
    redshift: np.ndarray,
    kind: np.ndarray,
    luminosity: np.ndarray,
    grid: np.ndarray = OBSERVED,
    spread: float = 1.0,
    intergalactic: bool = True,
) -> np.ndarray:
    """Return spectra of quasars in arbitrary units of flux per Angstrom, float32 (n, P).

    Parameters
    ----------
    redshift : (n,)
    kind : (n,) of "qso", "qso_bal", "qso_lobal", "qso_red", "qso_nls1", "qso_weak", "qso_type2"
    luminosity : (n,) log10 of luminosity over an average quasar's, for the Baldwin effect
    grid : (P,) uniform log10 wavelength, Angstrom
    spread : 0 for the composite, 1 for the population
    intergalactic : absorption by the forest and by intervening gas
    """
    n = len(redshift)
    rest = (10**grid / (1 + redshift[:, None])).astype(np.float32)
    draw = _drawing(rng, n, spread)
    # Continuum: slope -1.54 in wavelength between Lyman alpha and 5000 A (Vanden Berk et al.
    # 2001), harder than that on the far ultraviolet side (Telfer et al. 2002, alpha_nu -1.57).
    slope = -1.5 + draw(0.5)
    blue, red = slope + 1.0 + draw(0.3), slope + 0.5 + draw(0.4)
    x = np.log(rest)
    lya, bend = np.float32(np.log(1216)), np.float32(np.log(5000))
    log_flux = slope.astype(np.float32) * (x - np.float32(np.log(2500)))
    log_flux += (blue - slope).astype(np.float32) * np.minimum(x - lya, 0)
    log_flux += (red - slope).astype(np.float32) * np.maximum(x - bend, 0)
    continuum = np.exp(log_flux)

    lines = np.ones_like(continuum)
    wavelength, width, fwhm, groups = zip(*QUASAR_LINES, strict=True)
    group = np.array([GROUPS.index(g) for g in groups])
    # Dex of scatter of a whole group and the Baldwin slope, in the order of GROUPS.
    scatter = np.array([0.24, 0.22, 0.14, 0.18, 0.18, 0.19, 0.25])
    baldwin = np.array([-0.12, -0.17, -0.10, -0.08, -0.12, -0.03, 0.0])
    weak = np.where(kind == "qso_weak", -0.7, 0.0)[:, None]
    dex = draw(1, (n, len(GROUPS))) * scatter + draw(0.12) + baldwin * luminosity[:, None] + weak
    strength = np.array(width) * 10 ** (dex[:, group] + draw(0.1, (n, len(group))))
    strength *= (kind != "qso_type2")[:, None]
    breadth = 10 ** (draw(0.13) + 0.05 * luminosity[:, None])
    breadth *= np.where(kind == "qso_nls1", 0.35, 1.0)[:, None]
    speed = np.clip(np.array(fwhm) * breadth * 10 ** draw(0.07, (n, len(fwhm))), 1200, 13000)
    # Winds: high-ionisation lines blueshifted by 0-3000 km/s (Richards et al. 2011).
    wind = 600 + spread * (rng.gamma(1.2, 500, (n, 1)) - 600)
    moved = np.array([-0.2, -1.0, -0.4, -0.1, 0.0, 0.0, 0.0])[group] * wind
    moved = moved + draw(80, (n, len(group)))
    # A core and a base twice as broad, displaced: asymmetric and more peaked than a Gaussian.
    core = np.clip(0.5 + draw(0.13), 0.2, 0.9)
    tail = draw(0.07)
    _lines(lines, grid, redshift, wavelength, strength * core, 0.62 * speed, moved)
    _lines(
        lines, grid, redshift, wavelength, strength * (1 - core), 1.7 * speed, moved + tail * speed
    )
    iron = 10 ** draw(0.25) * (kind != "qso_type2")[:, None]
    _gaussians(lines, grid, redshift, IRON_ULTRAVIOLET, iron * 10 ** draw(0.1))
    _gaussians(lines, grid, redshift, IRON_OPTICAL, iron * 10 ** draw(0.15))
    # Balmer continuum, the small blue bump, with the series' merging lines above its edge.
    bump = (0.12 * 10 ** draw(0.2)).astype(np.float32)
    lines += bump * _below(rest, 3700, 45) * np.exp(-np.abs(3646 - rest) / 1100)
    narrow = np.array(NARROW_LINES)
    faint = 10 ** (draw(0.35) - 0.15 * luminosity[:, None] + draw(0.12, (n, len(narrow))))
    type2 = (kind == "qso_type2")[:, None]
    thin = 350 * 10 ** draw(0.15)
    faint = faint * np.where(type2, 8.0, 1.0)
    _lines(lines, grid, redshift, narrow[:, 0], narrow[:, 1] * faint, thin, draw(80))
    if type2.any():
        ultraviolet = np.array(NARROW_ULTRAVIOLET)
        strong = ultraviolet[:, 1] * 10 ** draw(0.25, (n, len(ultraviolet))) * type2
        _lines(lines, grid, redshift, ultraviolet[:, 0], strong, 2.5 * thin)
    flux = continuum * np.maximum(lines, 0.02)

    trough = np.flatnonzero((kind == "qso_bal") | (kind == "qso_lobal"))
    if len(trough):
        low = kind[trough] == "qso_lobal"
        flux[trough] *= _broad_absorption(rng, redshift[trough], grid, low)
    reddening = spread * rng.exponential(0.025, (n, 1))
    reddening += np.where(kind == "qso_red", rng.uniform(0.1, 0.45, n), 0)[:, None]
    reddening += np.where(kind == "qso_lobal", rng.uniform(0.0, 0.2, n), 0)[:, None]
    flux *= dust(rest, reddening.astype(np.float32))
    # Starlight of the host matters where the quasar is near and faint.
    near = np.flatnonzero((redshift < 1.2) & (spread > 0))
    if len(near):
        light = galaxies(
            rng, redshift[near], np.where(rng.random(len(near)) < 0.6, "lrg", "spiral"), grid
        )
        share = 10 ** (-0.8 - 0.6 * luminosity[near] + rng.normal(0, 0.35, len(near)))
        share = np.clip(share, 0, 1.5) * (1 + 2 * type2[near, 0])
        at = np.clip(_pixel(grid, 5100 * (1 + redshift[near])), 0, len(grid) - 1).astype(int)
        each = np.arange(len(near))
        scale = share * continuum[near, at] / light[each, at]
        flux[near] += light * scale[:, None].astype(np.float32)
    if intergalactic:
        flux *= _absorbers(rng, redshift, grid)
        far = np.flatnonzero(redshift > 1.9)
        if len(far):
            flux[far] *= forest(rng, redshift[far], grid)
    return flux


# Old stars: rest wavelength (Angstrom) and flux per Angstrom over that at 5500 A; read off the
# shape of an elliptical galaxy (4000 A break 1.8, Kinney et al. 1996).
_OLD = np.array(
    [
        (900, 0.01),
        (1500, 0.02),
        (2000, 0.025),
        (2500, 0.05),
        (2630, 0.06),
        (2700, 0.1),
        (3000, 0.15),
        (3200, 0.2),
        (3600, 0.3),
        (3900, 0.38),
        (4060, 0.68),
        (4300, 0.78),
        (4500, 0.9),
        (5000, 0.97),
        (5500, 1.0),
        (7000, 0.98),
        (8000, 0.93),
        (9000, 0.88),
        (10500, 0.78),
    ]
)
# Absorption of old stars: wavelength, equivalent width, FWHM (km/s).
_OLD_LINES = (
    (2799, 9, 1500),
    (2852, 4, 900),
    (3835, 7, 1500),
    (3934.8, 9, 900),
    (3969.6, 8, 900),
    (4227, 1.2, 700),
    (4305.6, 7, 1500),
    (4384, 2.5, 900),
    (4668, 4, 2000),
    (4862.7, 1.8, 700),
    (5176, 6, 1700),
    (5270, 3, 900),
    (5335, 2.5, 800),
    (5894, 4, 600),
    (6230, 3, 3000),
    (7150, 8, 5000),
    (8500, 1.2, 500),
    (8544.4, 3, 500),
    (8664.5, 2.6, 500),
)
_BALMER = (6564.6, 4862.7, 4341.7, 4102.9, 3971.2, 3890.2, 3836.5, 3798.9, 3771.7, 3751.2)
# Emission of ionised gas: wavelength, equivalent width of an average star-forming galaxy.
_GAS = (
    (2799.0, 1.0),
    (3727.1, 20),
    (3729.9, 27),
    (3869.9, 3),
    (3971.2, 2),
    (4102.9, 3.5),
    (4341.7, 7),
    (4862.7, 17),
    (4960.3, 9),
    (5008.24, 27),
    (5877.2, 2.5),
    (6302.0, 2.5),
    (6549.9, 7),
    (6564.6, 65),
    (6585.3, 20),
    (6718.3, 12),
    (6732.7, 9),
    (9071.1, 8),
    (9533.2, 18),
)
_OXYGEN3 = np.array([0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.5])
_NITROGEN = np.array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0])
# kind: share of young light, its spread, log10 of gas strength, its spread, Balmer absorption.
_GALAXY_KINDS = {
    "lrg": (0.02, 0.03, -1.7, 0.4, 0.0),
    "spiral": (0.25, 0.15, -0.5, 0.3, 1.5),
    "elg": (0.8, 0.2, 0.25, 0.25, 3.0),
    "starburst": (0.9, 0.1, 0.6, 0.22, 2.0),
    "post_starburst": (0.6, 0.15, -1.5, 0.4, 8.0),
    "agn2": (0.25, 0.15, 0.0, 0.3, 1.5),
}
# What falls into the fibre of another: the commonest of the faint sky.
_BLENDED_GALAXIES = ("lrg", "spiral", "elg")
_BLENDED_STARS = ("star_F", "star_G", "star_K", "star_M")


def galaxies(
    rng: np.random.Generator,
    redshift: np.ndarray,
    kind: np.ndarray,
    grid: np.ndarray = OBSERVED,
    spread: float = 1.0,
) -> np.ndarray:
    """Return spectra of galaxies, flux per Angstrom over that at 5500 A, float32 (n, P).

    `kind` (n,) of "lrg", "spiral", "elg", "starburst", "post_starburst", "agn2" (narrow lines of
    an active nucleus), "blend" (one of the first three and a star in the same fibre, either up to
    three times the other). The other parameters are those of `quasars`.
    """
    n = len(redshift)
    blends = np.flatnonzero(kind == "blend")
    if len(blends):
        kind = kind.astype("U16")
        kind[blends] = rng.choice(_BLENDED_GALAXIES, len(blends))
    rest = (10**grid / (1 + redshift[:, None])).astype(np.float32)
    draw = _drawing(rng, n, spread)
    table = np.array([_GALAXY_KINDS[k] for k in kind])
    young = np.clip(table[:, 0] + draw(1, n) * table[:, 1], 0, 1)[:, None]
    gas = (table[:, 2] + draw(1, n) * table[:, 3])[:, None]
    balmer = (table[:, 4] * 10 ** draw(0.15, n))[:, None]

    old = np.interp(rest, *_OLD.T).astype(np.float32)
    # A younger or metal-poor population has a shallower break.
    old = old ** np.clip(1 + draw(0.12), 0.6, 1.5).astype(np.float32)
    old_lines = np.zeros_like(old)
    wavelength, width, fwhm = np.array(_OLD_LINES).T
    dispersion = 2.355 * 180 * 10 ** draw(0.15)
    strength = width * 10 ** (draw(0.12) + draw(0.1, (n, len(width))))
    _lines(old_lines, grid, redshift, wavelength, strength, np.hypot(fwhm, dispersion))
    old *= np.exp(-old_lines)

    hot = (rest / 5500) ** (-1.6 + draw(0.5)).astype(np.float32)
    # Balmer break: the stronger the Balmer lines the deeper.
    depth = np.clip(0.25 + 0.04 * balmer, 0, 0.7).astype(np.float32)
    hot *= 1 - depth * _below(rest, 3720, 40)
    hot_lines = np.zeros_like(hot)
    series = balmer * np.array([0.7, 0.9, 1, 1, 1, 0.9, 0.8, 0.6, 0.5, 0.4])
    _lines(hot_lines, grid, redshift, _BALMER, series, np.full((n, 1), 1300.0))
    hot *= np.exp(-hot_lines)
    hot *= dust(rest, np.abs(0.08 + draw(0.1)).astype(np.float32))
    young = young.astype(np.float32)
    continuum = (1 - young) * old + young * hot

    wavelength, width = np.array(_GAS).T
    ratio = draw(0.12, (n, len(width))) + (draw(0.3) + 0.25 * np.maximum(gas, 0)) * _OXYGEN3
    active = (kind == "agn2")[:, None]
    ratio += active * (0.65 * _OXYGEN3 + 0.35 * _NITROGEN) + draw(0.2) * _NITROGEN
    strength = width * 10 ** (gas + ratio)
    thin = np.where(active, 450, 180) * 10 ** draw(0.17)
    emission = np.zeros_like(continuum)
    _lines(emission, grid, redshift, wavelength, strength, thin)
    flux = continuum * (1 + emission)
    if len(blends):
        velocity = rng.normal(0, 120, len(blends)) / LIGHT
        star = stars(rng, velocity, rng.choice(_BLENDED_STARS, len(blends)), grid, spread)
        _add_companions(flux, blends, star, 10 ** (spread * rng.uniform(-0.5, 0.5, len(blends))))
    return flux


def _add_companions(
    flux: np.ndarray, rows: np.ndarray, companion: np.ndarray, share: np.ndarray
) -> None:
    """Add another object to `rows` of `flux`, in place, `share` times as bright in the middle."""
    at = flux.shape[1] // 2
    middle = slice(at, at + 50)
    level = flux[rows, middle].mean(1) / companion[:, middle].mean(1)
    flux[rows] += companion * (share * level).astype(np.float32)[:, None]


# Heads of molecular bands (Angstrom), extent of the band and relative depth: TiO and VO fall at
# the head and recover to the red, the Swan bands of C2 and CN recover to the blue.
_TITANIUM_OXIDE = (
    (4584, 120, 0.4),
    (4761, 160, 0.7),
    (4954, 180, 0.8),
    (5167, 230, 0.9),
    (5448, 180, 0.8),
    (5847, 200, 0.8),
    (6158, 250, 0.9),
    (6651, 200, 0.9),
    (6750, 180, 0.6),
    (7053, 280, 1.2),
    (7380, 150, 0.5),
    (7589, 150, 0.6),
    (7666, 220, 0.8),
    (7865, 150, 0.4),
    (8206, 200, 0.4),
    (8432, 200, 0.6),
    (8860, 250, 0.5),
    (9300, 400, 0.5),
)
_CARBON = (
    (4382, 150, 0.5),
    (4737, 200, 0.9),
    (5165, 260, 1.0),
    (5636, 250, 0.8),
    (6191, 220, 0.4),
    (7100, 200, 0.4),
    (7283, 200, 0.5),
    (8100, 250, 0.6),
    (9300, 300, 0.8),
)
_HELIUM = (3889.7, 4027.3, 4472.7, 4714.5, 4923.3, 5017.1, 5877.2, 6680.0, 7067.2)
_COOL_LINES = (
    (3934.8, 10, 900),
    (3969.6, 8, 900),
    (4227.9, 2, 700),
    (4305.6, 7, 1500),
    (4384, 2.5, 900),
    (5176, 5, 1300),
    (5270, 2, 600),
    (5894, 3, 500),
    (8500, 1.5, 450),
    (8544.4, 3.5, 450),
    (8664.5, 3, 450),
)
# kind: range of temperature in kelvin.
STAR_KINDS = {
    "star_A": (7500, 11000),
    "star_F": (6000, 7500),
    "star_G": (5200, 6000),
    "star_K": (3900, 5200),
    "star_M": (2500, 3900),
    "star_carbon": (3200, 4800),
    "wd_da": (7000, 40000),
    "wd_db": (12000, 25000),
    "wd_dc": (5000, 11000),
    "wd_dq": (6000, 10000),
    "wd_m": (10000, 30000),
    "cv": (9000, 25000),
}


def _bands(flux, rest, table, strength, sign):
    """Absorb molecular bands in `flux`, in place; `strength` (n, bands), `sign` +1 to the red."""
    for (head, extent, depth), each in zip(table, strength.T, strict=True):
        away = sign * (rest - np.float32(head))
        band = np.exp(-np.clip(away, 0, None) / extent) * (0.5 + 0.5 * np.tanh(away / 14))
        flux *= np.exp(-(depth * each[:, None]).astype(np.float32) * band)


def stars(
    rng: np.random.Generator,
    redshift: np.ndarray,
    kind: np.ndarray,
    grid: np.ndarray = OBSERVED,
    spread: float = 1.0,
) -> np.ndarray:
    """Return spectra of stars in arbitrary units of flux per Angstrom, float32 (n, P).

    `kind` (n,) of the keys of `STAR_KINDS`; a black body of a temperature in the range there
    times the absorption (or, for cataclysmic variables, emission) of its type. The other
    parameters are those of `quasars`; `redshift` is the radial velocity over that of light.
    """
    n = len(redshift)
    rest = (10**grid / (1 + redshift[:, None])).astype(np.float32)
    draw = _drawing(rng, n, spread)
    span = np.array([STAR_KINDS[k] for k in kind], dtype=float)
    at = 0.5 + spread * (rng.random(n) - 0.5)
    temperature = (span[:, 0] * (span[:, 1] / span[:, 0]) ** at)[:, None]

    def planck(kelvin):
        x = np.clip(1.4388e8 / (rest * kelvin.astype(np.float32)), None, 60)
        y = 1.4388e8 / (5500 * kelvin.astype(np.float32))
        return (5500 / rest) ** 5 * np.expm1(y) / np.expm1(x)

    flux = planck(temperature)
    # Below 7,000 K metals remove the blue light, the more the cooler.
    cool = np.clip((7200 - temperature) / 2500, 0, 1.3) * 10 ** draw(0.12)
    dwarf = np.isin(kind, [k for k in STAR_KINDS if k.startswith("wd")])[:, None]
    metals = cool * ~(dwarf | (kind == "cv")[:, None])
    flux *= np.exp(-metals.astype(np.float32) * np.clip((4600 - rest) / 1000, 0, 1.5))
    lines = np.zeros_like(flux)
    wavelength, width, fwhm = np.array(_COOL_LINES).T
    strength = metals * width * 10 ** draw(0.12, (n, len(width)))
    _lines(lines, grid, redshift, wavelength, strength, fwhm)

    # Balmer lines of normal stars peak at 9,300 K; those of DA dwarfs at 12,000 K, pressure
    # broadened to tens of Angstrom (Gray & Corbally 2009; Sion et al. 1983).
    away = np.log10(temperature / np.where(dwarf, 12000, 9300))
    hydrogen = 14 * np.exp(-0.5 * (away / np.where(away < 0, 0.11, 0.25)) ** 2) * 10 ** draw(0.1)
    da = np.isin(kind, ["wd_da", "wd_m"])[:, None]
    hydrogen *= np.where(da, 2.0, np.where(dwarf, 0.0, 1.0)) * (kind != "cv")[:, None]
    order = np.array([0.8, 1, 1, 1, 0.95, 0.8, 0.65, 0.5, 0.4, 0.3])
    order = np.where(da, order**2, order)
    breadth = np.where(da, 3500, 1100) * 10 ** draw(0.1)
    _lines(lines, grid, redshift, _BALMER, 0.45 * hydrogen * order, 0.5 * breadth)
    _lines(lines, grid, redshift, _BALMER, 0.55 * hydrogen * order, 1.8 * breadth)
    jump = np.where(dwarf, 0.15, 0.6) * hydrogen / 14
    flux *= np.exp(-jump.astype(np.float32) * _below(rest, 3700, 30))

    helium = np.where(kind == "wd_db", 9.0, 0.0)[:, None] * 10 ** draw(0.15, (n, len(_HELIUM)))
    _lines(lines, grid, redshift, _HELIUM, helium, 3000 * 10 ** draw(0.1))
    flux *= np.exp(-lines)

    for names, table, sign in (
        (["star_M"], _TITANIUM_OXIDE, 1),
        (["star_carbon", "wd_dq"], _CARBON, -1),
    ):
        rows = np.flatnonzero(np.isin(kind, names))
        if len(rows):
            late = np.clip((4000 - temperature[rows, 0]) / 1500, 0.05, 1.0)
            depth = np.select([kind[rows] == "star_M", kind[rows] == "wd_dq"], [late, 0.4], 0.7)
            depth = depth[:, None] * 10 ** draw(0.15, (n, len(table)))[rows]
            part = flux[rows]
            _bands(part, rest[rows], table, depth, sign)
            flux[rows] = part
    # A white dwarf with a red companion, the commonest composite among quasar candidates.
    pair = np.flatnonzero(kind == "wd_m")
    if len(pair):
        companion = stars(rng, redshift[pair], np.full(len(pair), "star_M"), grid, spread)
        _add_companions(flux, pair, companion, 10 ** draw(0.3, (n, 1))[pair, 0])
    # Emission: discs of cataclysmic variables, and Balmer lines of active M dwarfs.
    disc = np.where(kind == "cv", 25.0, 0.0)
    disc += np.where((kind == "star_M") & (rng.random(n) < 0.25), 2.5, 0.0)
    if disc.any():
        emission = np.zeros_like(flux)
        width = disc[:, None] * np.array([2.5, 1.2, 0.8, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1])
        speed = np.where(kind == "cv", 1300, 150)[:, None] * 10 ** draw(0.15)
        _lines(emission, grid, redshift, _BALMER, width * 10 ** draw(0.3), speed)
        helium = 0.3 * disc[:, None] * np.ones(len(_HELIUM)) * (kind == "cv")[:, None]
        _lines(emission, grid, redshift, _HELIUM, helium, speed)
        _lines(emission, grid, redshift, [4687.0], 0.4 * disc[:, None], speed)
        flux *= 1 + emission
    # Dust of the Milky Way in front.
    flux *= dust(rest, (spread * rng.exponential(0.04, (n, 1))).astype(np.float32))
    return flux


def _rest_grid(wavelength):
    wavelength = np.asarray(wavelength, dtype=float)
    low, high = np.log10(wavelength.min()) - 0.02, np.log10(wavelength.max()) + 0.02
    return low + STEP * np.arange(int((high - low) / STEP) + 1)


def _at(wavelength, grid, flux):
    flux = np.interp(np.log10(wavelength), grid, flux)
    return flux / np.median(flux)


def quasar_composite(wavelength: np.ndarray, kind: str = "qso") -> np.ndarray:
    """Return the average quasar at rest wavelengths (Angstrom), median 1; no forest."""
    grid, rng = _rest_grid(wavelength), np.random.default_rng(0)
    flux = quasars(rng, np.zeros(1), np.array([kind]), np.zeros(1), grid, 0.0, False)
    return _at(wavelength, grid, flux[0])


def galaxy_template(wavelength: np.ndarray, kind: str = "lrg") -> np.ndarray:
    """Return the average galaxy of a kind at rest wavelengths (Angstrom), median 1."""
    grid, rng = _rest_grid(wavelength), np.random.default_rng(0)
    return _at(wavelength, grid, galaxies(rng, np.zeros(1), np.array([kind]), grid, 0.0)[0])


def star_template(wavelength: np.ndarray, kind: str = "star_G") -> np.ndarray:
    """Return the average star of a kind at rest wavelengths (Angstrom), median 1."""
    grid, rng = _rest_grid(wavelength), np.random.default_rng(0)
    return _at(wavelength, grid, stars(rng, np.zeros(1), np.array([kind]), grid, 0.0)[0])
