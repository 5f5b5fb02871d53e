"""Whether the pool is whole enough to choose from, or the catalogue's tiles to be published.

results/<run>/pool/files.csv         what each pool file was made of: files, spectra, what was left out
results/<run>/catalog/files.csv      the same of the tiles of the catalogue
"""


rule check_pool:
    """Count the files that the {wildcards.section} lacks; refuse too many."""
    input:
        pool=lambda wildcards: [
            pool_file(tiles)
            for tiles in (CHUNKS if wildcards.section == "pool" else CATALOG_CHUNKS)
        ],
    output:
        counts="results/<run>/{section}/files.csv",
    log:
        "logs/<run>/check_pool/{section}.log",
    wildcard_constraints:
        section="pool|catalog",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        broken=config["pool"]["broken"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/check_pool.py" \
            --pool @<(printf '%s\\n' {input.pool:q}) \
            --broken {params.broken} \
            --output {output.counts:q} >{log} 2>&1
        """
