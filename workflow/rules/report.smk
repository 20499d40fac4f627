# One page with every table and figure.


rule report:
    input:
        tables=TABLES,
        figures=FIGURES,
    output:
        "results/report.html",
    log:
        "logs/report.log",
    benchmark:
        "logs/benchmarks/report.tsv"
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
        gpu=0,
    params:
        tables=lambda wildcards, input: " ".join(f"--table {file}" for file in input.tables),
        figures=lambda wildcards, input: " ".join(f"--figure {file}" for file in input.figures),
    message:
        "Write results/report.html"
    shell:
        "python -m stages.report {params.tables} {params.figures} --out {output} > {log} 2>&1"
