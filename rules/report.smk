"""The reports, and the learning curve.

results/<run>/round-NN/report.html       full report of a round
results/<run>/report.html                the rounds together
results/<run>/learning_curve.csv, .png   headline figures by round
"""


rule report_round:
    """Write the report of round {wildcards.round}."""
    input:
        metrics="results/<run>/round-{round}/metrics.json",
        summary="results/<run>/round-{round}/selection.json",
        selection="results/<run>/round-{round}/selection.fits",
        scores=tiles_of_round("results/<run>/round-{round}/scores/{tiles}.fits"),
        map=tiles_of_round("{map}/{tiles}.fits"),
        pool=tiles_of_round("<pool>/{tiles}.fits"),
        som=som_of_round,
        batch="results/<run>/round-{round}/batch.csv",
        batch_pool="results/<run>/round-{round}/batch.fits",
        sets=[*SET_FILES, "results/<run>/round-{round}/training.fits"],
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
        sparse=lambda wildcards: options.words(
            Strategy, settings(wildcards)["batch"], "outliers", "percentile"
        ),
        # Benchmarks are read where they exist; a change in them is not a reason to run again.
        benchmarks=lambda wildcards: (f"results/{config['run']}/benchmarks/round-{wildcards.round}"),
        z_split=options.words(Classification, config["classification"], "z_split"),
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/report_round.py" \
            --task {params.task} \
            --run {params.run:q} \
            --metrics {input.metrics:q} \
            --summary {input.summary:q} \
            --selection {input.selection:q} \
            --scores @<(printf '%s\\n' {input.scores:q}) \
            --map @<(printf '%s\\n' {input.map:q}) \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            --som {input.som:q} \
            {params.sparse} \
            --batch {input.batch:q} \
            --batch-pool {input.batch_pool:q} \
            --sets {input.sets:q} \
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
        pool=expand("<pool>/{tiles}.fits", tiles=CHUNKS),
        sets=[
            *SET_FILES,
            *expand("results/<run>/round-{round}/training.fits", round=two_digits(ROUNDS)),
        ],
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
        python "$QUASARNET_AL_PROGRAMS/report_run.py" \
            --task {params.task} \
            --run {params.run:q} \
            --metrics {input.metrics:q} \
            --summaries {input.summaries:q} \
            --agreements {input.agreements:q} \
            --stopping {input.stopping:q} \
            --rounds {input.rounds:q} \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            --sets {input.sets:q} \
            --benchmarks {params.benchmarks:q} \
            --curve {output.curve:q} \
            --figure {output.figure:q} \
            --report {output.report:q} >{log} 2>&1
        """
