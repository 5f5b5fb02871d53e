"""What each change of the recipe or of the training data buys: snakemake compare

results/<run>/compare/<variant>/training.fits, seeds.h5     a variant's data and networks
results/<run>/compare_seeds.csv                             every network
results/<run>/compare.csv, compare.png                      means over seeds
"""


rule assemble_variant:
    """Assemble the training set of the variant {wildcards.variant}."""
    input:
        labelled=lambda wildcards: expand(
            "results/<run>/labelled/{set}.fits", set=VARIANTS[wildcards.variant]["sets"]
        ),
        validation="results/<run>/validation.fits",
    output:
        training="results/<run>/compare/{variant}/training.fits",
    log:
        "logs/<run>/assemble_variant/{variant}.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/assemble_training.py" \
            --labelled {input.labelled:q} \
            --validation {input.validation:q} \
            --output {output.training:q} >{log} 2>&1
        """


rule train_variant:
    """Train the networks of the variant {wildcards.variant}, one a seed."""
    input:
        training="results/<run>/compare/{variant}/training.fits",
    output:
        trained="results/<run>/compare/{variant}/seeds.h5",
    log:
        "logs/<run>/train_variant/{variant}.log",
    benchmark:
        "results/<run>/benchmarks/train_variant/{variant}.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: config["ensemble"]["threads"]
    resources:
        mem_mb=training_memory,
        runtime=time_limit(
            "train_variant",
            lambda wildcards, input: training(
                VARIANTS[wildcards.variant], config["compare"]["seeds"]
            )(wildcards, input),
        ),
    params:
        seeds=list(range(config["compare"]["seeds"])),
        checkpoints=subpath(output.trained, parent=True),
        recipe=lambda wildcards: options.words(Recipe, VARIANTS[wildcards.variant]),
        task=config["task"],
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/train_members.py" \
            --task {params.task} \
            --training {input.training:q} \
            --no-bootstrap \
            --members {params.seeds} \
            --seed {params.seed} \
            {params.recipe} \
            --checkpoints {params.checkpoints:q} \
            --output {output.trained:q} >{log} 2>&1
        """


rule compare_variants:
    """Compare the variants on the validation set."""
    input:
        trained=asked_for(
            "results/<run>/compare/{variant}/seeds.h5",
            "compare.variants is empty; name some there, or take a config that does",
            variant=VARIANTS,
        ),
        validation="results/<run>/validation.fits",
    output:
        seeds="results/<run>/compare_seeds.csv",
        table="results/<run>/compare.csv",
        figure=report(
            "results/<run>/compare.png",
            caption="captions/compare.rst",
            category="Studies",
            labels={"figure": "recipes"},
        ),
    log:
        "logs/<run>/compare_variants.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        variants=list(VARIANTS),
        classification=CLASSIFICATION,
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/compare_variants.py" \
            --task {params.task} \
            --variants {params.variants} \
            --trained {input.trained:q} \
            --validation {input.validation:q} \
            {params.classification} \
            --seeds {output.seeds:q} \
            --table {output.table:q} \
            --figure {output.figure:q} >{log} 2>&1
        """


rule compare:
    """The comparison of the variants, as a short name."""
    input:
        "results/<run>/compare.csv",
    localrule: True
