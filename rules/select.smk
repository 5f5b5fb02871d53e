"""The batch of a round: what people are asked to label.

results/<run>/round-NN/batch.csv          the batch, most uncertain first
results/<run>/round-NN/batch.fits         its spectra, as a pool file
results/<run>/round-NN/selection.fits     why each exposure is in the batch or not
results/<run>/round-NN/selection.json     the counts
results/<run>/round-NN/round.json         what it was chosen by, and the sums of these files
results/<run>/round-NN/outliers.csv       what the outlier rule discarded, by flaw (mock surveys)
"""


rule select_batch:
    """Select the batch of round {wildcards.round}."""
    input:
        scores=tiles_of_round("results/<run>/round-{round}/scores/{tiles}.fits"),
        map=tiles_of_round("{map}/{tiles}.fits"),
        pool=tiles_of_round("<pool>/{tiles}.fits"),
        checked=ancient("<pool>/files.csv"),
        som=som_of_round,
        # Without the sets of `snakemake check`, which may be added later: the batch must not change.
        labelled=expand("results/<run>/labelled/{set}.fits", set=SETS),
        labels=lambda wildcards: expand(
            "results/<run>/round-{number}/labels.csv", number=earlier_rounds(wildcards)
        ),
        exclude=lambda wildcards: (
            settings(wildcards)["batch"]["exclude"] + CAMPAIGN.answered_after(int(wildcards.round))
        ),
    output:
        batch="results/<run>/round-{round}/batch.csv",
        batch_pool="results/<run>/round-{round}/batch.fits",
        selection="results/<run>/round-{round}/selection.fits",
        summary="results/<run>/round-{round}/selection.json",
    log:
        "logs/<run>/round-{round}/select_batch.log",
    benchmark:
        "results/<run>/benchmarks/round-{round}/select_batch.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000, per_mb=1),
        runtime=time_limit(
            "select_batch", lambda wildcards, input: spectra_of(input) / cost.SELECT_RATE
        ),
    params:
        selection=lambda wildcards: options.words(Selection, settings(wildcards)["batch"]),
        seed=lambda wildcards: settings(wildcards)["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/select_batch.py" \
            --scores @<(printf '%s\\n' {input.scores:q}) \
            --map @<(printf '%s\\n' {input.map:q}) \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            --som {input.som:q} \
            --labelled {input.labelled:q} {input.labels:q} \
            --exclude {input.exclude:q} \
            {params.selection} \
            --seed {params.seed} \
            --batch {output.batch:q} \
            --batch-pool {output.batch_pool:q} \
            --selection {output.selection:q} \
            --summary {output.summary:q} >{log} 2>&1
        """


rule record_round:
    """Record what the batch of round {wildcards.round} was chosen by."""
    input:
        files=[f"results/<run>/round-{{round}}/{name}" for name in rounds.CHOICE],
        labels=lambda wildcards: expand(
            "results/<run>/round-{number}/labels.csv", number=earlier_rounds(wildcards)
        ),
    output:
        record="results/<run>/round-{round}/round.json",
    log:
        "logs/<run>/round-{round}/record_round.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        settings=lambda wildcards: CAMPAIGN.record_text(int(wildcards.round)),
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/record_round.py" \
            --settings {params.settings:q} \
            --files {input.files:q} \
            --labels {input.labels:q} \
            --output {output.record:q} >{log} 2>&1
        """


rule judge_outliers:
    """Compare what the outlier rule of round {wildcards.round} discarded with known flaws."""
    input:
        selection="results/<run>/round-{round}/selection.fits",
        pool=tiles_of_round("<pool>/{tiles}.fits"),
    output:
        table="results/<run>/round-{round}/outliers.csv",
    log:
        "logs/<run>/round-{round}/judge_outliers.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/judge_outliers.py" \
            --selection {input.selection:q} \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            --output {output.table:q} >{log} 2>&1
        """
