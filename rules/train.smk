"""The ensemble of a round.

results/<run>/round-NN/train/team-TT.h5          the members that one job trained
results/<run>/round-NN/weights/member-MM.h5      as QuasarNP reads them
results/<run>/round-NN/ensemble.h5               all members in one file
"""


rule train_members:
    """Train team {wildcards.team} of round {wildcards.round}."""
    input:
        training="results/<run>/round-{round}/training.fits",
    output:
        trained="results/<run>/round-{round}/train/team-{team}.h5",
    log:
        "logs/<run>/round-{round}/train_members/team-{team}.log",
    benchmark:
        "results/<run>/benchmarks/round-{round}/train_members/team-{team}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: config["ensemble"]["threads"]
    resources:
        mem_mb=by_attempt(4000),
        runtime=by_attempt(120),
    params:
        task=config["task"],
        members=lambda wildcards: TEAMS[wildcards.team],
        checkpoints=subpath(output.trained, parent=True),
        recipe=options.words(Recipe, config["ensemble"]),
        seed=lambda wildcards: [config["seed"], int(wildcards.round)],
    shell:
        """
        python workflow_scripts/train_members.py \
            --task {params.task} \
            --training {input.training:q} \
            --members {params.members} \
            --seed {params.seed} \
            {params.recipe} \
            --checkpoints {params.checkpoints:q} \
            --output {output.trained:q} >{log} 2>&1
        """


rule export_weights:
    """Write the members of round {wildcards.round} as QuasarNP reads them."""
    input:
        trained=expand("results/<run>/round-{{round}}/train/team-{team}.h5", team=TEAMS),
    output:
        weights=expand("results/<run>/round-{{round}}/weights/member-{member}.h5", member=MEMBERS),
    log:
        "logs/<run>/round-{round}/export_weights.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
    shell:
        """
        python workflow_scripts/export_weights.py \
            --task {params.task} \
            --trained {input.trained:q} \
            --output {output.weights:q} >{log} 2>&1
        """


rule pack_ensemble:
    """Pack the members of round {wildcards.round} into one file."""
    input:
        weights=expand("results/<run>/round-{{round}}/weights/member-{member}.h5", member=MEMBERS),
    output:
        ensemble="results/<run>/round-{round}/ensemble.h5",
    log:
        "logs/<run>/round-{round}/pack_ensemble.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
    shell:
        """
        python workflow_scripts/pack_ensemble.py \
            --task {params.task} \
            --weights {input.weights:q} \
            --output {output.ensemble:q} >{log} 2>&1
        """
