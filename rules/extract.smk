"""Spectra, rebinned and normalised.

results/<run>/pool/<tiles>.fits       the unlabelled pool, one file per chunk of tiles
results/<run>/labelled/<set>.fits     the labelled sets that the run starts from
"""


rule extract_spectra:
    """Extract the spectra of the tiles {wildcards.tiles}."""
    input:
        files_of_tiles,
    output:
        pool="results/<run>/pool/{tiles}.fits",
    log:
        "logs/<run>/extract_spectra/{tiles}.log",
    benchmark:
        "results/<run>/benchmarks/extract_spectra/{tiles}.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=extraction_memory,
        runtime=time_limit("extract_spectra", extraction),
    params:
        source=lambda wildcards: PLACES[wildcards.tiles].arguments,
        targets=lambda wildcards: PLACES[wildcards.tiles].targets,
        grid=config["grid"],
        broken=broken_in_job(),
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/extract_spectra.py" \
            @<(printf '%s\\n' {params.source:q}) \
            --targets {params.targets} \
            --grid {params.grid} \
            --broken {params.broken} \
            --threads {threads} \
            --output {output.pool:q} >{log} 2>&1
        """


rule extract_labelled:
    """Extract the labelled set {wildcards.set}."""
    input:
        lambda wildcards: list(LABELLED[wildcards.set].files),
    output:
        labelled="results/<run>/labelled/{set}.fits",
    log:
        "logs/<run>/extract_labelled/{set}.log",
    benchmark:
        "results/<run>/benchmarks/extract_labelled/{set}.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(4000, 400, per_mb=2),
        runtime=time_limit(
            "extract_labelled",
            lambda wildcards, input: cost.labelled_seconds(
                config, config["labelled"][wildcards.set]
            ),
        ),
    params:
        source=lambda wildcards: list(LABELLED[wildcards.set].arguments),
        grid=config["grid"],
        broken=config["pool"]["broken"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/extract_spectra.py" \
            @<(printf '%s\\n' {params.source:q}) \
            --grid {params.grid} \
            --broken {params.broken} \
            --threads {threads} \
            --origin {wildcards.set} \
            --output {output.labelled:q} >{log} 2>&1
        """
