"""The ensemble of a round.

results/<run>/round-NN/train/team-TT.h5          the members that one job trained
results/<run>/round-NN/weights/member-MM.h5      in the format of QuasarNP
results/<run>/round-NN/ensemble.h5               all members in one file
"""


rule train_members:
    """Train team {wildcards.team} of round {wildcards.round}."""
    input:
        training="results/<run>/round-{round}/training.fits",
        start=start_of_team,
    output:
        trained="results/<run>/round-{round}/train/team-{team}.h5",
    log:
        "logs/<run>/round-{round}/train_members/team-{team}.log",
    benchmark:
        "results/<run>/benchmarks/round-{round}/train_members/team-{team}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: lambda wildcards: settings(wildcards)["ensemble"]["threads"]
    resources:
        mem_mb=ensemble_memory,
        runtime=time_limit("train_members", training_of_members("members_per_team")),
    params:
        task=config["task"],
        members=lambda wildcards: CAMPAIGN.teams(int(wildcards.round))[wildcards.team],
        at_once=lambda wildcards: settings(wildcards)["ensemble"]["members_at_once"],
        start=lambda wildcards, input: ["--start", *input.start] if input.start else [],
        checkpoints=subpath(output.trained, parent=True),
        recipe=lambda wildcards: options.words(Recipe, settings(wildcards)["ensemble"]),
        seed=lambda wildcards: [settings(wildcards)["seed"], int(wildcards.round)],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/train_members.py" \
            --task {params.task} \
            --training {input.training:q} \
            --members {params.members} \
            --at-once {params.at_once} \
            --seed {params.seed} \
            {params.start:q} \
            {params.recipe} \
            --checkpoints {params.checkpoints:q} \
            --output {output.trained:q} >{log} 2>&1
        """


# One rule for every number of members that a round has: outputs cannot be functions.
for members, numbers in CAMPAIGN.grouped("members"):

    rule:
        """Write the members of round {wildcards.round} in the format of QuasarNP."""
        name:
            numbered("export_weights", numbers)
        input:
            trained=lambda wildcards: expand(
                "results/<run>/round-{round}/train/team-{team}.h5",
                round=wildcards.round,
                team=CAMPAIGN.teams(int(wildcards.round)),
            ),
        output:
            weights=expand(
                "results/<run>/round-{{round}}/weights/member-{member}.h5", member=members
            ),
        log:
            "logs/<run>/round-{round}/export_weights.log",
        wildcard_constraints:
            round=constraint_of_rounds(numbers),
        localrule: True
        conda:
            "../envs/cpu.yaml"
        params:
            task=config["task"],
        shell:
            """
            python "$QUASARNET_AL_PROGRAMS/export_weights.py" \
                --task {params.task} \
                --trained {input.trained:q} \
                --output {output.weights:q} >{log} 2>&1
            """


rule pack_ensemble:
    """Pack the members of round {wildcards.round} into one file."""
    input:
        weights=members_of_round,
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
        python "$QUASARNET_AL_PROGRAMS/pack_ensemble.py" \
            --task {params.task} \
            --weights {input.weights:q} \
            --output {output.ensemble:q} >{log} 2>&1
        """
