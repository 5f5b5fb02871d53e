"""The released weights compared with those in use: snakemake gate

results/<run>/sky/<tiles>.fits       sky fibres of the pool's tiles
results/<run>/gate/gate.csv          every check: interval, threshold, smallest loss it reveals
results/<run>/gate/changes.csv       exposures of the pool whose class changes
results/<run>/gate/gate.png          the checks as a figure
results/<run>/gate/verdict.json      the verdict, and what could not be judged
"""


rule extract_sky:
    """Extract the sky fibres of the tiles {wildcards.tiles}."""
    input:
        files_of_tiles,
    output:
        sky="results/<run>/sky/{tiles}.fits",
    log:
        "logs/<run>/extract_sky/{tiles}.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=extraction_memory,
        runtime=time_limit("extract_sky", extraction),
    params:
        source=lambda wildcards: CHUNKS[wildcards.tiles].arguments,
        grid=config["grid"],
        broken=broken_in_job(),
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/extract_spectra.py" \
            @<(printf '%s\\n' {params.source:q}) \
            --targets sky \
            --grid {params.grid} \
            --broken {params.broken} \
            --threads {threads} \
            --output {output.sky:q} >{log} 2>&1
        """


rule compare_weights:
    """Compare the released weights with those in use."""
    input:
        incumbent=incumbent,
        candidate=plan.release(config),
        # A share of its own, where the config gives one: the network was chosen on the other.
        validation=judging_sets()[-1],
        pool=expand("<pool>/{tiles}.fits", tiles=CHUNKS),
        sky=expand("results/<run>/sky/{tiles}.fits", tiles=plan.sky_chunks(CHUNKS)),
    output:
        table="results/<run>/gate/gate.csv",
        changes="results/<run>/gate/changes.csv",
        figure=report(
            "results/<run>/gate/gate.png",
            caption="captions/gate.rst",
            category="Release",
            labels={"figure": "gate"},
        ),
        verdict="results/<run>/gate/verdict.json",
    log:
        "logs/<run>/compare_weights.log",
    benchmark:
        "results/<run>/benchmarks/compare_weights.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(8000, 100, per_mb=2),
        runtime=time_limit("compare_weights", scoring(2)),
    params:
        gate=config["gate"],
        allowed=[f"{check}={loss}" for check, loss in config["gate"]["allowed"].items()],
        in_bins=[f"{check}={loss}" for check, loss in config["gate"]["allowed_in_bins"].items()],
        classification=options.words(
            Classification, config["classification"], "n_thresh", "z_split"
        ),
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/compare_weights.py" \
            --candidate {input.candidate:q} \
            --incumbent {input.incumbent:q} \
            --validation {input.validation:q} \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            --sky @<(printf '%s\\n' {input.sky:q}) \
            --cut {params.gate[cut]} \
            {params.classification} \
            --wanted-purity {params.gate[wanted_purity]} \
            --redshift-edges {params.gate[redshift_edges]} \
            --snr-edges {params.gate[snr_edges]} \
            --least {params.gate[least]} \
            --allowed {params.allowed} \
            --allowed-in-bins {params.in_bins} \
            --seed {params.seed} \
            --threads {threads} \
            --table {output.table:q} \
            --changes {output.changes:q} \
            --figure {output.figure:q} \
            --verdict {output.verdict:q} >{log} 2>&1
        """


rule gate:
    """Report the verdict; fails where a threshold is violated."""
    input:
        verdict="results/<run>/gate/verdict.json",
    log:
        "logs/<run>/gate.log",
    # A violated threshold stays violated.
    retries: 0
    localrule: True
    conda:
        "../envs/cpu.yaml"
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/judge_weights.py" --verdict {input.verdict:q} 2>&1 | tee {log}
        """
