"""The task `quasar`: spectra from coadds, real or of a mock survey; weights for the pipeline."""


include: "simulate.smk"
include: "extract.smk"
include: "release.smk"
include: "gate.smk"
include: "catalog.smk"
