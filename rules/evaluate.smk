"""How good the ensembles are, and what the labels bought.

results/<run>/round-NN/metrics.json      purity, completeness, redshift errors
results/<run>/round-NN/redshifts.csv     against published redshifts, where known
results/<run>/learning_curve.csv, .png   over the rounds
results/<run>/round-NN/stopping.json     what the round's labels changed, and whether to go on
results/<run>/round-NN/report.html       all there is of a round, in pictures
results/<run>/report.html                the rounds together
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
    benchmark:
        "results/<run>/benchmarks/round-{round}/evaluate_ensemble.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=by_attempt(2000, 100),
        runtime=by_attempt(30),
    params:
        task=config["task"],
        classification=CLASSIFICATION,
    shell:
        """
        python workflow_scripts/evaluate_ensemble.py \
            --task {params.task} \
            --ensemble {input.ensemble:q} \
            --validation {input.validation:q} \
            --training {input.training:q} \
            --round {wildcards.round} \
            {params.classification} \
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


rule advise_stopping:
    """Say what the labels of round {wildcards.round} changed, and whether another round pays."""
    input:
        batch="results/<run>/round-{round}/batch.csv",
        labels="results/<run>/round-{round}/labels.csv",
        scores=expand("results/<run>/round-{{round}}/scores/{tiles}.fits", tiles=CHUNKS),
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
        python workflow_scripts/advise_stopping.py \
            --task {params.task} \
            --batch {input.batch:q} \
            --labels {input.labels:q} \
            --scores {input.scores:q} \
            --metrics {input.metrics:q} {input.following:q} \
            {params.z_split} \
            --output {output.advice:q} >{log} 2>&1
        """


rule report_round:
    """Write the report of round {wildcards.round}."""
    input:
        metrics="results/<run>/round-{round}/metrics.json",
        summary="results/<run>/round-{round}/selection.json",
        selection="results/<run>/round-{round}/selection.fits",
        scores=expand("results/<run>/round-{{round}}/scores/{tiles}.fits", tiles=CHUNKS),
        map=lambda wildcards: expand(
            "results/<run>/som/{fit}/{tiles}.fits", fit=fit_of_round(wildcards), tiles=CHUNKS
        ),
        pool=expand("results/<run>/pool/{tiles}.fits", tiles=CHUNKS),
        som=som_of_round,
        batch="results/<run>/round-{round}/batch.csv",
        batch_pool="results/<run>/round-{round}/batch.fits",
        labels=if_labelled("labels.csv"),
        agreement=if_labelled("agreement.json"),
        stopping=if_labelled("stopping.json"),
        flaws=lambda wildcards: [
            table for table in outlier_tables() if f"/round-{wildcards.round}/" in table
        ],
    output:
        report=report(
            "results/<run>/round-{round}/report.html",
            caption="captions/report_round.rst",
            category="Rounds",
            labels={"round": "{round}"},
        ),
    log:
        "logs/<run>/round-{round}/report_round.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        run=config["run"],
        sparse=options.words(Strategy, config["batch"], "outliers", "percentile"),
        # What jobs took is read where it is known; it is no reason to write the page again.
        benchmarks=lambda wildcards: (f"results/{config['run']}/benchmarks/round-{wildcards.round}"),
        z_split=options.words(Classification, config["classification"], "z_split"),
        seed=config["seed"],
    shell:
        """
        python workflow_scripts/report_round.py \
            --task {params.task} \
            --run {params.run:q} \
            --metrics {input.metrics:q} \
            --summary {input.summary:q} \
            --selection {input.selection:q} \
            --scores {input.scores:q} \
            --map {input.map:q} \
            --pool {input.pool:q} \
            --som {input.som:q} \
            {params.sparse} \
            --batch {input.batch:q} \
            --batch-pool {input.batch_pool:q} \
            --labels {input.labels:q} \
            --agreement {input.agreement:q} \
            --stopping {input.stopping:q} \
            --flaws {input.flaws:q} \
            --benchmarks {params.benchmarks:q} \
            {params.z_split} \
            --seed {params.seed} \
            --output {output.report:q} >{log} 2>&1
        """


rule report_run:
    """Draw the learning curve and write the report."""
    input:
        metrics=expand("results/<run>/round-{round}/metrics.json", round=two_digits(ROUNDS)),
        summaries=expand("results/<run>/round-{round}/selection.json", round=two_digits(ROUNDS)),
        agreements=expand(
            "results/<run>/round-{round}/agreement.json", round=two_digits(labelled_rounds())
        ),
        stopping=expand(
            "results/<run>/round-{round}/stopping.json", round=two_digits(labelled_rounds())
        ),
        rounds=expand("results/<run>/round-{round}/report.html", round=two_digits(ROUNDS)),
    output:
        curve="results/<run>/learning_curve.csv",
        figure=report(
            "results/<run>/learning_curve.png",
            caption="captions/learning_curve.rst",
            category="Figures",
            labels={"round": "all", "figure": "learning curve"},
        ),
        report=report(
            "results/<run>/report.html",
            caption="captions/report_run.rst",
            category="Rounds",
            labels={"round": "all"},
        ),
    log:
        "logs/<run>/report_run.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        run=config["run"],
        benchmarks=f"results/{config['run']}/benchmarks",
    shell:
        """
        python workflow_scripts/report_run.py \
            --task {params.task} \
            --run {params.run:q} \
            --metrics {input.metrics:q} \
            --summaries {input.summaries:q} \
            --agreements {input.agreements:q} \
            --stopping {input.stopping:q} \
            --rounds {input.rounds:q} \
            --benchmarks {params.benchmarks:q} \
            --curve {output.curve:q} \
            --figure {output.figure:q} \
            --report {output.report:q} >{log} 2>&1
        """
