"""How much labels help that a query strategy asks for, compared with chance: snakemake experiment

results/<run>/experiment/<seed>/start.h5     the ensemble that all strategies of a seed start from
results/<run>/experiment/<seed>/<arm>.csv    the learning curve of a strategy
results/<run>/arms.csv, arms.png             all learning curves
results/<run>/label_ratio.csv                labels that a strategy needs, over the baseline's
"""


rule start_arms:
    """Train the ensemble that all strategies of seed {wildcards.seed} start from."""
    input:
        training="results/<run>/round-01/training.fits",
    output:
        trained="results/<run>/experiment/{seed}/start.h5",
    log:
        "logs/<run>/start_arms/{seed}.log",
    conda:
        "../envs/gpu.yaml"
    threads: config["ensemble"]["threads"]
    resources:
        mem_mb=ensemble_memory,
        runtime=time_limit("start_arms", training_of_members("members")),
    params:
        members=list(range(config["ensemble"]["members"])),
        at_once=config["ensemble"]["members_at_once"],
        checkpoints=subpath(output.trained, parent=True),
        recipe=options.words(Recipe, config["ensemble"]),
        task=config["task"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/train_members.py" \
            --task {params.task} \
            --training {input.training:q} \
            --members {params.members} \
            --at-once {params.at_once} \
            --seed {wildcards.seed} 0 \
            {params.recipe} \
            --checkpoints {params.checkpoints:q} \
            --output {output.trained:q} >{log} 2>&1
        """


rule run_arm:
    """Run the strategy {wildcards.arm} from seed {wildcards.seed}."""
    input:
        start="results/<run>/experiment/{seed}/start.h5",
        training="results/<run>/round-01/training.fits",
        validation="results/<run>/validation.fits",
        pool=expand("<pool>/{tiles}.fits", tiles=CHUNKS),
        map=expand("{map}/{tiles}.fits", map=CAMPAIGN.map_folder(1), tiles=CHUNKS),
        som=f"{CAMPAIGN.map_folder(1)}/som.h5",
        truth=config["oracle"]["truth"] or [],
    output:
        curve="results/<run>/experiment/{seed}/{arm}.csv",
    log:
        "logs/<run>/run_arm/{seed}/{arm}.log",
    benchmark:
        "results/<run>/benchmarks/run_arm/{seed}/{arm}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: config["ensemble"]["threads"]
    resources:
        mem_mb=ensemble_memory,
        runtime=time_limit(
            "run_arm", lambda wildcards, input: cost.arm_seconds(config, wildcards.arm)
        ),
    params:
        strategy=lambda wildcards: options.words(Strategy, ARMS[wildcards.arm]),
        size=lambda wildcards: ARMS[wildcards.arm]["size"],
        rounds=config["experiment"]["rounds"],
        classification=CLASSIFICATION,
        recipe=options.words(Recipe, config["ensemble"]),
        at_once=config["ensemble"]["members_at_once"],
        warm="--warm" if config["ensemble"]["start"] == PREVIOUS else "",
        task=config["task"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/run_arm.py" \
            --task {params.task} \
            --arm {wildcards.arm} \
            {params.strategy} \
            --seed {wildcards.seed} \
            --rounds {params.rounds} \
            --size {params.size} \
            --start {input.start:q} \
            --training {input.training:q} \
            --validation {input.validation:q} \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            --map @<(printf '%s\\n' {input.map:q}) \
            --som {input.som:q} \
            --truth {input.truth:q} \
            {params.classification} \
            {params.recipe} {params.warm} \
            --at-once {params.at_once} \
            --output {output.curve:q} >{log} 2>&1
        """


rule compare_arms:
    """Compare the labels that the strategies need."""
    input:
        curves=asked_for(
            "results/<run>/experiment/{seed}/{arm}.csv",
            "experiment.arms is empty; name some there, or take a config that does",
            seed=range(1, config["experiment"]["seeds"] + 1),
            arm=ARMS,
        ),
    output:
        arms="results/<run>/arms.csv",
        figure=report(
            "results/<run>/arms.png",
            caption="captions/arms.rst",
            category="Studies",
            labels={"figure": "learning curves of the strategies"},
        ),
        ratios="results/<run>/label_ratio.csv",
    log:
        "logs/<run>/compare_arms.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        metric=config["experiment"]["metric"],
        baseline=config["experiment"]["baseline"],
        more=plan.buying_more(config) if ARMS else [],
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/compare_arms.py" \
            --curves {input.curves:q} \
            --metric {params.metric:q} \
            --baseline {params.baseline} \
            --more {params.more} \
            --seed {params.seed} \
            --arms {output.arms:q} \
            --figure {output.figure:q} \
            --output {output.ratios:q} >{log} 2>&1
        """


rule experiment:
    """The comparison of the strategies, as a short name."""
    input:
        "results/<run>/label_ratio.csv",
    localrule: True
