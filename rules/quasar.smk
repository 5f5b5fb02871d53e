"""The task `quasar`: it reads coadds, real ones or those of a mock survey, and releases weights."""


include: "simulate.smk"
include: "extract.smk"
include: "release.smk"
include: "gate.smk"
include: "catalog.smk"
