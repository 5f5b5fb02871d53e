"""What the ensemble finds in each spectrum.

results/<run>/round-NN/scores/<tiles>.fits
"""


rule score_spectra:
    """Score the tiles {wildcards.tiles} with the ensemble of round {wildcards.round}."""
    input:
        ensemble="results/<run>/round-{round}/ensemble.h5",
        pool="<pool>/{tiles}.fits",
    output:
        scores="results/<run>/round-{round}/scores/{tiles}.fits",
    log:
        "logs/<run>/round-{round}/score_spectra/{tiles}.log",
    benchmark:
        "results/<run>/benchmarks/round-{round}/score_spectra/{tiles}.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000, 100, per_mb=4),
        runtime=time_limit("score_spectra", scoring(config["ensemble"]["members"])),
    params:
        task=config["task"],
        classification=lambda wildcards: options.words(
            Classification, settings(wildcards)["classification"], *VOTING
        ),
        seed=lambda wildcards: settings(wildcards)["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/score_spectra.py" \
            --task {params.task} \
            --ensemble {input.ensemble:q} \
            --pool {input.pool:q} \
            {params.classification} \
            --seed {params.seed} \
            --threads {threads} \
            --output {output.scores:q} >{log} 2>&1
        """
