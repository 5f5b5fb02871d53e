"""Visual inspection: pages out, CSV files in, labels merged.

results/<run>/round-NN/inspect/index.html           the round's pages
results/<run>/round-NN/inspect/minibatch-MM.html    one page per minibatch
<labels>/<run>/round-NN/*.csv                       what inspectors hand in
results/<run>/round-NN/handed-in/                   copies of it: append-only, no rule's output
results/<run>/round-NN/labels.csv                   merged by the rules
"""

# One rule for every number of pages that a round has: outputs cannot be functions.
for minibatches, numbers in CAMPAIGN.grouped("minibatches"):

    rule:
        """Write the inspection pages of round {wildcards.round}."""
        name:
            numbered("write_pages", numbers)
        input:
            batch="results/<run>/round-{round}/batch.csv",
            batch_pool="results/<run>/round-{round}/batch.fits",
            record="results/<run>/round-{round}/round.json",
            som=som_of_round,
        output:
            index="results/<run>/round-{round}/inspect/index.html",
            pages=expand(
                "results/<run>/round-{{round}}/inspect/minibatch-{minibatch}.html",
                minibatch=minibatches,
            ),
            prospect=directory("results/<run>/round-{round}/prospect"),
        log:
            "logs/<run>/round-{round}/write_pages.log",
        benchmark:
            "results/<run>/benchmarks/round-{round}/write_pages.jsonl"
        wildcard_constraints:
            round=constraint_of_rounds(numbers),
        localrule: True
        conda:
            "../envs/cpu.yaml"
        params:
            task=config["task"],
            folder=subpath(output.index, parent=True),
            title=lambda wildcards: CAMPAIGN.page(int(wildcards.round)),
            labels=lambda wildcards: str(CAMPAIGN.labels(int(wildcards.round))),
            vi=handed_in,
            roots=roots_of_round,
            blind=lambda wildcards: "yes" if settings(wildcards)["inspection"]["blind"] else "no",
            cutouts=config["inspection"]["cutouts"],
            templates=config["inspection"]["redrock_templates"],
            inspection=lambda wildcards: settings(wildcards)["inspection"],
            adjudication=lambda wildcards: "yes" if is_adjudicated(wildcards.round) else "no",
            closed=lambda wildcards: "yes" if CAMPAIGN.is_closed(int(wildcards.round)) else "no",
            seed=lambda wildcards: settings(wildcards)["seed"],
        shell:
            """
            python "$QUASARNET_AL_PROGRAMS/write_pages.py" \
                --task {params.task} \
                --batch {input.batch:q} \
                --batch-pool {input.batch_pool:q} \
                --title-prefix {params.title:q} \
                --labels-dir {params.labels:q} \
                --input-root {params.roots:q} \
                --command "$QUASARNET_AL_COMMAND" \
                --blind {params.blind} \
                --cutouts={params.cutouts:q} \
                --redrock-templates={params.templates:q} \
                --inspectors {params.inspection[inspectors]} \
                --complete {params.inspection[complete]} \
                --repeats {params.inspection[repeats]} \
                --adjudication {params.adjudication} \
                --closed {params.closed} \
                --seed {params.seed} \
                --som {input.som:q} \
                --vi {params.vi:q} \
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
    output:
        page="results/<run>/round-{round}/inspect/adjudication.html",
    log:
        "logs/<run>/round-{round}/write_adjudication.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        folder=subpath(output.page, parent=True),
        title=lambda wildcards: CAMPAIGN.page(int(wildcards.round)),
        labels=lambda wildcards: str(CAMPAIGN.labels(int(wildcards.round))),
        vi=handed_in,
        roots=roots_of_round,
        blind=lambda wildcards: "yes" if settings(wildcards)["inspection"]["blind"] else "no",
        cutouts=config["inspection"]["cutouts"],
        templates=config["inspection"]["redrock_templates"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/write_adjudication.py" \
            --task {params.task} \
            --batch {input.batch:q} \
            --batch-pool {input.batch_pool:q} \
            --title-prefix {params.title:q} \
            --labels-dir {params.labels:q} \
            --input-root {params.roots:q} \
            --blind {params.blind} \
            --cutouts={params.cutouts:q} \
            --redrock-templates={params.templates:q} \
            --som {input.som:q} \
            --vi {params.vi:q} \
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
        python "$QUASARNET_AL_PROGRAMS/answer_by_oracle.py" \
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
        oracle=oracle_answers,
    output:
        labels="results/<run>/round-{round}/labels.csv",
        refused="results/<run>/round-{round}/refused.csv",
        agreement="results/<run>/round-{round}/agreement.json",
    log:
        "logs/<run>/round-{round}/merge_labels.log",
    localrule: True
    conda:
        "../envs/cpu.yaml"
    params:
        task=config["task"],
        vi=handed_in,
        title=lambda wildcards: CAMPAIGN.page(int(wildcards.round)),
        whole=lambda wildcards: ("--whole" if CAMPAIGN.must_be_whole(int(wildcards.round)) else ""),
        complete=lambda wildcards: settings(wildcards)["inspection"]["complete"],
    shell:
        """
        python "$QUASARNET_AL_PROGRAMS/merge_labels.py" \
            --task {params.task} \
            --batch {input.batch:q} \
            --vi {input.oracle:q} {params.vi:q} {params.whole} \
            --complete {params.complete} \
            --title-prefix {params.title:q} \
            --output {output.labels:q} \
            --refused {output.refused:q} \
            --agreement {output.agreement:q} >{log} 2>&1
        """
