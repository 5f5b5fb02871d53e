"""Pages and reports, copied to where others can read them: the config's key `publish`.

<publish>/<run>/round-NN/inspect/*.html, round-NN/report.html
<publish>/<run>/report.html               copied last: it says that all is there
"""

if config["publish"]:

    rule publish_pages:
        """Copy the pages and reports of all rounds."""
        input:
            pages=expand(
                "results/<run>/{page}",
                page=[page for number in ROUNDS for page in pages_of_round(number)],
            ),
            adjudications=adjudications(),
            reports=expand("results/<run>/round-{round}/report.html", round=two_digits(ROUNDS)),
            report="results/<run>/report.html",
        output:
            report=f"{config['publish']}/<run>/report.html",
        log:
            "logs/<run>/publish_pages.log",
        localrule: True
        conda:
            "../envs/cpu.yaml"
        params:
            root=f"results/{config['run']}",
            folder=subpath(output.report, parent=True),
        shell:
            """
            python "$QUASARNET_AL_PROGRAMS/publish_pages.py" \
                --files {input:q} \
                --root {params.root:q} \
                --output-dir {params.folder:q} >{log} 2>&1
            """
