"""The digits of the task `mnist`, and a figure of the most uncertain ones.

results/<run>/pool/digits.fits            the unlabelled pool
results/<run>/labelled/<set>.fits         the labelled sets that the run starts from
results/<run>/truth.csv                   true classes of the pool's digits, for the oracle
results/<run>/round-NN/digits.png, .csv   the most uncertain digit by each measure
"""


rule extract_digits:
    """Draw the pool and the labelled sets from MNIST."""
    input:
        # An absent file is downloaded.
        [path for path in config["mnist"].values() if Path(path).exists()],
    output:
        pool="results/<run>/pool/digits.fits",
        labelled=expand("results/<run>/labelled/{set}.fits", set=SETS),
        truth="results/<run>/truth.csv",
    log:
        "logs/<run>/extract_digits.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        mnist=config["mnist"],
        size=[source["digits"] for source in config["pool"]["sources"]],
        labelled=[source["digits"] for source in config["labelled"].values()],
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/extract_digits.py" \
            --images {params.mnist[images]:q} \
            --labels {params.mnist[labels]:q} \
            --count {params.size} \
            --labelled-count {params.labelled} \
            --seed {params.seed} \
            --pool {output.pool:q} \
            --labelled {output.labelled:q} \
            --truth {output.truth:q} >{log} 2>&1
        """


rule draw_digits:
    """Draw the most uncertain digits of round {wildcards.round}."""
    input:
        scores="results/<run>/round-{round}/scores/digits.fits",
        pool="results/<run>/pool/digits.fits",
        selection="results/<run>/round-{round}/selection.fits",
        truth="results/<run>/truth.csv",
    output:
        table="results/<run>/round-{round}/digits.csv",
        figure=report(
            "results/<run>/round-{round}/digits.png",
            caption="captions/digits.rst",
            category="Figures",
            labels={"round": "{round}", "figure": "most uncertain digits"},
        ),
    log:
        "logs/<run>/round-{round}/draw_digits.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/draw_digits.py" \
            --scores {input.scores:q} \
            --pool {input.pool:q} \
            --selection {input.selection:q} \
            --truth {input.truth:q} \
            --seed {params.seed} \
            --table {output.table:q} \
            --figure {output.figure:q} >{log} 2>&1
        """


TASK_TARGETS += expand("results/<run>/round-{round}/digits.png", round=two_digits(ROUNDS))
