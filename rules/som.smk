"""The self-organizing map, fitted once per run, again for the rounds in som.refit_rounds and from
a round on where `rounds` changes `som`. A map that an answered round used is not fitted again.

results/<run>/som/run/som.h5              the map; in som/round-NN/ where it is fitted again
results/<run>/som/run/<tiles>.fits        the best-matching unit of each spectrum
"""


rule fit_som:
    """Fit the self-organizing map ({wildcards.fit})."""
    input:
        pool=lambda wildcards: expand(
            "<pool>/{tiles}.fits", tiles=CAMPAIGN.fitted_on(wildcards.fit)
        ),
        # Only that the pool was checked: tiles that are added are no reason to run again.
        checked=ancient("<pool>/files.csv"),
    output:
        som="results/<run>/som/{fit}/som.h5",
    log:
        "logs/<run>/fit_som/{fit}.log",
    benchmark:
        "results/<run>/benchmarks/fit_som/{fit}.jsonl"
    conda:
        "../envs/cpu.yaml"
    threads: 4
    resources:
        mem_mb=memory(4000, 200),
        runtime=time_limit("fit_som", lambda *_: cost.fitting_seconds(config["som"])),
    params:
        som=lambda wildcards: options.words(MapOptions, settings_of_fit(wildcards)["som"]),
        seed=som_seed,
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/fit_som.py" \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            {params.som} \
            --seed {params.seed} \
            --threads {threads} \
            --output {output.som:q} >{log} 2>&1
        """


rule map_spectra:
    """Find the best-matching units of the tiles {wildcards.tiles}."""
    input:
        som="results/<run>/som/{fit}/som.h5",
        pool="<pool>/{tiles}.fits",
    output:
        map="results/<run>/som/{fit}/{tiles}.fits",
    log:
        "logs/<run>/map_spectra/{fit}/{tiles}.log",
    benchmark:
        "results/<run>/benchmarks/map_spectra/{fit}/{tiles}.jsonl"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000, 100, per_mb=4),
        runtime=time_limit(
            "map_spectra", lambda wildcards, input: spectra_of(input) / cost.MAP_RATE
        ),
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/map_spectra.py" \
            --som {input.som:q} \
            --pool {input.pool:q} \
            --threads {threads} \
            --output {output.map:q} >{log} 2>&1
        """
