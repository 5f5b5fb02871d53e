"""Visual inspection: pages out, CSV files in, labels merged.

results/<run>/round-NN/inspect/index.html           the round's pages
results/<run>/round-NN/inspect/minibatch-MM.html    one page an inspector
labels/<run>/round-NN/*.csv                         what inspectors hand in
results/<run>/round-NN/labels.csv                   merged by the rules
"""


rule write_pages:
    """Write the inspection pages of round {wildcards.round}."""
    input:
        batch="results/<run>/round-{round}/batch.csv",
        batch_pool="results/<run>/round-{round}/batch.fits",
        som=som_of_round,
        vi=handed_in,
    output:
        index="results/<run>/round-{round}/inspect/index.html",
        pages=expand(
            "results/<run>/round-{{round}}/inspect/minibatch-{minibatch}.html",
            minibatch=MINIBATCHES,
        ),
        prospect=directory("results/<run>/round-{round}/prospect"),
    log:
        "logs/<run>/round-{round}/write_pages.log",
    benchmark:
        "results/<run>/benchmarks/round-{round}/write_pages.jsonl"
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        folder=subpath(output.index, parent=True),
        title=lambda wildcards: f"{config['run']}-round-{wildcards.round}",
        labels=lambda wildcards: f"labels/{config['run']}/round-{wildcards.round}",
        roots=sorted({chunk.root for chunk in CHUNKS.values() if chunk.root}) or ["."],
        blind="yes" if config["inspection"]["blind"] else "no",
        cutouts=config["inspection"]["cutouts"],
        inspection=config["inspection"],
        seed=config["seed"],
        command=next_command(),
    shell:
        """
        python workflow_scripts/write_pages.py \
            --batch {input.batch:q} \
            --batch-pool {input.batch_pool:q} \
            --title-prefix {params.title:q} \
            --labels-dir {params.labels:q} \
            --input-root {params.roots:q} \
            --command {params.command:q} \
            --blind {params.blind} \
            --cutouts {params.cutouts:q} \
            --inspectors {params.inspection[inspectors]} \
            --repeats {params.inspection[repeats]} \
            --seed {params.seed} \
            --som {input.som:q} \
            --vi {input.vi:q} \
            --prospect {output.prospect:q} \
            --output-dir {params.folder:q} >{log} 2>&1
        """


rule write_adjudication:
    """Write the page of round {wildcards.round} on which conflicts are decided."""
    input:
        batch="results/<run>/round-{round}/batch.csv",
        batch_pool="results/<run>/round-{round}/batch.fits",
        som=som_of_round,
        labels="results/<run>/round-{round}/labels.csv",
        vi=handed_in,
    output:
        page="results/<run>/round-{round}/inspect/adjudication.html",
    log:
        "logs/<run>/round-{round}/write_adjudication.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        folder=subpath(output.page, parent=True),
        title=lambda wildcards: f"{config['run']}-round-{wildcards.round}",
        labels=lambda wildcards: f"labels/{config['run']}/round-{wildcards.round}",
        roots=sorted({chunk.root for chunk in CHUNKS.values() if chunk.root}) or ["."],
        blind="yes" if config["inspection"]["blind"] else "no",
        cutouts=config["inspection"]["cutouts"],
    shell:
        """
        python workflow_scripts/write_adjudication.py \
            --batch {input.batch:q} \
            --batch-pool {input.batch_pool:q} \
            --title-prefix {params.title:q} \
            --labels-dir {params.labels:q} \
            --input-root {params.roots:q} \
            --blind {params.blind} \
            --cutouts {params.cutouts:q} \
            --som {input.som:q} \
            --vi {input.vi:q} \
            --labels {input.labels:q} \
            --output-dir {params.folder:q} >{log} 2>&1
        """


rule answer_by_oracle:
    """Answer minibatch {wildcards.minibatch} of round {wildcards.round} from the truth."""
    input:
        batch="results/<run>/round-{round}/batch.csv",
        truth=config["oracle"]["truth"] or [],
    output:
        answers="results/<run>/round-{round}/oracle/minibatch-{minibatch}.csv",
    log:
        "logs/<run>/round-{round}/answer_by_oracle/minibatch-{minibatch}.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        title=lambda wildcards: (
            f"{config['run']}-round-{wildcards.round}-minibatch-{wildcards.minibatch}"
        ),
    shell:
        """
        python workflow_scripts/answer_by_oracle.py \
            --batch {input.batch:q} \
            --truth {input.truth:q} \
            --minibatch {wildcards.minibatch} \
            --title {params.title:q} \
            --output {output.answers:q} >{log} 2>&1
        """


rule merge_labels:
    """Merge the labels of round {wildcards.round}."""
    input:
        batch="results/<run>/round-{round}/batch.csv",
        vi=answers,
    output:
        labels="results/<run>/round-{round}/labels.csv",
        refused="results/<run>/round-{round}/refused.csv",
        agreement="results/<run>/round-{round}/agreement.json",
        record=directory("results/<run>/round-{round}/handed-in"),
    log:
        "logs/<run>/round-{round}/merge_labels.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        whole=lambda wildcards: "" if is_oracle_round(wildcards.round) else "--whole",
    shell:
        """
        python workflow_scripts/merge_labels.py \
            --task {params.task} \
            --batch {input.batch:q} \
            --vi {input.vi:q} {params.whole} \
            --output {output.labels:q} \
            --refused {output.refused:q} \
            --agreement {output.agreement:q} \
            --record {output.record:q} >{log} 2>&1
        """
