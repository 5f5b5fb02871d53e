"""Lines and bands that the inspection page shows."""

#: Names and vacuum wavelengths, Angstrom: Vanden Berk et al. 2001 (table 2) and the NIST
#: Atomic Spectra Database (physics.nist.gov/asd). Doublets that are resolved have both lines;
#: where a line of the menu means a doublet (features.js), it is the mean weighted by gf:
#: Na D 5893.57 of 5891.583 (gf 1.29) and 5897.558 (0.640), Al III 1857.40 of 1854.716
#: (gf 1.12) and 1862.790 (0.557). "major" lines are shown first.
EMISSION = [
    ("Lyβ", 1025.72, 0),
    ("Lyα", 1215.67, 1),
    ("N V", 1240.14, 0),
    ("Si IV", 1396.76, 0),
    ("C IV", 1549.06, 1),
    ("He II", 1640.42, 0),
    ("O III]", 1663.48, 0),
    ("Si III]", 1892.03, 0),
    ("C III]", 1908.73, 1),
    ("C II]", 2326.44, 0),
    ("[Ne IV]", 2423.83, 0),
    ("Mg II", 2799.12, 1),
    ("[Ne V]", 3426.84, 0),
    ("[O II]", 3728.48, 1),
    ("[Ne III]", 3869.85, 0),
    ("Hδ", 4102.89, 0),
    ("Hγ", 4341.68, 0),
    ("Hβ", 4862.68, 1),
    ("[O III]", 4960.30, 0),
    ("[O III]", 5008.24, 1),
    ("He I", 5877.29, 0),
    ("[O I]", 6302.05, 0),
    ("Hα", 6564.61, 1),
    ("[N II]", 6585.27, 0),
    ("[S II]", 6718.29, 0),
    ("[S II]", 6732.67, 0),
    ("[S III]", 9071.1, 0),
    ("[S III]", 9533.2, 0),
]
ABSORPTION = [
    ("Ly limit", 911.75, 0),
    ("Si II", 1260.42, 0),
    ("O I", 1302.17, 0),
    ("C II", 1334.53, 0),
    ("Si IV", 1393.76, 0),
    ("Si IV", 1402.77, 0),
    ("Si II", 1526.71, 0),
    ("C IV", 1548.20, 0),
    ("C IV", 1550.78, 0),
    ("Al II", 1670.79, 0),
    ("Al III", 1854.72, 0),
    ("Al III", 1862.79, 0),
    ("Fe II", 2344.21, 0),
    ("Fe II", 2374.46, 0),
    ("Fe II", 2382.76, 0),
    ("Fe II", 2586.65, 0),
    ("Fe II", 2600.17, 0),
    ("Mg II", 2796.35, 0),
    ("Mg II", 2803.53, 0),
    ("Mg I", 2852.96, 0),
    ("H8", 3890.17, 0),
    ("K", 3934.77, 1),
    ("H", 3969.59, 1),
    ("Hδ", 4102.89, 0),
    ("G", 4305.61, 1),
    ("Hγ", 4341.68, 0),
    ("Hβ", 4862.68, 0),
    ("Mg b", 5176.7, 1),
    ("Na D", 5891.58, 1),
    ("Na D", 5897.56, 0),
    ("TiO", 7055.0, 0),
    ("Hα", 6564.61, 0),
    ("Ca II", 8500.36, 0),
    ("Ca II", 8544.44, 0),
    ("Ca II", 8664.52, 0),
]
#: Bright night-sky lines and OH bands, Angstrom (Osterbrock et al. 1996, Hanuschik 2003).
SKY = [
    *((5571, 5586), (5886, 5898), (6296, 6307), (6360, 6369), (7240, 7480), (7710, 8070)),
    *((8270, 8500), (8745, 9060), (9300, 9800)),
]
#: Absorption by O2 (B, A bands) and H2O in the atmosphere, Angstrom.
TELLURIC = [(6865, 6965), (7160, 7340), (7590, 7705), (8125, 8350), (8940, 9200), (9300, 9650)]
