"""The released network, for the pipeline: snakemake release

results/<run>/release/training.fits          labelled sets and the labels of all rounds, as they are now
results/<run>/release/quasarnet-<run>.h5     the weights, which QuasarNP can read
results/<run>/release/release.json           all networks trained, and the validation of the one chosen
results/<run>/release/check.csv              results on sets not used for training, of these weights
                                             and of `gate.incumbent`: snakemake check
results/<run>/release/check_spectra.csv      the same by spectrum
"""


use rule assemble_training as assemble_release with:
    """Assemble what the released network learns from.

    The training set of a round that people have answered is kept as it was; this one has labels
    that were corrected since.
    """
    input:
        labelled=expand("results/<run>/labelled/{set}.fits", set=SETS),
        validation=judging_sets(),
        batches=expand(
            "results/<run>/round-{round}/batch.fits", round=two_digits(labelled_rounds())
        ),
        labels=expand("results/<run>/round-{round}/labels.csv", round=two_digits(labelled_rounds())),
    output:
        training="results/<run>/release/training.fits",
    log:
        "logs/<run>/assemble_release.log",
    localrule: True


rule train_release:
    """Train the networks, of which one is released, on all labels."""
    input:
        training="results/<run>/release/training.fits",
        validation="results/<run>/validation.fits",
        start=config["release"]["start"] or [],
    output:
        trained="results/<run>/release/train/seeds.h5",
    log:
        "logs/<run>/train_release.log",
    benchmark:
        "results/<run>/benchmarks/train_release.jsonl"
    conda:
        "../envs/gpu.yaml"
    threads: config["release"]["threads"]
    resources:
        mem_mb=training_memory,
        runtime=time_limit("train_release", training(config["release"], config["release"]["seeds"])),
    params:
        seeds=list(range(config["release"]["seeds"])),
        start=lambda wildcards, input: ["--start", input.start] if input.start else [],
        checkpoints=subpath(output.trained, parent=True),
        recipe=options.words(Recipe, config["release"]),
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/train_members.py" \
            --training {input.training:q} \
            --validation {input.validation:q} \
            --no-bootstrap \
            --members {params.seeds} \
            --seed {params.seed} \
            {params.start:q} \
            {params.recipe} \
            --checkpoints {params.checkpoints:q} \
            --output {output.trained:q} >{log} 2>&1
        """


rule choose_release:
    """Choose the network to release."""
    input:
        trained="results/<run>/release/train/seeds.h5",
        validation="results/<run>/validation.fits",
    output:
        weights=plan.release(config),
        summary="results/<run>/release/release.json",
    log:
        "logs/<run>/choose_release.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        classification=CLASSIFICATION,
        viewing=options.words(Viewing, config["release"]),
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/choose_release.py" \
            --trained {input.trained:q} \
            --validation {input.validation:q} \
            {params.classification} \
            {params.viewing} \
            --output {output.weights:q} \
            --summary {output.summary:q} >{log} 2>&1
        """


rule release:
    """The released weights, as a short name."""
    input:
        plan.release(config),
    localrule: True


rule check_release:
    """Test the released weights, and those in use, on spectra not used for training."""
    input:
        weights=plan.release(config),
        # The weights in use, to compare.
        incumbent=config["gate"]["incumbent"] or [],
        training="results/<run>/release/training.fits",
        labelled=asked_for(
            "results/<run>/labelled/{set}.fits",
            "no labelled set has `check: true`; add config/real-check.yaml",
            set=sorted(CHECKS),
        ),
    output:
        table="results/<run>/release/check.csv",
        spectra="results/<run>/release/check_spectra.csv",
    log:
        "logs/<run>/check_release.log",
    # It takes seconds, and says what is wrong.
    retries: 0
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        classification=config["classification"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/check_release.py" \
            --weights {input.weights:q} {input.incumbent:q} \
            --training {input.training:q} \
            --labelled {input.labelled:q} \
            --cuts {params.classification[catalogue_cut]} {params.classification[c_thresh]} \
            --n-thresh {params.classification[n_thresh]} \
            --table {output.table:q} \
            --spectra {output.spectra:q} 2>&1 | tee {log}
        """


rule check:
    """The check of the released weights, as a short name."""
    input:
        "results/<run>/release/check.csv",
    localrule: True
