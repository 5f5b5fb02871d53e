"""Where the spectra of the task `quasar` come from: coadds, real or of a mock survey."""


include: "simulate.smk"
include: "extract.smk"
