"""What the ensembles learn from, and what they are judged on.

results/<run>/validation.fits                fixed for the run
results/<run>/gate.fits                      for the gate alone, where the config gives it a share
results/<run>/round-NN/training.fits         labelled sets and the labels of earlier rounds
"""


rule assemble_validation:
    """Set aside the validation set."""
    input:
        labelled=expand("results/<run>/labelled/{set}.fits", set=SETS),
    output:
        validation="results/<run>/validation.fits",
    log:
        "logs/<run>/assemble_validation.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        fraction=[labelled.validation for labelled in SETS.values()],
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/assemble_validation.py" \
            --task {params.task} \
            --labelled {input.labelled:q} \
            --fraction {params.fraction} \
            --seed {params.seed} \
            --output {output.validation:q} >{log} 2>&1
        """


rule assemble_gate:
    """Set aside the objects on which the released network is judged."""
    input:
        labelled=expand("results/<run>/labelled/{set}.fits", set=SETS),
        validation="results/<run>/validation.fits",
    output:
        gate="results/<run>/gate.fits",
    log:
        "logs/<run>/assemble_gate.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        fraction=[labelled.gate for labelled in SETS.values()],
        after=[labelled.validation for labelled in SETS.values()],
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/assemble_validation.py" \
            --task {params.task} \
            --labelled {input.labelled:q} \
            --fraction {params.fraction} \
            --after {params.after} \
            --apart-from {input.validation:q} \
            --seed {params.seed} \
            --output {output.gate:q} >{log} 2>&1
        """


rule assemble_training:
    """Assemble the training set of round {wildcards.round}."""
    input:
        labelled=expand("results/<run>/labelled/{set}.fits", set=SETS),
        validation=judging_sets(),
        batches=lambda wildcards: expand(
            "results/<run>/round-{number}/batch.fits", number=earlier_rounds(wildcards)
        ),
        labels=lambda wildcards: expand(
            "results/<run>/round-{number}/labels.csv", number=earlier_rounds(wildcards)
        ),
    output:
        training="results/<run>/round-{round}/training.fits",
    log:
        "logs/<run>/round-{round}/assemble_training.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/assemble_training.py" \
            --task {params.task} \
            --labelled {input.labelled:q} \
            --validation {input.validation:q} \
            --batch-pool {input.batches:q} \
            --labels {input.labels:q} \
            --output {output.training:q} >{log} 2>&1
        """
