"""How good the ensembles are, and what the labels changed.

results/<run>/round-NN/metrics.json      purity, completeness, redshift errors
results/<run>/round-NN/redshifts.csv     comparison with published redshifts, where known
results/<run>/round-NN/stopping.json     what the round's labels changed, and whether to continue
"""


rule evaluate_ensemble:
    """Evaluate the ensemble of round {wildcards.round} on the validation set."""
    input:
        ensemble="results/<run>/round-{round}/ensemble.h5",
        validation="results/<run>/validation.fits",
        training="results/<run>/round-{round}/training.fits",
        before=lambda wildcards: CAMPAIGN.taught_before(int(wildcards.round)),
    output:
        metrics="results/<run>/round-{round}/metrics.json",
    log:
        "logs/<run>/round-{round}/evaluate_ensemble.log",
    benchmark:
        "results/<run>/benchmarks/round-{round}/evaluate_ensemble.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000, 100, per_mb=4),
        runtime=time_limit("evaluate_ensemble", scoring(config["ensemble"]["members"])),
    params:
        task=config["task"],
        classification=CLASSIFICATION,
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/evaluate_ensemble.py" \
            --task {params.task} \
            --ensemble {input.ensemble:q} \
            --validation {input.validation:q} \
            --training {input.training:q} \
            --before {input.before:q} \
            --round {wildcards.round} \
            {params.classification} \
            --threads {threads} \
            --output {output.metrics:q} >{log} 2>&1
        """


rule compare_redshifts:
    """Compare the redshifts of round {wildcards.round} with published ones."""
    input:
        scores=tiles_of_round("results/<run>/round-{round}/scores/{tiles}.fits"),
        truth=[s["truth"] for s in config["pool"]["sources"] if s.get("truth")],
    output:
        table="results/<run>/round-{round}/redshifts.csv",
    log:
        "logs/<run>/round-{round}/compare_redshifts.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/compare_redshifts.py" \
            --scores @<(printf '%s\\n' {input.scores:q}) \
            --truth {input.truth:q} \
            --output {output.table:q} >{log} 2>&1
        """


rule advise_stopping:
    """Report what the labels of round {wildcards.round} changed, and whether to continue."""
    input:
        batch="results/<run>/round-{round}/batch.csv",
        labels="results/<run>/round-{round}/labels.csv",
        scores=tiles_of_round("results/<run>/round-{round}/scores/{tiles}.fits"),
        metrics="results/<run>/round-{round}/metrics.json",
        following=metrics_after,
    output:
        advice="results/<run>/round-{round}/stopping.json",
    log:
        "logs/<run>/round-{round}/advise_stopping.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        z_split=options.words(Classification, config["classification"], "z_split"),
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/advise_stopping.py" \
            --task {params.task} \
            --batch {input.batch:q} \
            --labels {input.labels:q} \
            --scores @<(printf '%s\\n' {input.scores:q}) \
            --metrics {input.metrics:q} {input.following:q} \
            {params.z_split} \
            --output {output.advice:q} >{log} 2>&1
        """
