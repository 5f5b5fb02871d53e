"""What must be kept of a run, as one bundle: snakemake archive

results/<run>/archive.tar      labels, weights, metrics, batches, with SHA256SUMS; where they are
                               there, also the files of people in their folders, the chunks of the
                               pool, the released network, the gate's verdict, the catalogue
"""


rule archive_run:
    """Bundle the labels, weights, metrics and batches."""
    input:
        rounds=expand(
            "results/<run>/round-{round}/{file}",
            round=two_digits(ROUNDS),
            file=[*rounds.CHOICE, "round.json", "metrics.json", "report.html"],
        ),
        weights=weights_of(ROUNDS),
        labels=expand(
            "results/<run>/round-{round}/{file}",
            round=two_digits(labelled_rounds()),
            file=["labels.csv", "refused.csv", "agreement.json"],
        ),
        summary=["results/<run>/learning_curve.csv", "results/<run>/report.html"],
        config=workflow.configfiles,
    output:
        bundle="results/<run>/archive.tar",
    log:
        "logs/<run>/archive_run.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        handed_in=[CAMPAIGN.record_of(n) for n in ROUNDS if CAMPAIGN.copies(n)],
        # Whatever is there of the other products: archiving makes none of them.
        more=lambda wildcards: [str(path) for path in CAMPAIGN.products()],
        versions=lambda wildcards: [path.stat().st_mtime_ns for path in CAMPAIGN.products()],
        # What is in these folders: the shell does not name them.
        copies=[CAMPAIGN.copies(n) for n in ROUNDS],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/archive_run.py" \
            --files {input:q} {params.handed_in:q} {params.more:q} \
            --output {output.bundle:q} >{log} 2>&1
        """


rule archive:
    """The bundle, as a short name."""
    input:
        "results/<run>/archive.tar",
    localrule: True
