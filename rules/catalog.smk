"""One redshift catalogue of all tiles, by the newest weights: snakemake catalog

results/<run>/catalog/<tiles>.fits     every spectrum: the confidences and redshifts of its lines
results/<run>/catalog.fits             the quasars, one row an object
"""


rule classify_spectra:
    """Classify the tiles {wildcards.tiles}."""
    input:
        weights=catalog_weights,
        pool=lambda wildcards: pool_file(wildcards.tiles),
    output:
        table="results/<run>/catalog/{tiles}.fits",
    log:
        "logs/<run>/classify_spectra/{tiles}.log",
    benchmark:
        "results/<run>/benchmarks/classify_spectra/{tiles}.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000, 100, per_mb=4),
        runtime=time_limit("classify_spectra", scoring(config["ensemble"]["members"])),
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/classify_spectra.py" \
            --weights {input.weights:q} \
            --pool {input.pool:q} \
            --threads {threads} \
            --output {output.table:q} >{log} 2>&1
        """


rule write_catalog:
    """Write the quasars of all tiles into one catalogue."""
    input:
        tables=expand("results/<run>/catalog/{tiles}.fits", tiles=CATALOG_CHUNKS),
        checked=ancient("results/<run>/catalog/files.csv"),
    output:
        catalog="results/<run>/catalog.fits",
    log:
        "logs/<run>/write_catalog.log",
    # It takes seconds, and says what is wrong.
    retries: 0
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        cut=config["classification"]["catalogue_cut"],
        lines=config["classification"]["n_thresh"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/write_catalog.py" \
            --tables @<(printf '%s\\n' {input.tables:q}) \
            --c-thresh {params.cut} \
            --n-thresh {params.lines} \
            --output {output.catalog:q} 2>&1 | tee {log}
        """


rule catalog:
    """The catalogue, as a short name."""
    input:
        "results/<run>/catalog.fits",
    localrule: True
