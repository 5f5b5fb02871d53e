"""A mock survey, written as DESI coadds.

results/<run>/mock/<survey>/tiles/cumulative/...   coadds and redrock files
results/<run>/mock/<survey>/truth.csv              what each object is; written last
"""


rule simulate_survey:
    """Simulate the mock survey {wildcards.survey}."""
    output:
        truth="results/<run>/mock/{survey}/truth.csv",
    log:
        "logs/<run>/simulate_survey/{survey}.log",
    benchmark:
        "results/<run>/benchmarks/simulate_survey/{survey}.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(3000),
        runtime=time_limit(
            "simulate_survey",
            lambda wildcards, input: (
                cost.mock_spectra(config["mock"][wildcards.survey]) / cost.MOCK_RATE
            ),
        ),
    params:
        root=subpath(output.truth, parent=True),
        survey=lambda wildcards: config["mock"][wildcards.survey],
        seed=config["seed"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/simulate_survey.py" \
            --tiles {params.survey[tiles]} \
            --night {params.survey[night]} \
            --petals {params.survey[petals]} \
            --targets-per-petal {params.survey[targets_per_petal]} \
            --mix {params.survey[mix]} \
            --depth {params.survey[depth]} \
            --seed {params.seed} \
            --output {params.root:q} >{log} 2>&1
        """
