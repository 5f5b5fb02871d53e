"""How good the ensembles are, and what the labels bought.

results/<run>/round-NN/metrics.json      purity, completeness, redshift errors
results/<run>/round-NN/redshifts.csv     against published redshifts, where known
results/<run>/learning_curve.csv, .png   over the rounds
results/<run>/report.html
"""


rule evaluate_ensemble:
    """Evaluate the ensemble of round {wildcards.round} on the validation set."""
    input:
        ensemble="results/<run>/round-{round}/ensemble.h5",
        validation="results/<run>/validation.fits",
        training="results/<run>/round-{round}/training.fits",
    output:
        metrics="results/<run>/round-{round}/metrics.json",
    log:
        "logs/<run>/round-{round}/evaluate_ensemble.log",
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=by_attempt(2000, 100),
        runtime=by_attempt(30),
    params:
        task=config["task"],
        classification=config["classification"],
    shell:
        """
        python workflow_scripts/evaluate_ensemble.py \
            --task {params.task} \
            --ensemble {input.ensemble:q} \
            --validation {input.validation:q} \
            --training {input.training:q} \
            --round {wildcards.round} \
            --cut {params.classification[catalogue_cut]} \
            --n-thresh {params.classification[n_thresh]} \
            --threads {threads} \
            --output {output.metrics:q} >{log} 2>&1
        """


rule compare_redshifts:
    """Compare the redshifts of round {wildcards.round} with published ones."""
    input:
        scores=expand("results/<run>/round-{{round}}/scores/{tiles}.fits", tiles=CHUNKS),
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
        python workflow_scripts/compare_redshifts.py \
            --scores {input.scores:q} \
            --truth {input.truth:q} \
            --output {output.table:q} >{log} 2>&1
        """


rule report_run:
    """Draw the learning curve and write the report."""
    input:
        metrics=expand("results/<run>/round-{round}/metrics.json", round=two_digits(ROUNDS)),
        summaries=expand("results/<run>/round-{round}/selection.json", round=two_digits(ROUNDS)),
        agreements=expand(
            "results/<run>/round-{round}/agreement.json", round=two_digits(labelled_rounds())
        ),
    output:
        curve="results/<run>/learning_curve.csv",
        figure="results/<run>/learning_curve.png",
        report="results/<run>/report.html",
    log:
        "logs/<run>/report_run.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        run=config["run"],
    shell:
        """
        python workflow_scripts/report_run.py \
            --task {params.task} \
            --run {params.run:q} \
            --metrics {input.metrics:q} \
            --summaries {input.summaries:q} \
            --agreements {input.agreements:q} \
            --curve {output.curve:q} \
            --figure {output.figure:q} \
            --report {output.report:q} >{log} 2>&1
        """
